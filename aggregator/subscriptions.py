"""Subscriptions: the feeds an HTML page names, and edits of feeds.toml.

Rules: pure, text in and text out; an edit leaves every comment and every other line of feeds.toml as it stands; a feed
that cannot be used costs itself alone and is named.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from urllib.parse import urljoin, urlsplit

import tomlkit
from lxml import etree, html
from tomlkit.items import Table

from aggregator.config import NO_FEEDS, configuration, feed_id_for
from aggregator.config_values import web_addresses
from aggregator.errors import ConfigError, Problem
from aggregator.opml import LeftOut, Subscription, one_line

_FEED_TYPE = re.compile(
    r"(?:application|text)/(?:[\w.-]*\+?(?:rss|atom|rdf|feed)(?:\+xml|\+json)?)"
)
_GUESSED_TYPES = ("application/json", "text/xml", "application/xml")
_COMMENTS = re.compile(
    r"comment|kommentar|comentari|commentaire|commenti|reactie|yorum|komment|коммент|комментар|评论|評論|コメント|댓글",
    re.IGNORECASE,
)
_META_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9._:-]{1,40})", re.IGNORECASE
)
_HEADER_CHARSET = re.compile(
    r"charset\s*=\s*[\"']?\s*([A-Za-z0-9._:-]{1,40})", re.IGNORECASE
)
_SUPERSETS = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
}
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
    return host if parts.scheme in ("http", "https") else None


# --- discovery ------------------------------------------------------------------------------------------------


def feeds_of_page(
    body: bytes, *, url: str, content_type: str | None = None
) -> list[Subscription]:
    """The feeds an HTML page names in `<link rel=alternate>`, in the page's order; those of comments after the others
    (some pages name them first, and nobody subscribes to a site for them), plain JSON and XML types last."""
    try:
        page = html.fromstring(
            _page_text(body, content_type),
            parser=html.HTMLParser(recover=True, no_network=True),
        )
    except (etree.ParserError, ValueError):
        return []
    base = urljoin(
        url, next((str(found.get("href", "")) for found in page.iter("base")), "")
    )
    found: list[tuple[int, Subscription]] = []
    for link in page.iter("link"):
        rank = _rank(link)
        one = _linked(link, base) if rank is not None else None
        if (
            rank is not None
            and one is not None
            and one.url.partition("#")[0] != url.partition("#")[0]
        ):
            found.append((rank, one))
    unique: dict[str, Subscription] = {}
    for _, one in sorted(found, key=lambda ranked: ranked[0]):
        unique.setdefault(one.url, one)
    return list(unique.values())


def feeds_named(page: tuple[bytes, str, str | None]) -> list[Subscription]:
    """`feeds_of_page` of (body, address, content type), as a child process is asked."""
    body, url, content_type = page
    return feeds_of_page(body, url=url, content_type=content_type)


def _page_text(body: bytes, content_type: str | None) -> str:
    """A page's text by its mark, the server's charset, its own, or as UTF-8 if it is that."""
    header = _HEADER_CHARSET.search(content_type or "")
    inside = _META_CHARSET.search(body[:4096])
    stated = [header.group(1)] if header else []
    stated += [inside.group(1).decode("ascii")] if inside else []
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        stated = ["utf-16"]
    if body.startswith(codecs.BOM_UTF8):
        stated = ["utf-8-sig"]
    for label in (*stated, "utf-8", "cp1252"):
        try:
            name = codecs.lookup(label).name
            return re.sub(
                r"^\s*<\?xml[^>]*\?>", "", body.decode(_SUPERSETS.get(name, name))
            )
        except (LookupError, UnicodeDecodeError):
            continue
    return body.decode("cp1252", "replace")


def _rank(link: etree._Element) -> int | None:
    """How likely a link is the feed that was meant, 0 first; None for what is no link to a feed."""
    if (
        "alternate" not in str(link.get("rel", "")).lower()
        or not str(link.get("href", "")).strip()
    ):
        return None
    kind = str(link.get("type", "")).split(";")[0].strip().lower()
    if kind in _GUESSED_TYPES:
        return 2
    if not _FEED_TYPE.fullmatch(kind):
        return None
    return (
        1 if _COMMENTS.search(f"{link.get('title', '')} {link.get('href', '')}") else 0
    )


def _linked(link: etree._Element, base: str) -> Subscription | None:
    try:
        address = urljoin(
            base,
            re.sub(r"^feed:(?://)?(?=https?:)", "", str(link.get("href", "")).strip()),
        )
    except ValueError:
        return None
    if _web_host(address) is None:
        return None
    return Subscription(address, title=one_line(str(link.get("title", ""))))


# --- feeds.toml -----------------------------------------------------------------------------------------------


def with_subscriptions(
    text: str, new: Sequence[Subscription], *, file: str, categories: Sequence[str] = ()
) -> tuple[str, list[str], list[str]]:
    """feeds.toml with feeds added at its end: (new text, ids added, URLs that were there already).

    Raises ConfigError when the file is broken, or would be.
    """
    present = {feed.url for feed in configuration(text, file=file).feeds}
    added, known, tables = [], [], tomlkit.aot()
    for one in new:
        if one.url in present:
            known.append(one.url)
            continue
        present.add(one.url)
        tables.append(_feed_table(one, categories))
        added.append(feed_id_for(one.url))
    if not added:
        return text, added, known
    changed = f"{_NO_FEEDS_LINE.sub('', text).rstrip()}\n\n{tomlkit.dumps({'feed': tables}).strip()}\n".lstrip()
    configuration(changed, file=file)
    return changed, added, known


def usable(new: Sequence[Subscription]) -> tuple[list[Subscription], list[LeftOut]]:
    """The feeds that feeds.toml can hold, and those it cannot: one of them must not cost the others."""
    kept: list[Subscription] = []
    left_out: list[LeftOut] = []
    for one in new:
        try:
            with_subscriptions("", [one], file="")
        except ConfigError as error:
            left_out.append(
                LeftOut(
                    one.title or without_user(one.url),
                    "; ".join(problem.text for problem in error.problems),
                )
            )
        else:
            kept.append(one)
    return kept, left_out


def _feed_table(one: Subscription, categories: Sequence[str]) -> Table:
    table = tomlkit.table()
    table.add("url", one.url)
    named = tuple(categories) or _categories(one)
    if named:
        table.add("categories", list(named))
    return table


def _categories(one: Subscription) -> tuple[str, ...]:
    """Folder, title and inner folder as group, site and section. A title without a folder keeps its level by the group
    that a feed without one is given anyway; a folder without a title stands alone, its site is the feed's own title."""
    if not one.title:
        return (one.folder[:_LONGEST_NAME],) if one.folder else ()
    if not one.folder:
        group = "新闻" if re.search("[\u4e00-\u9fff]", one.title) else "News"
        return (group, one.title[:_LONGEST_NAME])
    names = (
        (one.folder, one.title, one.section) if one.section else (one.folder, one.title)
    )
    return tuple(name[:_LONGEST_NAME] for name in names)


