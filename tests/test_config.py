"""feeds.toml: what it means, and what is said when it is wrong."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.config import configuration, feed_id_for, strained, unheard
from aggregator.config_values import duration, size_bytes
from aggregator.errors import ConfigError
from aggregator.model import Auth, Backlog, Match, Queue, Settings


def problems_of(text: str) -> list[tuple[int | None, str, str]]:
    with pytest.raises(ConfigError) as caught:
        configuration(text, file="f.toml")
    return [(p.line, p.key, p.text) for p in caught.value.problems]


def test_an_empty_file_means_every_default():
    assert configuration("").settings == Settings()
    assert configuration("").feeds == ()


def test_a_feed_takes_what_it_leaves_out_from_the_defaults():
    read = configuration(
        '[defaults]\nlanguage = "zh"\nmin_interval = "5m"\n[fetch]\nmax_body = "1MiB"\n'
        '[[feed]]\nurl = "https://example.org/a"\n[[feed]]\nurl = "https://example.org/b"\nlanguage = "en"\n'
        'max_body = "2MiB"\nbacklog = "all"\nclock_offset = "-8h"\nheaders = { X-Key = "1" }\n'
        'auth = { scheme = "basic", user = "me", environment = "SECRET" }\n'
    )
    first, second = read.feeds
    assert (first.language, first.min_interval, first.max_body_bytes) == (
        "zh",
        timedelta(minutes=5),
        1024**2,
    )
    assert (second.language, second.backlog, second.max_body_bytes) == (
        "en",
        Backlog.ALL,
        2 * 1024**2,
    )
    assert second.clock_offset == timedelta(hours=-8)
    assert second.headers == (("X-Key", "1"),)
    assert second.auth == Auth("basic", user="me", environment="SECRET")


def test_queues_and_their_filters_are_read():
    text = '[[queue]]\nname = "w"\nkind = "list"\nmin_sources = 3\nmatch = { languages = ["zh"], words = ["quake"] }\n'
    assert configuration(text).settings.queues == (
        Queue(
            "w",
            kind="list",
            min_sources=3,
            match=Match(languages=("zh",), words=("quake",)),
        ),
    )


def test_retention_and_sizes_are_read_under_the_names_of_the_contract():
    read = configuration(
        '[retention]\nmax_stream_bytes = "2GiB"\nseen = "90d"\n[documents]\nmax_document = "64KiB"\n'
    )
    assert read.settings.retention.max_stream_bytes == 2 * 1024**3
    assert read.settings.retention.seen == timedelta(days=90)
    assert read.settings.documents.max_document_bytes == 65536


def test_a_byte_order_mark_as_some_editors_write_it_is_passed_over():
    assert configuration(
        '\ufeff[dedup]\nwindow = "1h"\n'
    ).settings.dedup.window == timedelta(hours=1)


def test_an_unknown_key_is_named_with_its_line_and_the_nearest_known_one():
    assert problems_of('[fetch]\n\ntimout = "30s"\n') == [
        (3, "fetch.timout", 'unknown key; did you mean "timeout"?')
    ]


def test_an_unknown_key_of_the_second_feed_is_found_on_its_own_line():
    text = '[[feed]]\nurl = "https://a.org/"\n[[feed]]\nurl = "https://b.org/"\nmin_intervall = "5m"\n'
    assert problems_of(text) == [
        (5, "feed[1].min_intervall", 'unknown key; did you mean "min_interval"?')
    ]


def test_every_problem_is_told_at_once_in_file_order():
    text = '[fetch]\ntimeout = 30\n[http]\nlisten = "9191"\n[[feed]]\nurl = "ftp://x"\n[digest]\ncron = "often"\n'
    assert [(line, key) for line, key, _ in problems_of(text)] == [
        (2, "fetch.timeout"),
        (4, "http.listen"),
        (6, "feed[0].url"),
        (8, "digest.cron"),
    ]


def test_broken_toml_is_told_with_its_line():
    [(line, _, text)] = problems_of("[fetch]\ntimeout = \n")
    assert line == 2
    assert text.startswith("not valid TOML")


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ('[[feed]]\nurl = "https://a.org/"\n' * 2, "feed[0].url", "there twice"),
        (
            '[[feed]]\nid = "x"\nurl = "https://a.org/"\n[[feed]]\nid = "x"\nurl = "https://b.org/"\n',
            "feed[0].id",
            "used 2",
        ),
        ('[[feed]]\nurl = "https://a.org/"\nid = "A b"\n', "feed[0].id", "no feed id"),
        ('[[feed]]\nid = "x"\n', "feed[0].url", "must be given"),
        ('[[feed]]\nurl = "http://[bad"\n', "feed[0].url", "not a URL"),
        (
            '[[feed]]\nurl = "https://a.org/"\ncategories = ["a", "b", "c", "d"]\n',
            "feed[0].categories",
            "at most 3 are allowed",
        ),
        (
            '[[feed]]\nurl = "https://a.org/"\nmin_interval = "2d"\n',
            "feed[0].min_interval",
            "longer than max_interval",
        ),
        (
            '[[feed]]\nurl = "https://a.org/"\nauth = { scheme = "bearer" }\n',
            "feed[0].auth",
            "where the secret is",
        ),
        (
            '[[feed]]\nurl = "https://a.org/"\nheaders = { X = "a\\nb" }\n',
            "feed[0].headers.X",
            "line breaks",
        ),
        (
            '[[feed]]\nurl = "https://a.org/"\nenabled = "yes"\n',
            "feed[0].enabled",
            "found 'yes'",
        ),
        (
            '[[queue]]\nname = "q"\nmatch = { feeds = ["nope"] }\n',
            "queue[0].match",
            'no feed has the id "nope"',
        ),
        (
            '[dedup]\nstrictness = "fuzzy"\n',
            "dedup.strictness",
            "'strict', 'balanced' or 'loose'",
        ),
        ('[digest]\ntimezone = "Mars/Base"\n', "digest.timezone", "no time zone"),
        ('[aggregator]\nkey_prefix = "a b"\n', "aggregator.key_prefix", "no prefix"),
        ("feed = 3\n", "feed", "write it as [[feed]]"),
        ('[feed]\nurl = "https://a.org/"\n', "feed", "write it as [[feed]]"),
        ('[fetch]\ntimeout = "0s"\n', "fetch.timeout", "at least 1s"),
        (
            '[fetch]\nper_host_interval = "-1s"\n',
            "fetch.per_host_interval",
            "at least 0s",
        ),
        ('[documents]\nembeds = "x"\n', "documents.embeds", "write a list"),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(text: str, key: str, says: str):
    found = problems_of(text)
    assert any(k == key and says in said for _, k, said in found), found


def test_a_feed_id_is_derived_from_host_path_and_url_and_never_changes():
    assert (
        feed_id_for("https://www.example.org/news/rss.xml")
        == "example-org-news-rss-xml-36e089"
    )
    assert feed_id_for("https://新闻.example/") != feed_id_for("https://体育.example/")


@given(st.text())
def test_any_text_is_a_configuration_or_a_configuration_error(text: str):
    with suppress(ConfigError):
        assert configuration(text).feeds == ()


@given(st.from_regex(r"https?://[a-z]{1,70}\.[a-z]{2,9}/[ -~]{0,90}", fullmatch=True))
def test_a_derived_feed_id_is_a_valid_feed_id(url: str):
    identity = feed_id_for(url)
    assert len(identity) <= 64
    assert set(identity) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")


@given(st.integers(1, 10**5), st.sampled_from(["s", "m", "h", "d"]))
def test_a_duration_reads_as_written(number: int, unit: str):
    seconds = number * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
    if seconds <= 3650 * 86400:
        assert duration(f"{number}{unit}") == timedelta(seconds=seconds)
    else:
        with pytest.raises(ValueError, match="ten years"):
            duration(f"{number}{unit}")


def test_durations_and_sizes_without_a_unit_are_refused():
    with pytest.raises(ValueError, match="unit"):
        duration("30")
    with pytest.raises(ValueError, match="unit"):
        size_bytes("ten")
    assert duration("1h30m") == timedelta(minutes=90)
    assert size_bytes("1GiB") == 1024**3


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        (
            '[retention]\nevents = "24h"\n',
            "retention.events",
            "1d is shorter than the [dedup] window of 3d",
        ),
        (
            '[dedup]\nwindow = "40d"\n',
            "retention.events",
            "30d is shorter than the [dedup] window of 40d",
        ),
        ('[retention]\nseen = "1d"\n', "retention.seen", "at least 3d"),
        (
            '[retention]\nseen = "7d"\n[defaults]\nmax_interval = "5d"\n',
            "retention.seen",
            "at least 10d",
        ),
        ("[fetch]\nconcurrency = 449\n", "fetch.concurrency", "at most 448"),
        (
            '[http]\nlisten = "127.0.0.1:9"\n[server]\nlisten = "127.0.0.1:9"\n',
            "http.listen",
            "choose another port",
        ),
    ],
)
def test_bounds_that_contradict_each_other_are_refused(text: str, key: str, words: str):
    with pytest.raises(ConfigError) as refused:
        configuration(text + '[[feed]]\nurl = "https://a.example/"\n')
    [problem] = refused.value.problems
    assert problem.key == key
    assert words in problem.text
    assert problem.line is not None or key == "retention.events"


def test_bounds_that_just_hold_are_taken():
    text = '[retention]\nevents = "72h"\nseen = "72h"\n[fetch]\nconcurrency = 448\n'
    assert configuration(text).settings.fetch.concurrency == 448


def test_words_that_ask_for_nothing_are_refused_with_their_line():
    text = '[[queue]]\nname = "w"\nmatch = { words = ["quake", "title:"] }\n'
    with pytest.raises(ConfigError) as raised:
        configuration(text)
    [problem] = raised.value.problems
    assert problem.line == 3
    assert "asks for nothing" in problem.text


FEEDS = """
[[feed]]
url = "https://a.example/feed"
language = "zh-CN"
categories = ["新闻", "A", "World"]
"""


@pytest.mark.parametrize(
    ("match", "told"),
    [
        ('categories = ["World"], languages = ["zh"]', []),
        ('categories = ["Wrold"]', ['no feed has the category "Wrold"', "World"]),
        ('languages = ["zh-TW"]', ['no feed has the language "zh-TW"']),
        ('languages = ["en"]', ['no feed has the language "en"']),
        ('words = ["quake", "-drill", "climate change", "C++"]', []),
        ('words = ["quake, tremor"]', ["quake, tremor", "one item for each word"]),
        ('words = ["quake OR tremor"]', ["one item for each word"]),
        ('words = ["quake|tremor"]', ["one item for each word"]),
        ('words = ["*quake"]', ['"quake*" for a beginning']),
    ],
)
def test_what_a_queue_asks_for_and_no_feed_has_is_named(match: str, told: list[str]):
    found = list(
        unheard(configuration(f'{FEEDS}[[queue]]\nname = "w"\nmatch = {{ {match} }}\n'))
    )
    assert len(found) == bool(told)
    assert all(part in sentence for sentence in found for part in told)


def test_a_feed_without_a_language_may_write_any():
    text = f'{FEEDS}[[feed]]\nurl = "https://b.example/"\n[[queue]]\nname = "w"\nmatch = {{ languages = ["en"] }}\n'
    [told] = unheard(configuration(text))
    assert "may still be found" in told


@pytest.mark.parametrize(
    ("written", "meant"),
    [("1", "mon"), ("0", "sun"), ("7", "sun"), ("1-5", "mon,tue,wed,thu,fri"), ("5-7", "fri,sat,sun"), ("*/2", "sun,tue,thu,sat"),
     ("1/2", "mon,wed,fri"), ("sat", "sat"), ("mon-fri", "mon-fri"), ("1,sat", "mon,sat"), ("*", "*")],
)  # fmt: skip
def test_days_of_the_week_are_counted_as_in_crontab(written: str, meant: str):
    read = configuration(f'[digest]\ncron = "0 8 * * {written}"\n')
    assert read.settings.digest.cron == f"0 8 * * {meant}"


@pytest.mark.parametrize(
    "cron",
    ["0 0 30 2 *", "0 8 * * 9", "0 8 * * 5-2", "@daily", "0 25 * * *", "0 8 * * */0"],
)
def test_a_cron_expression_that_never_comes_is_refused(cron: str):
    with pytest.raises(ConfigError, match=r"digest\.cron"):
        configuration(f'[digest]\ncron = "{cron}"\n')


MISTAKES = {
    "a plural table": ('[[feeds]]\nurl = "https://a.example/"\n', 1, 'did you mean "feed"'),
    "a key in capitals": ('[[feed]]\nurl = "https://a.example/"\nLANGUAGE = "en"\n', 3, 'did you mean "language"'),
    "a key of another table": ('[[feed]]\nurl = "https://a.example/"\nredis_url = "redis://h"\n', 3, r"belongs into \[aggregator\]"),
    "a key outside of its table": ('cron = "0 * * * *"\n', 1, r"belongs into \[digest\] or \[\[feed\]\]"),
    "an address for a place to listen": ('[http]\nlisten = "http://127.0.0.1:9191"\n', 2, "not an address to listen on"),
    "a star for all addresses": ('[http]\nlisten = "*:9191"\n', 2, "0.0.0.0:9191"),
    "digits that are none": ('[http]\nlisten = "127.0.0.1:９１９１"\n', 2, "not an address to listen on"),
    "a NUL in a directory": ('[aggregator]\nstate_dir = "a\\u0000b"\n', 2, "no name of a directory"),
    "an address for a host": ('[documents]\nembeds = ["https://a.example/"]\n', 2, "is no host"),
    "a proxy without a scheme": ('[fetch]\nproxy = "proxy:3128"\n', 2, "not a web address"),
    "True": ('[[feed]]\nurl = "https://a.example/"\nenabled = True\n', 3, "true and false are written small"),
    "curly quotes": ("[[feed]]\nurl = “https://a.example/”\n", 2, "straight quotes"),
    "OPML": ("<opml/>", 1, "feeds import"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_its_line_and_what_to_write(
    text: str, line: int, words: str
):
    with pytest.raises(ConfigError, match=words) as caught:
        configuration(text)
    assert caught.value.problems[-1].line == line


@pytest.mark.parametrize(
    "listen",
    ["127.0.0.1:0", "localhost:9191", "[::1]:9191", "::1:9191", "my-host.example:1"],
)
def test_what_can_be_listened_on_is_taken(listen: str):
    assert (
        configuration(f'[http]\nlisten = "{listen}"\n').settings.http_listen == listen
    )


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ('[[feed]]\nurl = "https://a.example/\n', "quotation mark is missing"),
        ('[[feed]]\nurl: "https://a.example/"\n', 'key = "value"'),
        ('[[feed]]\nid = "a"\nid = "b"\n', "keep one"),
        ('[aggregator]\nstate_dir = "C:\\Users"\n', "single quotes"),
        ('[[queue]]\nmatch = { words = ["a"], }\n', "without a comma"),
        ("; mine\n", "# a comment"),
    ],
)
def test_what_is_no_toml_is_told_with_a_remedy(text: str, remedy: str):
    with pytest.raises(ConfigError) as raised:
        configuration(text)
    [problem] = raised.value.problems
    assert remedy in problem.text
    assert problem.line is not None


# --- bounds that leave something out ---

ONE_FEED = '[[feed]]\nurl = "https://a.example/f"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[digest]\ncron = "0 8 1 * *"', "[retention] reports of 7d is shorter"),
        (
            '[digest]\ncron = "0 8 * * 1"\n[retention]\ndigest = "1d"',
            "[retention] digest of 1d is shorter",
        ),
        (
            '[retention]\nreports = "1d"\n[digest]\ncron = "0 * * * 1-5"',
            "[retention] reports of 1d",
        ),
        ('[fetch]\nmax_body = "300MiB"', "cannot be read"),
        ('[retention]\nmax_stream_bytes = "64KiB"', "is dropped at once"),
        ('[defaults]\nmin_interval = "1s"', ""),
        ('[digest]\ncron = "0 8 * * 1"', ""),
        ('[digest]\ncron = "*/5 8-18 * * *"', ""),
    ],
)
def test_bounds_that_leave_something_out_are_remarked_upon(text: str, said: str):
    remarks = list(strained(configuration(f"{text}\n{ONE_FEED}")))
    assert len(remarks) == bool(said)
    assert said in "".join(remarks)


def test_a_feed_asked_more_seldom_than_its_entries_are_remembered_is_remarked_upon():
    [remark] = strained(configuration(f'{ONE_FEED}cron = "0 0 1 1 *"\n'))
    assert "published again" in remark
    assert not list(strained(configuration(f'{ONE_FEED}cron = "0 0 1 * *"\n')))


@pytest.mark.parametrize(
    ("http", "server", "is_refused"),
    [
        ("127.0.0.1:9191", "0.0.0.0:9191", True),
        ("[::]:9191", "127.0.0.1:9191", True),
        ("127.0.0.1:9191", "127.0.0.2:9191", False),
        ("127.0.0.1:0", "127.0.0.1:0", False),
    ],
)
def test_two_servers_cannot_have_one_port(http: str, server: str, is_refused: bool):
    text = f'[http]\nlisten = "{http}"\n[server]\nlisten = "{server}"\n{ONE_FEED}'
    if not is_refused:
        configuration(text)
        return
    with pytest.raises(ConfigError, match=r"is \[server\] listen, too"):
        configuration(text)


def test_a_mail_more_seldom_than_its_queue_is_kept_is_refused():
    notify = '[[notify]]\nname = "m"\nto = "mailto:a@b.example"\nsender = "c@d.example"\nevery = "14d"\n'
    with pytest.raises(ConfigError, match="would be dropped"):
        configuration(notify + ONE_FEED)
    configuration(notify.replace("14d", "13d") + ONE_FEED)
