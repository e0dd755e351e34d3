"""Subscriptions: the feeds an HTML page names, and edits of feeds.toml.

Rules: pure, text in and text out; an edit leaves every comment and every other line of feeds.toml as it stands; a feed
that cannot be used costs itself alone and is named.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from operator import itemgetter
from urllib.parse import urljoin, urlsplit

import tomlkit
from lxml import etree, html
from tomlkit.items import Table

from aggregator.config import NO_FEEDS, configuration, feed_id_for
from aggregator.config_values import web_addresses
from aggregator.errors import ConfigError, Problem
from aggregator.model import Feed
from aggregator.opml import LeftOut, Subscription, unescaped

_FEED_TYPE = re.compile(
    r"(?:application|text)/(?:[\w.-]*\+?(?:rss|atom|rdf|feed)(?:\+xml|\+json)?)"
)
_NO_FEED = re.compile(r"/wp-json/|oembed|[{}]|%s", re.IGNORECASE)
"""An interface of WordPress under the type of JSON; a template that nobody filled in."""
_NAMED_LIKE_A_FEED = re.compile(
    r"/(?:feed|rss|atom)/?\Z|[./](?:rss|atom|rdf)(?:\.xml)?\Z|/(?:feed|index)\.xml\Z|/feed\.json\Z",
    re.IGNORECASE,
)
_GUESSED_TYPES = ("application/json", "text/xml", "application/xml")
_COMMENTS = re.compile(
    r"comment|kommentar|comentari|commentaire|commenti|reactie|yorum|komment|коммент|комментар|评论|評論|コメント|댓글",
    re.IGNORECASE,
)
_META_CHARSET = re.compile(
    rb"<(?:meta[^>]{0,200}?charset|\?xml[^>]{0,200}?encoding)\s*=\s*[\"']?\s*([A-Za-z0-9._:-]{1,40})",
    re.IGNORECASE,
)
_HEADER_CHARSET = re.compile(
    r"charset\s*=\s*[\"']?\s*([A-Za-z0-9._:-]{1,40})",
    re.IGNORECASE,
)
_SUPERSETS = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
}
_HEAD = re.compile(r"\s*\[")
_FEED_HEAD = re.compile(r"\s*\[\[\s*feed\s*\]\]")
_INNER_HEAD = re.compile(r"\s*\[\s*feed\.")
_BLANK_OR_COMMENT = re.compile(r"\s*(#.*)?\s*")
_LONGEST_NAME = 100
_NO_FEEDS_LINE = re.compile(r"^[ \t]*feeds?[ \t]*=[ \t]*\[\s*\][^\n]*\n?", re.MULTILINE)


def without_user(url: str) -> str:
    """An address as it may be shown: without user and password."""
    head, mark, tail = url.partition("//")
    host, slash, path = tail.partition("/")
    return f"{head}{mark}{host.rpartition('@')[2]}{slash}{path}"


def _web_host(url: str) -> str | None:
    """The host of an http(s) URL, None when it is none."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in ("http", "https"):
        return None
    return host


# --- discovery ------------------------------------------------------------------------------------------------


def feeds_of_page(
    body: bytes,
    *,
    url: str,
    content_type: str | None = None,
) -> list[Subscription]:
    """The feeds an HTML page names in `<link rel=alternate>`, in the page's order; those of comments after the others,
    plain JSON and XML types last. A page that names none so: its links to addresses of its own site that are named
    like feeds."""
    text = _page_text(body, content_type)
    parser = html.HTMLParser(recover=True, no_network=True)
    try:
        page = html.fromstring(text, parser=parser)
    # An empty document, or nothing but a comment.
    except (etree.ParserError, ValueError):
        return []
    base = _base(page, url)
    ranked: list[tuple[int, Subscription]] = []
    for link in page.iter("link", "a"):
        rank = _rank(link)
        if rank is None:
            continue
        feed = _linked(link, base)
        # A page that names itself is no feed.
        if feed is None or feed.url.partition("#")[0] == url.partition("#")[0]:
            continue
        ranked.append((rank, feed))
    unique: dict[str, Subscription] = {}
    for _, feed in sorted(ranked, key=itemgetter(0)):
        unique.setdefault(feed.url, feed)
    return list(unique.values()) or _named_like_feeds(page, base, url)


