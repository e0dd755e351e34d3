"""`aggregator check` prints a feeds.toml that says what is in force."""

from __future__ import annotations

from dataclasses import replace

from aggregator.cli.effective import toml_lines
from aggregator.config import configuration

FULL = """
[aggregator]
state_dir = "/var/lib/新闻 agg"
contact = "https://example.org/bot"
[server]
listen = "127.0.0.1:6390"
[fetch]
timeout = "90s"
max_body = "3MiB"
allowed_networks = ["10.1.0.0/16"]
per_host_interval = "0.5s"
[http]
listen = "[::1]:9191"
[retention]
max_stream_bytes = 123456789
[dedup]
strictness = "strict"
[[queue]]
name = "quakes"
kind = "list"
match = { words = ["地震", 'say "quake"'], languages = ["zh"] }
[[queue]]
name = "all"
"""


def printed(text: str) -> str:
    return "\n".join(
        toml_lines(configuration(text).settings, digest_dir="/var/log/digest")
    )


def test_what_is_printed_is_a_feeds_toml_with_the_same_settings():
    for text in ("", FULL):
        settings = configuration(text).settings
        again = configuration(printed(text)).settings
        assert again == replace(
            settings, digest=replace(settings.digest, dir="/var/log/digest")
        )


def test_keys_without_a_value_are_comments():
    assert "# redis_url: not set" in printed("").splitlines()
    assert "None" not in printed("")


def test_passwords_in_urls_are_not_printed():
    told = printed(
        '[aggregator]\nredis_url = "redis://me:hush@db.example/0"\n[fetch]\nproxy = "http://me:hush@proxy.example:1"'
    )
    assert "hush" not in told
    assert 'redis_url = "redis://db.example/0"' in told
