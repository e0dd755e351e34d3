"""Hostile input without end: what must hold of every answer, whatever comes in.

A short run by default; `python -m tests.fuzz` makes it long. Strategies put known pieces of each format together in any
order, cut and spoil them: random bytes alone never get past the first check.
"""

from __future__ import annotations

import contextlib
import os
import re
from datetime import UTC, datetime, timedelta

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregator.config import configuration
from aggregator.engine import codec
from aggregator.engine.codec import RecordKind, Unreadable, decode
from aggregator.entry.safety import is_safe
from aggregator.errors import ConfigError
from aggregator.fetch.address import BadUrl, target_of
from aggregator.fetch.tolerant import AnswerReader, BadAnswer
from aggregator.fetch.websub import (
    Confirmed,
    Refused,
    answer_to_hub,
    is_signed,
    links_of,
)
from aggregator.model import (
    DocumentSettings,
    Feed,
    FeedRead,
    IdentityRule,
    Lease,
    Unparsable,
)
from aggregator.opml import subscriptions_of_opml
from aggregator.pipeline.reading import ReadRequest, read
from aggregator.subscriptions import feeds_of_page, usable, with_subscriptions
from aggregator.visible import has_orders, visible

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))
NOW = datetime(2026, 11, 22, tzinfo=UTC)
DOCUMENTS = DocumentSettings()
long_run = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck)
)

ODD = [
    "\x00",
    "\x1b]52;c;eA==\x07",
    "\u202e",
    "\ufffe",
    "\ud800",
    "\x85",
    "\n\n",
    "&#0;",
    "&#xFFFE;",
    "]]>",
    "<![CDATA[",
    "<!--",
    "-->",
    "{{7*7}}",
    "{%",
    "'",
    '"',
    "\\",
]
ODD += [
    "javascript:alert(1)",
    "https://h.example/x",
    "#top",
    "//h.example",
    "http://[::1",
    "file:////evil/x",
    "9" * 400,
    "```",
    "~~~",
    "[x](javascript:a)",
    "é漢🙂",
    "%",
    "&amp;lt;",
]
MARKUP = [
    "<p>",
    "</p>",
    "<div>",
    "</div>",
    "<a href='",
    "'>",
    "<img src=x onerror=a>",
    "<script>",
    "</script>",
    "<svg><style>",
    "<table><td>",
    '<b title="',
    '">',
    "<!-->",
    "<?",
]
MARKUP += [
    "<iframe src=https://www.youtube.com/embed/x>",
    "</iframe>",
    "<template>",
    "<p style='position:var(--x)'>",
    "<base href=//e>",
    "&lt;script&gt;",
    "<x:y xmlns:x='z'>",
]
RSS = [
    "<rss version='2.0'><channel>",
    "</channel></rss>",
    "<item>",
    "</item>",
    "<title>",
    "</title>",
    "<link>",
    "</link>",
    "<guid>",
    "</guid>",
    "<description>",
    "</description>",
]
RSS += [
    "<pubDate>",
    "</pubDate>",
    "Sun, 13 Feb 2022 10:02:17 GMT",
    "<category>",
    "</category>",
    "<enclosure url='x' type='image/png'/>",
    "<media:content url='x'/>",
    "<content:encoded>",
    "</content:encoded>",
]
RSS += [
    "<feed xmlns='http://www.w3.org/2005/Atom'>",
    "</feed>",
    "<entry>",
    "</entry>",
    "<id>",
    "</id>",
    "<content type='html' xml:base='..'>",
    "</content>",
    "<?xml version='1.0' encoding='gb2312'?>",
    "<!DOCTYPE x [<!ENTITY e 'x'>]>",
    "&e;",
]
JSON = [
    '{"version":"https://jsonfeed.org/version/1.1","title":"t","items":[',
    "]}",
    "{",
    "}",
    ",",
    '"id":',
    '"title":',
    '"content_html":',
    '"url":',
    '"image":',
    '"x"',
    "1e999",
    "null",
    "[",
    "]",
    '"\\ud800"',
    '"\\ufffe"',
    "NaN",
]


def drawn(*pieces: list[str], most: int = 40) -> st.SearchStrategy[str]:
    return st.lists(
        st.sampled_from([one for part in pieces for one in part]), max_size=most
    ).map("".join)