def _named_like_feeds(
    page: etree._Element,
    base: str,
    url: str,
) -> list[Subscription]:
    unique: dict[str, Subscription] = {}
    for anchor in page.iter("a"):
        feed = _linked(anchor, base)
        if feed is None or _web_host(feed.url) != _web_host(url):
            continue
        path = re.split("[?#]", feed.url)[0]
        if _NAMED_LIKE_A_FEED.search(path):
            unique.setdefault(feed.url, feed)
    return sorted(unique.values(), key=_is_of_comments)


def _is_of_comments(feed: Subscription) -> bool:
    return _COMMENTS.search(feed.url) is not None


def _base(page: etree._Element, url: str) -> str:
    """What the page's relative addresses stand for; of several `<base>` the first counts (HTML, 4.2.3)."""
    for element in page.iter("base"):
        try:
            return urljoin(url, _attribute(element, "href"))
        # `http://[::1`: browsers pass over a base that is no address.
        except ValueError:
            return url
    return url


def feeds_named(page: tuple[bytes, str, str | None]) -> list[Subscription]:
    """`feeds_of_page` of (body, address, content type), as a child process is asked."""
    body, url, content_type = page
    return feeds_of_page(body, url=url, content_type=content_type)


def _page_text(body: bytes, content_type: str | None) -> str:
    """A page's text by its mark, the server's charset, its own, or as UTF-8 if it is that."""
    for label in (*_stated_charsets(body, content_type), "utf-8", "cp1252"):
        try:
            name = codecs.lookup(label).name
            text = body.decode(_SUPERSETS.get(name, name))
        except (LookupError, UnicodeDecodeError):
            continue
        # lxml refuses a text that states an encoding.
        return re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    return body.decode("cp1252", "replace")


def _stated_charsets(
    body: bytes,
    content_type: str | None,
) -> list[str]:
    # A mark at the beginning outweighs the rest, as in browsers.
    if body.startswith(codecs.BOM_UTF8):
        return ["utf-8-sig"]
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ["utf-16"]
    stated = []
    header = _HEADER_CHARSET.search(content_type or "")
    if header:
        stated.append(header[1])
    inside = _META_CHARSET.search(body[:4096])
    if inside:
        stated.append(inside[1].decode("ascii"))
    return stated


def _rank(link: etree._Element) -> int | None:
    """How likely a link is the feed that was meant, 0 first; None for what is no link to a feed."""
    relations = _attribute(link, "rel").lower()
    href = _attribute(link, "href")
    if "alternate" not in relations and "feed" not in relations.split():
        return None
    kind = _attribute(link, "type").split(";")[0].strip().lower()
    # WordPress names its API of a page in the same way.
    if kind in _GUESSED_TYPES:
        return 2
    is_untyped_feed = not kind and "feed" in relations.split()
    if not _FEED_TYPE.fullmatch(kind) and not is_untyped_feed:
        return None
    # Some pages name the feed of their comments first, and nobody subscribes to a site for it.
    if _COMMENTS.search(f"{_attribute(link, 'title')} {href}"):
        return 1
    return 0


def _attribute(element: etree._Element, name: str) -> str:
    return str(element.get(name, "")).strip()


def _linked(
    link: etree._Element,
    base: str,
) -> Subscription | None:
    href = _attribute(link, "href")
    if not href or href.startswith("#") or _NO_FEED.search(href):
        return None
    try:
        # `feed:https://…`, for browsers that knew feeds.
        is_subscribing = href.lower().startswith("feed:")
        whole = href if is_subscribing else urljoin(base, href)
        address = web_addresses(whole)[0]
    except ValueError:
        return None
    return Subscription(
        address,
        title=unescaped(_attribute(link, "title")),
    )


# --- feeds.toml -----------------------------------------------------------------------------------------------


