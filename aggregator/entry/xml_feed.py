"""RSS, RDF and Atom text to feedparser's dictionaries.

feedparser's two parsers are used directly instead of `feedparser.parse`, which runs exactly these and nothing more
once decoding and cleaning are done: the strict one, and the loose one when the document is not well-formed. Deriving
from them gives what `parse` cannot:

- it stops at the entry limit, at 300 levels of elements (5,000 where they need not be closed), at 1,000 name spaces,
  attributes of one element or 200 tags of one entry, so that hostile documents cost little;
- guids stay as published, instead of being made absolute (a feed that moves would get new ones);
- `media:description` and `itunes:summary` no longer take the place of the entry's own text;
- addresses stay as published, unless an `xml:base` says otherwise: what they are relative to, the caller knows;
- what stands inside an element of another vocabulary (activity:object, app:control) or of an Atom source, which have
  titles, authors and texts of their own, says nothing of the entry;
- whether a guid is a permalink, pictures in an item's `<image>`, the text behind an empty `<link/>`;
- language and base address of each entry, all hours and days of `skipHours` and `skipDays`;
- it is known whether the last entry was complete, so that half an entry of a truncated document is dropped.

Nothing is sanitised.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from feedparser import mixin
from feedparser.api import LooseFeedParser, StrictFeedParser
from feedparser.datetimes import registerDateHandler
from feedparser.exceptions import UndeclaredNamespace
from feedparser.urls import make_safe_absolute_uri
from feedparser.util import FeedParserDict

from aggregator.entry import repair
from aggregator.entry.items import Items, items_of
from aggregator.entry.nesting import nested
from aggregator.entry.newest import newest_entries
from aggregator.entry.sax import (
    are_without_spaces,
    attributes,
    name_and_space,
    told,
)
from aggregator.entry.text import without_cdata_marks
from aggregator.model import TRUNCATED

MAX_DEPTH = 300
"""Levels of nested elements; a guess, the deepest of 2,087 corpus documents has 26."""
MAX_LOOSE_DEPTH = 5000
"""The same for the loose parser, for which every element that is never closed is one more level."""
MAX_NAMES = 1000
"""Name spaces of a document, attributes of an element; a guess, 40 and 22 in the corpora."""

_AT_THE_END = (
    "no element found",
    "unclosed token",
    "unclosed CDATA section",
    "partial character",
)
"""Expat's words for a text that ends too early; all entries closed before that are whole."""
_ENTRY_TAG = re.compile(r"<(?:[\w.-]+:)?(?:item|entry)[\s>/]")
_ENCODING = "utf_8"
"""Not "utf-8": at that name feedparser takes text that happens to be UTF-8 read as Latin-1 for a mistake and "repairs"
it (`é`, no-break space, `©` became `頩`)."""
_MOST_TAGS = 200
"""Tags of an entry; feedparser compares each with all before it: 7.7 s for 20,000."""
_LONGEST_AUTHOR = 500
_MAIL = re.compile(r"(?:mailto:)?[\w.+-]+@(?:\[[\d.]+\]|[\w-]+(?:\.[\w-]+)+)")
"""feedparser's own pattern ends after four letters of a host's last name: `on (Ann` of `ann@town.london (Ann)`."""
_ROUND_NAMES = " ,;()<>"
"""Characters; feedparser looks for an address in it with an expression that is quadratic in the length."""
_TOO_MANY = f"an element has more than {MAX_NAMES} attributes, or the document so many name spaces"

_BREAKS = (TypeError, ValueError, LookupError, ArithmeticError)
"""What feedparser raises at an element it does not expect: a stray `</height>` is `int(None)`."""
_NO_ELEMENT = "unread"
_CONTROLS = re.compile("[\x80-\x9f]")
_READ_INSIDE = frozenset(
    {
        "",
        "content",
        "dc",
        "dcterms",
        "googleplay",
        "itunes",
        "media",
        "rdf",
        "xhtml",
    }
)
"""Prefixes of the vocabularies whose elements may hold what is the entry's own: `media:group` its pictures."""
_WITH_SPACE = ("math", "svg")
"""Elements that feedparser gives their name space as an attribute."""