def without_feed(text: str, feed_id: str, *, file: str) -> str:
    """feeds.toml less one feed and its own lines. Raises ConfigError when there is no such feed."""
    feeds = configuration(text, file=file).feeds
    named = {feed_id, *_addresses(feed_id)}
    position = next(
        (
            p
            for p, feed in enumerate(feeds)
            if feed.feed_id == feed_id or feed.url in named
        ),
        None,
    )
    if position is None:
        raise ConfigError(
            Problem(
                f'no feed has the id or url "{feed_id}"; `aggregator feeds list` shows them',
                file=file,
            )
        )
    changed = _without_table(text, position)
    rest = [feed for feed in feeds if feed is not feeds[position]]
    if not rest:  # said, since a file without feeds may as well have been cut off
        changed = f"{NO_FEEDS}\n\n{changed}"
    if list(configuration(changed, file=file).feeds) != rest:
        raise ConfigError(
            Problem(
                "its feeds are not written as [[feed]] tables; remove it by hand",
                file=file,
            )
        )
    return changed


def _addresses(text: str) -> tuple[str, ...]:
    try:
        return web_addresses(text)
    except ValueError:
        return ()


def _without_table(text: str, position: int) -> str:
    """Cut the lines from a `[[feed]]` to its last key; comments after that belong to what follows."""
    lines = text.splitlines(keepends=True)
    heads = [n for n, line in enumerate(lines) if re.match(r"\s*\[", line)]
    starts = [n for n in heads if re.match(r"\s*\[\[\s*feed\s*\]\]", lines[n])]
    start = starts[position] if position < len(starts) else len(lines)
    end = next(
        (n for n in heads if n > start and not re.match(r"\s*\[\s*feed\.", lines[n])),
        len(lines),
    )
    while end > start and re.fullmatch(r"\s*(#.*)?\s*", lines[end - 1]):
        end -= 1
    if end < len(lines) and not lines[end].strip():
        end += 1
    return "".join(lines[:start] + lines[end:])