SPOILED = st.tuples(
    st.one_of(drawn(RSS, MARKUP, ODD), drawn(JSON, ODD)),
    st.sampled_from(["utf-8", "utf-16", "gb18030", "latin-1"]),
    st.binary(max_size=4),
)
BODIES = st.one_of(
    SPOILED.map(lambda parts: parts[0].encode(parts[1], "replace") + parts[2]),
    st.tuples(drawn(MARKUP, ODD), drawn(ODD)).map(lambda parts: item(*parts)),
)  # fmt: skip


def item(body: str, title: str) -> bytes:
    escaped = body.replace("&", "&amp;").replace("<", "&lt;")
    head = title.replace("&", "&amp;").replace("<", "&lt;")
    return f"<rss version='2.0'><channel><title>t</title><item><title>{head}</title><description>{escaped}</description></item></channel></rss>".encode(
        "utf-8", "replace"
    )


FRONT_MATTER = [
    "title",
    "categories",
    "headimg",
    "author",
    "comments",
    "date",
    "thumbnail",
]


@long_run
@given(BODIES, st.sampled_from([None, "text/xml; charset=big5", "application/json"]))
def test_whatever_a_publisher_sends_is_read_or_refused_and_its_documents_are_harmless(
    body: bytes, content_type: str | None
) -> None:
    read_and_judged(body, content_type)


def read_and_judged(body: bytes, content_type: str | None) -> None:
    """What holds of a document of any publisher: it is read or refused, and what is read is harmless."""
    feed = Feed("f", "https://u:s3cret@h.example/f?token=s3cret")
    request = ReadRequest(
        feed,
        feed.url,
        body,
        content_type,
        {},
        IdentityRule(),
        DOCUMENTS,
        timedelta(days=3),
        NOW,
    )
    answer = read(request)
    if isinstance(answer, Unparsable):
        return
    assert isinstance(answer, FeedRead)
    assert sum(answer.outcomes.values()) >= len(answer.entries)
    for entry in answer.entries:
        head, _, rest = entry.document.removeprefix("\n---\n").partition(
            "\n---\n\n<div>   \n"
        )
        shown = rest.rpartition("\n  \n</div>")[0]
        held = yaml.safe_load(head)
        assert list(held) == FRONT_MATTER
        assert held["title"] == entry.title
        assert held["categories"] == list(entry.categories)
        assert held["author"] == entry.categories[1]
        assert held["headimg"] == held["thumbnail"]
        assert isinstance(held["headimg"], str)
        assert isinstance(held["date"], str | datetime)
        assert is_safe(shown, embeds=DOCUMENTS.embeds)
        assert not re.search(r"\n\s*\n|[{}]", shown)
        assert not has_orders(
            entry.title + entry.author + "".join(entry.tags) + entry.url
        )
        assert "s3cret" not in repr(entry)


KINDS = [value for value in vars(codec).values() if isinstance(value, RecordKind)]


@long_run
@given(
    st.sampled_from(KINDS),
    st.one_of(
        st.binary(max_size=80),
        drawn(JSON, ODD).map(lambda text: b'{"v":1,' + text.encode("utf-8", "replace")),
        st.just(b"1|" * 12),
        st.just(b"9" * 400 + b"|5"),
    ),
)
def test_whatever_stands_in_redis_is_a_record_or_unreadable(
    kind: RecordKind[object], data: bytes
) -> None:
    for given_data in (
        data,
        {b"e": data, "json": data.decode("latin-1"), "at": data.decode("latin-1")},
        [data, data, data],
    ):
        answer = decode(kind, given_data)
        assert answer is not None
        if isinstance(answer, Unreadable):
            assert len(answer.why) <= codec.WHY_CHARS


TOML = [
    "[aggregator]\n",
    "[[feed]]\n",
    "[http]\n",
    "[fetch]\n",
    "[[queue]]\n",
    "[defaults]\n",
    "url = ",
    "listen = ",
    "cron = ",
    "min_interval = ",
    "categories = ",
    "redis_url_file = ",
    "name = ",
    "timezone = ",
]
TOML += [
    '"',
    "'",
    '"https://h.example/"\n',
    '"15m"\n',
    "9" * 400,
    "\n",
    "=",
    "true\n",
    '["a", "b"]\n',
    '"\\u202e"\n',
    "nan\n",
    '"* * * * *"\n',
    '"99:99"\n',
    '"127.0.0.1:99999999"\n',
    "#",
    "'''",
]