_NAMES_KEPT = 2048
"""Names of elements that are known from one document to the next; those of 60 real outlets are 300."""

FeedDict = dict[str, Any]
_Spaces = tuple[tuple[str, str], ...]
"""The name spaces of a document: prefix and address of each."""

_NO_DATE = (1970, 1, 1, 0, 0, 0, 3, 1, 0)
_is_reading: ContextVar[bool] = ContextVar("is_reading", default=False)


def _undated(_: str) -> tuple[int, ...] | None:
    """`entry.dates` reads dates from their text; feedparser's nine attempts at each, for its own fields, are a 30th of
    reading. Whoever else asks feedparser in this process gets its dates as ever."""
    return _NO_DATE if _is_reading.get() else None


@contextmanager
def _without_dates() -> Iterator[None]:
    """Within it feedparser takes no date apart."""
    before = _is_reading.set(True)
    try:
        yield
    finally:
        _is_reading.reset(before)


registerDateHandler(_undated)
mixin.make_safe_absolute_uri = lru_cache(maxsize=4)(make_safe_absolute_uri)
"""feedparser joins the base address with itself at every element, an 11th of reading: of few addresses it is enough to
remember the last, and hostile ones are long. There is no public switch; tests/test_private_names.py fails when the name
goes."""


class _ContentFacts(FeedParserDict):  # type: ignore[misc]
    """What feedparser notes of the text it is in (type, language, base): none of its names means another."""

    get = dict.get

    def __deepcopy__(self, memo: object) -> FeedParserDict:
        # Flat, and copied for every text: the general way takes a 20th of reading.
        return FeedParserDict(self)


def _without_mail(author: str) -> str:
    """The name of an author written with a mail address, or the address where there is none."""
    if "@" not in author:
        return author
    name = _MAIL.sub(
        "",
        author.replace("&lt;", "<").replace("&gt;", ">"),
    )
    mail = _MAIL.search(author)
    if mail is None:
        return author
    return name.strip(_ROUND_NAMES) or mail[0].removeprefix("mailto:")


@dataclass(frozen=True, slots=True)
class RawFeed:
    """feedparser's view of a document. `dropped_count` entries lay beyond the limit; `notes` tell what was repaired."""

    version: str
    feed: FeedDict
    entries: list[FeedDict]
    dropped_count: int
    notes: tuple[str, ...]
    items: Items | None = None
    """Where the document was read without a doubt: as many as there are entries, and those that were left out."""


class Refused(Exception):
    """The document is hostile: the text says how."""


class TooDeep(Refused):
    """Elements are nested too deep, or never closed."""


class _EnoughEntries(Exception):
    """The entry limit is reached; what was read so far is kept."""