def with_subscriptions(
    text: str,
    new: Sequence[Subscription],
    *,
    file: str,
    categories: Sequence[str] = (),
) -> tuple[str, list[str], list[str]]:
    """feeds.toml with feeds added at its end: (new text, ids added, URLs that were there already).

    Raises ConfigError when the file is broken, or would be.
    """
    present = {feed.url for feed in configuration(text, file=file).feeds}
    added: list[str] = []
    known: list[str] = []
    tables = tomlkit.aot()
    for subscription in new:
        if subscription.url in present:
            known.append(subscription.url)
            continue
        present.add(subscription.url)
        tables.append(_feed_table(subscription, categories))
        added.append(feed_id_for(subscription.url))
    if not added:
        return text, added, known
    # `feed = []` and [[feed]] would name the same key twice.
    before = _NO_FEEDS_LINE.sub("", text).rstrip()
    behind = tomlkit.dumps({"feed": tables}).strip()
    changed = f"{before}\n\n{behind}\n".lstrip()
    configuration(changed, file=file)
    return changed, added, known


def usable(new: Sequence[Subscription]) -> tuple[list[Subscription], list[LeftOut]]:
    """The feeds that feeds.toml can hold, and those it cannot: one of them must not cost the others."""
    subscriptions: list[Subscription] = []
    left_out: list[LeftOut] = []
    for subscription in new:
        try:
            with_subscriptions("", [subscription], file="")
        except ConfigError as error:
            name = subscription.title or without_user(subscription.url)
            why = "; ".join(problem.text for problem in error.problems)
            left_out.append(LeftOut(name, why))
        else:
            subscriptions.append(subscription)
    return subscriptions, left_out


def _feed_table(
    subscription: Subscription,
    categories: Sequence[str],
) -> Table:
    table = tomlkit.table()
    table.add("url", subscription.url)
    names = list(categories) or _categories(subscription)
    if names:
        table.add("categories", names)
    return table


def _categories(subscription: Subscription) -> list[str]:
    """Folder, title and inner folder as group, site and section."""
    folder = subscription.folder
    title = subscription.title
    # A folder without a title stands alone: its site is the feed's own title.
    if not title:
        names = [folder]
    elif not folder:
        # The title keeps its level by the group that a feed without one is given anyway.
        group = "新闻" if re.search("[\u4e00-\u9fff]", title) else "News"
        names = [group, title]
    else:
        names = [folder, title, subscription.section]
    return [name[:_LONGEST_NAME] for name in names if name]


def without_feed(
    text: str,
    feed_id: str,
    *,
    file: str,
) -> str:
    """feeds.toml less one feed and its own lines. Raises ConfigError when there is no such feed."""
    feeds = configuration(text, file=file).feeds
    position = _position(feeds, feed_id)
    if position is None:
        remark = (
            f'no feed has the id or url "{feed_id}"; `aggregator feeds list` shows them'
        )
        raise ConfigError(Problem(remark, file=file))
    changed = _without_table(text, position)
    rest = [feed for feed in feeds if feed is not feeds[position]]
    if not rest:  # said, since a file without feeds may as well have been cut off
        changed = f"{NO_FEEDS}\n\n{changed}"
    # Cut by lines, proved by what is read: `feed = [{…}]` is written otherwise.
    if list(configuration(changed, file=file).feeds) != rest:
        remark = "its feeds are not written as [[feed]] tables; remove it by hand"
        raise ConfigError(Problem(remark, file=file))
    return changed


def _position(
    feeds: Sequence[Feed],
    name: str,
) -> int | None:
    """Which of the feeds has this id or address; None: no one."""
    addresses = {name, *_addresses(name)}
    for position, feed in enumerate(feeds):
        if feed.feed_id == name or feed.url in addresses:
            return position
    return None


def _addresses(text: str) -> tuple[str, ...]:
    try:
        return web_addresses(text)
    except ValueError:
        return ()


def _without_table(text: str, position: int) -> str:
    """Cut the lines from a `[[feed]]` to its last key; comments after that belong to what follows."""
    lines = text.splitlines(keepends=True)
    starts: list[int] = []
    ends: list[int] = []
    for number, line in enumerate(lines):
        if _FEED_HEAD.match(line):
            starts.append(number)
        # [feed.auth] belongs to the feed before it.
        if _HEAD.match(line) and not _INNER_HEAD.match(line):
            ends.append(number)
    if position >= len(starts):
        return text
    start = starts[position]
    end = min((number for number in ends if number > start), default=len(lines))
    while end > start and _BLANK_OR_COMMENT.fullmatch(lines[end - 1]):
        end -= 1
    if end < len(lines) and not lines[end].strip():
        end += 1
    return "".join(lines[:start] + lines[end:])
