"""Secrets of private feeds: in no document, no output, no child's environment; and where they can be kept."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aggregator.children.sandbox import Sandbox
from aggregator.daemon import files
from aggregator.entry.page import description
from aggregator.environment import variable
from aggregator.errors import ConfigError
from aggregator.model import DocumentSettings, Entry, Feed, FeedRead, IdentityRule
from aggregator.pipeline.reading import ReadRequest, read
from tests import forked
from tests.children import functions

PRIVATE = (
    "https://user:s3cret-pw@private.example/feeds/me.xml?token=s3cret-token#s3cret"
)
ENTRIES = "<item><title>x</title><link>{link}</link><description>&lt;a href='{link}'&gt;x&lt;/a&gt;&lt;img src='{link}'&gt;</description></item>"
RSS = "<rss version='2.0'><channel><title>t</title>{link}{item}</channel></rss>"
ATOM = (
    "<feed xmlns='http://www.w3.org/2005/Atom' xml:base='{link}'><title>t</title><link rel='self' href='{link}'/><entry>"
    "<id>1</id><title>x</title><link href='{link}'/><content type='html'>&lt;a href='{link}'&gt;x&lt;/a&gt;</content></entry></feed>"
)
JSON = '{{"version":"https://jsonfeed.org/version/1.1","title":"t","items":[{{"id":"1","url":"{link}","title":"x","image":"{link}","content_html":"<a href=\'{link}\'>x</a>"}}]}}'


@pytest.mark.parametrize(
    "link", ["#top", "?page=1", "", "b.html", "/b", "//private.example", ".", "?"]
)
@pytest.mark.parametrize("form", ["rss", "rss with a link", "atom", "json"])
def test_a_relative_link_does_not_publish_the_address_of_a_private_feed(
    form: str, link: str
) -> None:
    item = ENTRIES.format(link=link)
    bodies = {
        "rss": RSS.format(link="", item=item),
        "rss with a link": RSS.format(link=f"<link>{link}</link>", item=item),
        "atom": ATOM.format(link=link),
        "json": JSON.format(link=link),
    }
    feed, body = Feed("f", PRIVATE), bodies[form].encode()
    now = datetime(2026, 11, 22, tzinfo=UTC)
    answer = read(
        ReadRequest(
            feed,
            PRIVATE,
            body,
            None,
            {},
            IdentityRule(),
            DocumentSettings(),
            timedelta(days=3),
            now,
        )
    )
    assert isinstance(answer, FeedRead)
    assert len(answer.entries) == 1
    assert "s3cret" not in repr(answer.entries)


OWN = "https://private.example/feeds/me.xml?token=s3cret-token#5"
NAMED = [
    f"<rss version='2.0'><channel><title>t</title><item><title>x</title><guid>{OWN}</guid></item></channel></rss>",
    f"<rss version='2.0'><channel><title>t</title><item><title>x</title><link>{OWN.replace('https', 'HTTP')}</link></item></channel></rss>",
    f"<feed xmlns='http://www.w3.org/2005/Atom'><title>t</title><entry><id>{OWN}</id><title>x</title><link href=''/></entry></feed>",
    f'{{"version":"https://jsonfeed.org/version/1.1","title":"t","items":[{{"id":"{OWN}","title":"","content_text":"","url":"{OWN}"}}]}}',
]


@pytest.mark.parametrize("body", NAMED)
def test_entries_named_by_the_address_of_a_private_feed_do_not_publish_it(
    body: str,
) -> None:
    [entry] = entries_of(Feed("f", PRIVATE), body.encode())
    assert "s3cret" not in repr(dataclasses.replace(entry, identity_key=""))
    assert entry.url.lower().removeprefix("http").endswith("/feeds/me.xml#5")
    other = body.replace("me.xml?token=s3cret-token", "me.xml?p=2")
    [entry] = entries_of(Feed("f", PRIVATE), other.encode())
    assert entry.url.endswith("?p=2#5")


def entries_of(feed: Feed, body: bytes) -> Sequence[Entry]:
    request = ReadRequest(
        feed,
        feed.url,
        body,
        None,
        {},
        IdentityRule(),
        DocumentSettings(),
        timedelta(days=3),
        datetime(2026, 11, 22, tzinfo=UTC),
    )
    answer = read(request)
    assert isinstance(answer, FeedRead)
    return answer.entries


def test_a_page_in_place_of_a_private_feed_is_told_without_its_token() -> None:
    page = '<html><link rel="alternate" type="application/rss+xml" href="/rss?lang=en&amp;rss_key=s3cret&a=1"><body>x'
    assert (
        description(page)
        == "an HTML page; it names a feed at /rss?lang=en&rss_key=***&a=1"
    )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "feeds.toml"
    file.write_text(
        f'[aggregator]\nstate_dir = "s"\n[[feed]]\nid = "f"\nurl = "{PRIVATE}"\n'
    )
    return file


def told(config: Path, *words: str) -> str:
    done = forked.run(*words, "--config", str(config), environment=os.environ)
    return done.stdout + done.stderr


LISTINGS = [
    ("feeds", "list"),
    ("feeds", "list", "--json"),
    ("feeds", "export"),
    ("check",),
    ("check", "--json"),
]


@pytest.mark.parametrize("words", LISTINGS, ids=" ".join)
def test_no_listing_tells_the_secrets_of_addresses(
    config: Path, words: tuple[str, ...]
) -> None:
    answer = told(config, *words)
    assert "private.example" in answer
    assert "s3cret-pw" not in answer
    assert "s3cret-token" not in answer


HELD = "u:s3cret-pw@private.example"
KEPT = f"https://{HELD}/feeds?token=s3cret-token"
MISTAKES = [
    f'[[feed]]\nurl = "htp://{HELD}/x?token=s3cret-token"',
    f'[[feed]]\nurl = "{HELD}/x?token=s3cret-token"',
    f'[[feed]]\nurl = "https://{HELD}:99999/x?rss_key=s3cret-token"',
    '[[feed]]\nurl = "https://u:s3cret-pw@[::1/x?token=s3cret-token"',
    f'[[feed]]\nurl = "{KEPT}"\n[[feed]]\nurl = "{KEPT}"',
    f'[[feed]]\nurl = "{KEPT}"\n"{KEPT}" = 1',
    f'["{KEPT}"]\na = 1',
    f'[[feed]]\nurl = "{KEPT}"\nauth = "Bearer s3cret-token"',
    f'[[feed]]\nurl = "{KEPT}"\nauth = {{ scheme = "s3cret-token", env = "X" }}',
    f'[[feed]]\nurl = "{KEPT}"\nheaders = "X-Key: s3cret-token"',
    f'[[feed]]\nurl = "{KEPT}"\nheaders = {{ "X-Key" = 5, "X Key" = "s3cret-token" }}',
    f'[aggregator]\nredis_url = "redis:{HELD}:1/0"',
    f'[aggregator]\nredis_url = "redis://{HELD}:1/s3cret-pw@x"',
    f'[aggregator]\nredis_url = "redi://{HELD}:port/0?password=s3cret-pw"',
    f'[[notify]]\nname = "a"\nkind = "mail"\nsmtp = "smtp://{HELD}:99999"',
    f'[fetch]\nproxy = "http://{HELD}:99999"',
]


@pytest.mark.parametrize("text", MISTAKES)
def test_no_mistake_is_told_with_the_secret_in_it(tmp_path: Path, text: str) -> None:
    """They end in terminals, in the journal of a service that does not start, and in questions to others."""
    file = tmp_path / "feeds.toml"
    file.write_text(f"{text}\n")
    answer = told(file, "check")
    assert "s3cret" not in answer
    answer += told(file, "feeds", "remove", KEPT)
    assert "s3cret" not in answer
    assert "Traceback" not in answer
    assert len(answer.splitlines()) >= 2


def test_an_export_for_another_program_can_hold_them(config: Path) -> None:
    assert PRIVATE in told(config, "feeds", "export", "--secrets")


async def test_children_have_no_secret_of_ours_in_their_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EXAMPLE_PASSWORD", "s3cret")
    second = timedelta(seconds=20)
    async with Sandbox(
        functions.obey, processes=1, wall=second, cpu=second, memory_bytes=1 << 29
    ) as running:
        assert await running.run(("environment", None)) == []
    assert variable("EXAMPLE_PASSWORD") == os.environ["EXAMPLE_PASSWORD"] == "s3cret"


CHILDREN = """
import asyncio, os, psutil
from datetime import timedelta
from aggregator.children.sandbox import Sandbox
from tests.children import functions