class _Extras:
    """What both parsers do beyond feedparser; mixed in before its classes, whose attributes it uses."""

    max_entries: int
    max_depth: int
    entries: list[FeedDict]
    feeddata: FeedDict
    baseuri: str
    lang: str | None
    inentry: int
    depth: int
    namespaces_in_use: dict[str, str]
    elementstack: list[list[Any]]
    inimage: int
    incontent: int
    title_depth: int
    namespacemap: dict[str | None, str]
    _matchnamespaces: dict[str, str]
    contentparams: FeedDict
    url: str
    """Of the document."""
    after_empty_link = False
    foreign = ""
    """The element, open in an entry, in which nothing is the entry's own."""
    foreign_depth = 0
    has_foreign_default = False
    """Whether the next element has an unknown vocabulary for its own, without a prefix."""

    def resolve_uri(self, uri: str) -> str:
        uri = without_cdata_marks(uri).strip()
        if self.baseuri == self.url:
            return uri
        return str(super().resolve_uri(uri))  # type: ignore[misc]

    def unknown_starttag(
        self,
        tag: str,
        attrs: list[tuple[str, str]],
    ) -> None:
        if self.depth > self.max_depth:
            raise TooDeep(f"elements are nested more than {self.max_depth} deep")
        if len(attrs) > MAX_NAMES or len(self.namespaces_in_use) > MAX_NAMES:
            raise Refused(_TOO_MANY)
        if self.foreign:
            self.foreign_depth += self._is_counted(tag)
            return
        self.after_empty_link = False
        # Left out where feedparser breaks: what it has entered by then is what the end tag leaves.
        with suppress(*_BREAKS):
            super().unknown_starttag(tag, attrs)  # type: ignore[misc]
        # A text is read whatever its vocabulary is, and so is the markup in it.
        if self.inentry and not self.incontent and self._is_foreign(tag):
            self.foreign = tag
            self.foreign_depth = 1
        self.has_foreign_default = False

    def _is_foreign(self, tag: str) -> bool:
        """Whether what stands inside the element says nothing of the entry."""
        if self.has_foreign_default or tag == "source":
            return True
        prefix, colon, name = tag.partition(":")
        if not colon:
            return False
        prefix = self.namespacemap.get(prefix, prefix)
        return prefix not in _READ_INSIDE or (not prefix and name == "source")

    def _is_counted(self, tag: str) -> bool:
        """Whether a tag inside a foreign element is counted to find its end: of what nests, every one."""
        return True

    def track_namespace(self, prefix: str | None, uri: str) -> None:
        if self.inentry and not prefix:
            self.has_foreign_default = uri.lower() not in self._matchnamespaces
        super().track_namespace(prefix, uri)  # type: ignore[misc]

    def unknown_endtag(self, tag: str) -> None:
        if self.foreign:
            self.foreign_depth -= self._is_counted(tag)
            if self.foreign_depth:
                return
            self.foreign = ""
        try:
            super().unknown_endtag(tag)  # type: ignore[misc]
        except _BREAKS:
            # What the element held is lost, and nothing else: its scope is left under a name that means nothing.
            super().unknown_endtag(_NO_ELEMENT)  # type: ignore[misc]

    def handle_data(self, text: str, escape: int = 1) -> None:
        if self.foreign_depth > 1:
            return
        if (
            self.after_empty_link
            and self.elementstack
            and self.elementstack[-1][0] == "item"
            and text.strip()
        ):
            # `<link/>https://…`: HTML's void link in an XML feed (Blogsome, weneedfeed)
            self.entries[-1]["x_link"] = (
                dict.get(
                    self.entries[-1],
                    "x_link",
                    "",
                )
                + text.strip()
            )
        super().handle_data(text, escape)  # type: ignore[misc]

    def _start_link(self, attrs: dict[str, str]) -> None:
        super()._start_link(attrs)  # type: ignore[misc]
        # Its address is its text, as in RSS: of Atom's links it is an attribute.
        is_own = "href" not in attrs and not (self.inentry and self.inimage)
        if is_own:
            self._get_context()["links"][-1]["x_own"] = True  # type: ignore[attr-defined]

    def _end_link(self) -> None:
        super()._end_link()  # type: ignore[misc]
        self.after_empty_link = bool(self.inentry) and not dict.get(
            self.entries[-1], "link"
        )

    def _start_guid(self, attrs: dict[str, str]) -> None:
        super()._start_guid(attrs)  # type: ignore[misc]
        if self.inentry:
            permalink = attrs.get("ispermalink", "true").strip().lower()
            self.entries[-1]["x_permalink"] = permalink not in ("false", "0", "no")

    _start_id = _start_guid

    def _start_source(self, attrs: dict[str, str]) -> None:
        title_depth = self.title_depth
        super()._start_source(attrs)  # type: ignore[misc]
        # feedparser forgets that the entry has its title, and takes that of a picture behind the source.
        self.title_depth = title_depth

    def _start_image(self, attrs: dict[str, str]) -> None:
        super()._start_image(attrs)  # type: ignore[misc]
        self._note_picture(
            attrs.get("url")
            or attrs.get("href")
            or attrs.get("src")
            or attrs.get("rdf:resource")
        )

    def _end_image(self) -> None:
        self._note_picture(self.pop("image"))  # type: ignore[attr-defined]
        self.inimage = 0

    def _end_url(self) -> None:
        is_of_item = self.inimage
        written = (
            self.elementstack[-1][2]
            if self.elementstack and self.elementstack[-1][0] == "href"
            else []
        )
        super()._end_url()  # type: ignore[misc]
        if is_of_item:
            self._note_picture("".join(map(str, written)))

    _end_homepage = _end_uri = _end_url

    def _end_itunes_image(self) -> None:
        self._note_picture(self.pop("itunes_image"))  # type: ignore[attr-defined]

    def _note_picture(self, address: str | None) -> None:
        """A picture that an item itself holds (ESPN, CBS News and Economic Times write `<image>…</image>`)."""
        address = without_cdata_marks(address or "").strip()
        if self.inentry and self.entries and address:
            self.entries[-1].setdefault("x_pictures", []).append(address)

    def _start_item(self, attrs: dict[str, str]) -> None:
        if len(self.entries) >= self.max_entries:
            raise _EnoughEntries
        super()._start_item(attrs)  # type: ignore[misc]
        self.entries[-1]["x_base"] = self.baseuri
        self.entries[-1]["x_lang"] = self.lang

    _start_entry = _start_item

    def _add_tag(
        self,
        term: str | None,
        scheme: str | None,
        label: str | None,
    ) -> None:
        if len(dict.get(self._get_context(), "tags") or ()) < _MOST_TAGS:  # type: ignore[attr-defined]
            super()._add_tag(term, scheme, label)  # type: ignore[misc]

    def _sync_author_detail(self, key: str = "author") -> None:
        context = self._get_context()  # type: ignore[attr-defined]
        written = dict.get(context, key)
        if isinstance(written, str):
            context[key] = _without_mail(written[:_LONGEST_AUTHOR])
            if _MAIL.fullmatch(context[key]):
                return
        super()._sync_author_detail(key)  # type: ignore[misc]

    def push_content(
        self,
        tag: str,
        attrs_d: dict[str, str],
        default_content_type: str,
        expecting_text: int,
    ) -> None:
        super().push_content(tag, attrs_d, default_content_type, expecting_text)  # type: ignore[misc]
        self.contentparams = _ContentFacts(self.contentparams)

    def _start_media_description(self, attrs: dict[str, str]) -> None:
        self.push("media_description", 1)  # type: ignore[attr-defined]
        if self.inentry:
            self.entries[-1]["x_media_html"] = attrs.get(
                "type", "plain"
            ).strip().lower() in ("html", "text/html")

    def _end_media_description(self) -> None:
        self.pop("media_description")  # type: ignore[attr-defined]

    def _start_itunes_summary(self, attrs: dict[str, str]) -> None:
        self.push("itunes_summary", 1)  # type: ignore[attr-defined]

    def _end_itunes_summary(self) -> None:
        self.pop("itunes_summary")  # type: ignore[attr-defined]

    def _end_hour(self) -> None:
        self.feeddata.setdefault("x_hours", []).append(self.pop("hour"))  # type: ignore[attr-defined]

    def _end_day(self) -> None:
        self.feeddata.setdefault("x_days", []).append(self.pop("day"))  # type: ignore[attr-defined]


