"""What strangers write into single values: headers of an answer, redirects, a page's query; and edits of feeds.toml."""

from __future__ import annotations

import contextlib
import re
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from aggregator.config import configuration
from aggregator.errors import ConfigError
from aggregator.fetch.address import BadUrl, redirected, target_of
from aggregator.fetch.caching import caching_of
from aggregator.fetch.guard import Guard, literal_address
from aggregator.mentions import split
from aggregator.opml import Subscription, one_line
from aggregator.subscriptions import with_subscriptions, without_feed
from aggregator.visible import has_orders
from aggregator.watch.api import QueryError, events_query_of
from aggregator.watch.choice import choice_of
from tests.fuzz.test_fuzz import NOW, ODD, drawn, long_run

YEAR = timedelta(days=365)
ZONES = ["GMT", "-0100", "+1400", "-2359", "+9999", "EST", "", "-0000", "Z", "+01:00"]
YEARS = ["9999", "0001", "1", "99", "2026", "10000", "0", "99999999999999999999"]


@st.composite
def dates(draw: st.DrawFn) -> str:
    """A date in one of HTTP's forms, or nearly."""
    day = draw(st.sampled_from(["Fri, ", "Friday, ", "", "Fri "]))
    number = draw(st.sampled_from(["31", "01", "1", "0", "99"]))
    month = draw(st.sampled_from(["Dec", "Jan", "Foo", "12"]))
    gap = draw(st.sampled_from([" ", "-"]))
    time = draw(
        st.sampled_from(
            ["23:59:59", "00:00:00", "24:00:00", "23:59:60", "9", "1:2:3:4", ""]
        )
    )
    year, zone = draw(st.sampled_from(YEARS)), draw(st.sampled_from(ZONES))
    return f"{day}{number}{gap}{month}{gap}{year} {time} {zone}"


VALUES = st.one_of(
    dates(),
    drawn(
        ODD,
        ["max-age=", "no-cache", "=", ",", '"', "600", "-1", "1.5", "s-maxage", " "],
        most=8,
    ),
)
HEADERS = ["cache-control", "age", "expires", "date", "retry-after"]


@long_run
@given(st.dictionaries(st.sampled_from(HEADERS), VALUES))
def test_whatever_headers_say_of_time_spans_stay_within_a_year(
    headers: dict[str, str],
) -> None:
    caching = caching_of(headers, now=NOW)
    for span in (caching.fresh_for, caching.retry_after):
        assert span is None or timedelta(0) <= span <= YEAR


PLACES = [
    "http://",
    "https:",
    "//",
    "/",
    "\\",
    "@",
    ":",
    "?",
    "#",
    "..",
    "127.0.0.1",
    "2130706433",
    "0x7f.1",
    "017700000001",
    "[::ffff:7f00:1]",
    "[fe80::1%25eth0]",
    "localhost",
    "h.example",
    "１２７",
    "。",
    "%31",
    "%00",
    "xn--",
    "\t",
    "8080",
    "99999",
    "é",
    "\u00ad",
    "\u200d",
    "feed:",
    "ß",
    "user:pw@",
]


@long_run
@given(drawn(PLACES, ODD, most=10))
def test_whatever_a_redirect_says_it_leads_to_the_address_that_is_judged(
    location: str,
) -> None:
    with contextlib.suppress(BadUrl):
        target_of(location)
    base = target_of("https://h.example/a/b?c")
    with contextlib.suppress(BadUrl):
        target = redirected(base, location.encode("utf-8", "replace").decode("latin-1"))
        assert target.url.startswith(("http://", "https://"))
        assert not re.search(r"[\x00-\x20\x7f]", target.url)
        assert not target.user
        assert not target.password
        again = target_of(target.url)
        assert again == target
        address = literal_address(target.host)
        # What looks like a number to anybody has been turned into one, and the guard sees it.
        assert address is not None or not re.fullmatch(
            r"[\d.]+|0x[\da-f]+", target.host
        )
        if address is not None and target.host.startswith(("127.", "::ffff:7f")):
            assert not Guard(allow_private=False).allows(address)


ASKED = [
    "lang",
    "category",
    "words",
    "q",
    "hours",
    "order",
    "min_sources",
    "since",
    "page",
    "meaning",
    "limit",
    "after",
]
ASKED_VALUES = st.one_of(
    dates(),
    drawn(
        ODD,
        [
            "24h",
            "9999-12-31T23:59:59-01:00",
            "0001-01-01T00:00:00+14:00",
            "top",
            "-",
            "1",
            "\u0663",
            "OR",
            "(",
            '"',
        ],
        most=6,
    ),
)


@long_run
@given(st.dictionaries(st.sampled_from(ASKED), ASKED_VALUES))
def test_whatever_a_page_is_asked_it_is_a_choice_or_refused_in_words(
    query: dict[str, str],
) -> None:
    choice = choice_of(query, now=NOW)
    assert choice.page >= 1
    assert choice.min_sources >= 1
    split(choice.words)
    with contextlib.suppress(QueryError):
        events_query_of(query)


LINES = [
    "# [[feed]]\n",
    "\n",
    "  # é \u202b\n",
    "[digest] # [x]\ntop = 3\n",
    "[defaults]\ncategories = [\n  'a',\n  'b', # [[feed]]\n]\n",
    "[http]\nlisten = '127.0.0.1:9191'\n",
    "[[queue]]\nname = 'q'\nwords = '''\n[[feed]]\nx'''\n",
]
FEED_LINES = [
    "[[feed]]\nurl = 'https://{}.example/'\n",
    "  [[ feed ]]  # c\n  url='https://{}.example/'\n\n# of the next\n",
    "[[feed]]\nid = 'f{}'\nurl = \"https://h.example/{}\"\ncategories = ['[[feed]]', '[x]']\n",
    "[[feed]]\nurl = 'https://{}.example/'\n[feed.auth]\nscheme = 'bearer'\nenv = 'X'\n",
    "[['feed']]\nurl = 'https://{}.example/'\n",
    "[[feed]]\nurl = '''https://{}.example/'''\r\n",
]


@st.composite
def files(draw: st.DrawFn) -> str:
    """feeds.toml with up to six feeds, in spellings that TOML allows."""
    parts: list[str] = draw(st.lists(st.sampled_from(LINES), max_size=3))
    for number in range(draw(st.integers(0, 6))):
        parts.append(draw(st.sampled_from(FEED_LINES)).replace("{}", f"h{number}"))
    parts += draw(st.lists(st.sampled_from(LINES), max_size=2))
    return "".join(parts)


@long_run
@given(files(), st.integers(0, 6), drawn(ODD, ["News"], most=3))
def test_whatever_feeds_toml_looks_like_an_edit_changes_one_feed_alone(
    text: str, number: int, title: str
) -> None:
    try:
        before = list(configuration(text, file="f").feeds)
    except ConfigError:
        return
    with contextlib.suppress(ConfigError):
        new = Subscription("https://new.example/", title=one_line(title))
        changed, added, _ = with_subscriptions(text, [new], file="f")
        after = list(configuration(changed, file="f").feeds)
        assert after[:-1] == before
        assert after[-1].feed_id == added[0]
        _, mark, behind = changed.rpartition('[[feed]]\nurl = "https://new.example/"')
        assert mark
        assert not has_orders(behind)
    if number < len(before):
        gone = before[number]
        with contextlib.suppress(ConfigError):
            left = without_feed(text, gone.feed_id, file="f")
            assert list(configuration(left, file="f").feeds) == [
                feed for feed in before if feed != gone
            ]
            assert left.count("#") >= text.count("#") - 1