@long_run
@given(drawn(TOML, ODD))
def test_whatever_stands_in_feeds_toml_is_a_configuration_or_refused_in_words(
    text: str,
) -> None:
    try:
        feeds = configuration(text, file="feeds.toml").feeds
    except ConfigError:
        feeds = ()
    assert all(feed.url.startswith(("http://", "https://")) for feed in feeds)


OPML = [
    "<opml version='2.0'><body>",
    "</body></opml>",
    "<outline text='",
    "' title='",
    "' xmlUrl='",
    "'/>",
    "'>",
    "</outline>",
    "<!DOCTYPE opml [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>",
    "&x;",
    "https://h.example/f",
    "<?xml version='1.0'?>",
]


@long_run
@given(drawn(OPML, ODD))
def test_whatever_an_opml_holds_feeds_toml_stays_valid(text: str) -> None:
    try:
        opml = subscriptions_of_opml(text.encode("utf-8", "replace"))
    except ConfigError:
        return
    found, refused = usable(opml.feeds)
    changed, added, known = with_subscriptions("", found, file="feeds.toml")
    assert [feed.url for feed in configuration(changed, file="feeds.toml").feeds] == [
        one.url for one in found
    ]
    assert len(added) + len(known) == len(found)
    assert not has_orders(changed)
    assert all(visible(one.why) for one in (*opml.left_out, *refused))


@long_run
@given(
    drawn(
        MARKUP,
        ODD,
        [
            "<link rel=alternate type='application/rss+xml' href='",
            "' title='",
            "<base href='",
        ],
    )
)
def test_whatever_a_page_holds_its_feeds_are_web_addresses_with_clean_names(
    text: str,
) -> None:
    for one in feeds_of_page(text.encode("utf-8", "replace"), url="https://h.example/"):
        assert one.url.startswith(("http://", "https://"))
        assert not has_orders(one.title)


HEADS = [
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 103 -\r\n",
    "HTTP/9 304\n",
    "Content-Length: ",
    "Transfer-Encoding: chunked\r\n",
    "Link: <",
    ">; rel=hub",
    "5",
    "\r\n",
    "\n",
    "\r\n\r\n",
    "0\r\n\r\n",
    "1\r\nx\r\n",
    "X: y\r\n z\r\n",
    ":",
    " ",
    "ffffffffffffffff\r\n",
    "\x00",
]


@long_run
@given(drawn(HEADS, ODD), st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_whatever_a_server_answers_is_regular_or_refused_and_pieces_make_no_difference(
    text: str, cuts: list[int]
) -> None:
    data = text.encode("utf-8", "replace")
    assert _regular(data, [len(data) or 1]) == _regular(data, cuts)
    links_of(text, base_url="https://h.example/")
    with contextlib.suppress(BadUrl):
        assert target_of(data.decode("utf-8", "replace")).host


def _regular(data: bytes, cuts: list[int]) -> tuple[bool, bool]:
    """Whether the answer was refused, and whether it was whole."""
    reader, at, number = AnswerReader(), 0, 0
    try:
        while at < len(data):
            step = cuts[number % len(cuts)]
            reader.fed(data[at : at + step])
            at, number = at + step, number + 1
    except BadAnswer:
        return True, False
    return False, reader.is_over


@long_run
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "hub.mode",
                "hub.topic",
                "hub.challenge",
                "hub.lease_seconds",
                "hub.reason",
            ]
        ),
        drawn(ODD, ["subscribe", "unsubscribe", "denied", "t"], most=3),
    ),
    drawn(ODD, ["sha256=", "sha512=", "0" * 64], most=4),
    st.binary(max_size=20),
)
def test_whatever_a_hub_asks_is_answered_and_no_stranger_signs(
    query: dict[str, str], signature: str, body: bytes
) -> None:
    lease = Lease("https://hub.example/", "t", NOW)
    answer = answer_to_hub(query, lease, ending="", now=NOW)
    assert isinstance(answer, Confirmed | Refused)
    if isinstance(answer, Confirmed):
        assert (query["hub.mode"], query["hub.topic"]) == ("subscribe", "t")
    assert not is_signed(body, signature, "secret")