class _Text(str):
    """A text that feedparser looks through for the controls that windows-1252 has signs for, which are rare."""

    __slots__ = ()

    def translate(self, table: Any) -> str:
        # To look up each character took a twelfth of the time of its parser.
        if self.isascii() or not _CONTROLS.search(self):
            return str(self)
        return super().translate(table)


class _Named:
    """In place of a parser: what feedparser's strict parser calls an element (`dc:creator`), in `tag`.

    It works that out at each tag from the name spaces known by then, for a tenth of the time of reading.
    """

    def __init__(self, spaces: _Spaces) -> None:
        self.decls: dict[str, str] = {}
        self.namespaces_in_use = dict(spaces)
        self._matchnamespaces = StrictFeedParser._matchnamespaces
        self.tag = ""

    def unknown_starttag(
        self,
        tag: str,
        attrs: list[tuple[str, str]],
    ) -> None:
        self.tag = tag

    def unknown_endtag(self, tag: str) -> None:
        self.tag = tag


@lru_cache(maxsize=_NAMES_KEPT)
def _start_name(name: str, spaces: _Spaces) -> str:
    """feedparser's name for the start tag of an element that expat writes so."""
    named = _Named(spaces)
    StrictFeedParser.startElementNS(
        named,
        name_and_space(name),
        None,
        attributes({}),
    )
    return named.tag