async def main():
    span = timedelta(seconds=30)
    async with Sandbox(functions.obey, processes=1, wall=span, cpu=span, memory_bytes=1 << 29) as running:
        told = await running.run(("environment", None))
        family = psutil.Process().children(recursive=True)
        print(told, len(family), [one.pid for one in family if "EXAMPLE_PASSWORD" in one.environ()], os.environ["EXAMPLE_PASSWORD"])

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_no_process_that_the_daemon_starts_begins_with_its_secrets(
    tmp_path: Path,
) -> None:
    script = tmp_path / "children.py"
    script.write_text(CHILDREN)
    root = Path(__file__).resolve().parents[1]
    environment = {
        "PYTHONPATH": str(root),
        "PATH": "/usr/bin:/bin",
        "EXAMPLE_PASSWORD": "s3cret",
    }
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=environment,
        cwd=root,
    )
    said, count, leaking, kept = done.stdout.split()
    assert (said, leaking, kept) == ("[]", "[]", "s3cret")
    assert int(count) >= 2


def test_the_address_of_redis_is_read_from_a_file_a_credential_or_the_environment(
    tmp_path: Path,
) -> None:
    url = "redis://user:s3cret@redis.example/0"
    file = tmp_path / "feeds.toml"
    (tmp_path / "redis.url").write_text(url + "\n")
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "redis").write_text(url)
    places: list[tuple[str, dict[str, str]]] = [
        ('redis_url_file = "redis.url"', {}),
        (
            f'redis_url_file = "{tmp_path / "redis.url"}"',
            {"CREDENTIALS_DIRECTORY": "/nowhere"},
        ),
        (
            'redis_url_file = "redis"',
            {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")},
        ),
        ('redis_url_environment = "REDIS"', {"REDIS": url}),
    ]
    for line, environment in places:
        file.write_text(f"[aggregator]\n{line}\n")
        assert (
            files.loaded(
                str(file), environment=environment
            ).configuration.settings.redis_url
            == url
        )


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('redis_url_file = "none"', "cannot be read"),
        ('redis_url_environment = "NONE"', "NONE is not set"),
        ('redis_url = "redis://h"\nredis_url_file = "x"', "name one of"),
    ],
)
def test_a_place_that_holds_no_address_is_refused_in_words(
    tmp_path: Path, lines: str, words: str
) -> None:
    file = tmp_path / "feeds.toml"
    file.write_text(f"[aggregator]\n{lines}\n")
    with pytest.raises(ConfigError, match=words):
        files.loaded(str(file), environment={})