@lru_cache(maxsize=_NAMES_KEPT)
def _end_name(name: str, spaces: _Spaces) -> str:
    """The same for end tags, which it works out by another way."""
    named = _Named(spaces)
    StrictFeedParser.endElementNS(named, name_and_space(name), None)
    return named.tag


class _StrictReader(_Extras, StrictFeedParser):  # type: ignore[misc]
    max_depth = MAX_DEPTH
    can_be_relative_uri = StrictFeedParser.can_be_relative_uri - {"id"}
    characters = _Extras.handle_data

    @staticmethod
    def decode_entities(element: str, data: str) -> str:
        # The last step before feedparser's `translate`.
        return _Text(data)

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url, None, _ENCODING)
        self._starts: dict[str, str] = {}
        """Names as expat writes them to those of feedparser's start tags."""
        self._ends: dict[str, str] = {}
        """The same for end tags."""

    def track_namespace(self, prefix: str | None, uri: str) -> None:
        # What an element is called may depend on it.
        self._starts.clear()
        self._ends.clear()
        super().track_namespace(prefix, uri)

    def start_element(self, name: str, held: dict[str, str]) -> None:
        # Checked here, because feedparser looks each of them up in a list: 108 s for 100,000.
        if len(held) > MAX_NAMES:
            raise Refused(_TOO_MANY)
        tag = self._starts.get(name) or self._learned_start(name)
        if self.decls or tag.endswith(_WITH_SPACE) or not are_without_spaces(held):
            self.startElementNS(name_and_space(name), None, attributes(held))
            return
        lowered = {key.lower(): value for key, value in held.items()}
        self.unknown_starttag(tag, list(lowered.items()))

    def end_element(self, name: str) -> None:
        tag = self._ends.get(name) or self._learned_end(name)
        self.unknown_endtag(tag)

    def _learned_start(self, name: str) -> str:
        tag = _start_name(name, self._spaces())
        self._starts[name] = tag
        return tag

    def _learned_end(self, name: str) -> str:
        tag = _end_name(name, self._spaces())
        self._ends[name] = tag
        return tag

    def _spaces(self) -> _Spaces:
        return tuple(self.namespaces_in_use.items())


class _LooseReader(_Extras, LooseFeedParser):  # type: ignore[misc]
    max_depth = MAX_LOOSE_DEPTH
    can_be_relative_uri = LooseFeedParser.can_be_relative_uri - {"id"}

    def unknown_starttag(
        self,
        tag: str,
        attrs: list[tuple[str, str]],
    ) -> None:
        self._leave_foreign(tag)
        super().unknown_starttag(tag, attrs)

    def unknown_endtag(self, tag: str) -> None:
        self._leave_foreign(tag)
        super().unknown_endtag(tag)

    def _is_counted(self, tag: str) -> bool:
        # Others need not be closed.
        return tag == self.foreign

    def _leave_foreign(self, tag: str) -> None:
        """Nothing reaches beyond its entry, though it is never closed."""
        if self.foreign and _ENTRY_TAG.fullmatch(f"<{tag}>"):
            self.foreign = ""
            self.foreign_depth = 0


@dataclass(frozen=True, slots=True)
class _Run:
    """What one parser made of a text. `error`: why it gave up before the end, '' if it did not."""

    reader: Any
    error: str = ""
    stopped: bool = False


@_without_dates()
def raw_feed(
    text: str, *, url: str, max_entries: int, seen: Container[str] = frozenset()
) -> RawFeed:
    """Read the text of a feed that came from `url`. Raises Refused for a hostile document.

    Items whose hashes (`items`) are in `seen` are left out, where that makes no difference to the others.
    """
    prepared = repair.prepared(text)
    if prepared.danger:
        raise Refused(prepared.danger)
    text, dropped = newest_entries(prepared.text, max_entries)
    items = None if dropped else items_of(text.encode("utf-8"))
    rest = _unseen(items, seen, url, max_entries) if items and seen else None
    if rest is not None:
        return rest
    feed = _whole(replace(prepared, text=text), url, max_entries)
    if (
        items is None
        or feed.notes
        or feed.dropped_count
        or len(items.hashes) != len(feed.entries)
    ):
        return replace(feed, dropped_count=feed.dropped_count + dropped)
    return replace(feed, items=items)


def _whole(
    prepared: repair.Prepared,
    url: str,
    max_entries: int,
) -> RawFeed:
    """The feed by the strict parser, after mending, or by the loose one."""
    text, dropped, notes = prepared.text, 0, list[str]()
    run = _strict(text, url, max_entries)
    if run.error:
        notes.append(f"mended: {run.error}")
        text = repair.mended(prepared)
        run = _strict(text, url, max_entries)
    truncated = bool(run.error) and repair.is_truncated(text)
    if truncated:
        notes.append(TRUNCATED)
    if run.error and not _is_cut_off(run, truncated):
        notes.append(f"not well-formed: {run.error}")
        mended, text = text, nested(text)
        if text != mended:
            run = _strict(text, url, max_entries)
    if run.error and not _is_cut_off(run, truncated):
        run = _loose(text, url, max_entries)
    entries = run.reader.entries
    if truncated and run.reader.inentry and entries:
        entries = entries[:-1]
    if (
        run.stopped
    ):  # entries that only a parser sees, such as those of a comment that never ends
        dropped = max(0, len(_ENTRY_TAG.findall(text)) - max_entries)
    return RawFeed(
        run.reader.version, run.reader.feeddata, entries, dropped, tuple(notes)
    )


def _is_cut_off(run: _Run, truncated: bool) -> bool:
    """Whether nothing is wrong with the document but that its end is missing."""
    return truncated and run.error.startswith(_AT_THE_END)


def _unseen(
    items: Items, seen: Container[str], url: str, max_entries: int
) -> RawFeed | None:
    """The document less the items seen; None where the rest of it is not read without a doubt."""
    count = sum(digest not in seen for digest in items.hashes)
    if count == len(items.hashes):
        return None
    run = _strict_bytes(items.without(seen), url, max_entries)
    reader = run.reader
    if run.error or run.stopped or not reader.version or len(reader.entries) != count:
        return None
    return RawFeed(
        reader.version,
        reader.feeddata,
        reader.entries,
        0,
        (),
        items=items,
    )


def _strict(text: str, url: str, max_entries: int) -> _Run:
    return _strict_bytes(text.encode("utf-8"), url, max_entries)


def _strict_bytes(document: bytes, url: str, max_entries: int) -> _Run:
    reader = _StrictReader(url)
    _prepare(reader, url, max_entries)
    try:
        error = told(document, reader)
    except _EnoughEntries:
        return _Run(reader, stopped=True)
    except (UndeclaredNamespace, TooDeep) as refusal:
        return _Run(reader, error=str(refusal))
    return _Run(reader, error=error)


def _loose(text: str, url: str, max_entries: int) -> _Run:
    reader = _LooseReader(url, None, _ENCODING, {})
    _prepare(reader, url, max_entries)
    try:
        reader.feed(text)
    except _EnoughEntries:
        return _Run(reader, stopped=True)
    return _Run(reader)


def _prepare(reader: Any, url: str, max_entries: int) -> None:
    reader.url = url
    reader.resolve_relative_uris = False
    reader.sanitize_html = False
    reader.max_entries = max_entries
