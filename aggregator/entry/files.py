"""The files of an export: `CAT1/CAT2/CAT3/<title>-<8 hex of the entry id>.md`, and an index by category.

Pure: names and texts only; `watch.archive` writes them. By default one file for each event, its first report; with
`all_reports` one for each report. A later revision of an entry takes the place of the earlier one.

- A name fits every usual file system: schema.md's characters are replaced, no name is a device's, none is longer than
  200 bytes of UTF-8, and the hex keeps two entries of one title apart where case does not count.
- No part of a path begins with `_` or `.`: Hexo and Jekyll pass such files over. So do they with the index, on purpose.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aggregator.entry.characters import one_line
from aggregator.entry.urls import front_matter_url
from aggregator.model import Kind, Message, Source

INDEX_JSON = "_index.json"
INDEX_MARKDOWN = "_index.md"
MAX_NAME_BYTES = 200
_MAX_FOLDER_BYTES = 100

_REPLACED = re.compile(r"[:/\\?*\"“”<>|\[\]%]")
"""schema.md's, and `"` (Windows) and `%` (Hexo 8 stops at a name that is no valid percent-encoding)."""
_DROPPED = re.compile(r"[#.\x00-\x1f\x7f]")
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])", re.IGNORECASE
)
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|#&])")


@dataclass(frozen=True, slots=True)
class Exported:
    """One document's line in the index."""

    path: str
    entry_id: str
    event_id: str
    title: str
    categories: tuple[str, ...]
    url: str
    published_at: str
    """ISO 8601 UTC; the first-seen time where the publisher gave none."""


@dataclass(frozen=True, slots=True)
class Export:
    """What is to be in the directory: `files` by relative path, the index among them; `stale` paths are to go."""

    files: Mapping[str, str]
    stale: tuple[str, ...] = ()
    index: tuple[Exported, ...] = field(default=())


def export(
    messages: Iterable[Message],
    *,
    previous: str = "",
    all_reports: bool = False,
    names: Mapping[str, str] | None = None,
) -> Export:
    """The files for these messages (oldest first), added to what the index `previous` (JSON text) names.

    With `names` (feed id → what people call it) each document ends with a line that leads back to its event's reports.
    """
    catalog = Catalog(previous)
    changes = catalog.apply(messages, all_reports=all_reports, names=names)
    return Export(
        {
            **changes.files,
            **catalog.index_files(),
        },
        changes.stale,
        catalog.lines(),
    )


@dataclass(frozen=True, slots=True)
class Changes:
    """The documents that some messages brought: `files` by relative path; `stale` paths are to go."""

    files: Mapping[str, str]
    stale: tuple[str, ...] = ()


class Catalog:
    """What an archive holds. Taking messages in costs what they bring, however much is there; making the index costs
    what is there."""

    def __init__(self, previous: str = "") -> None:
        """`previous`: the index (JSON text) of what is there."""
        self._lines: dict[str, Exported] = {}
        self._of_event: dict[str, set[str]] = {}
        """Entry ids, so that an event which is absorbed need not be looked for."""
        self._taken: dict[str, str] = {}
        """Every path that was given away, its case folded → the entry that has it."""
        for line in _read_index(previous):
            self._keep(line)
            self._taken[line.path.casefold()] = line.entry_id

    def __len__(self) -> int:
        return len(self._lines)

    def apply(
        self,
        messages: Iterable[Message],
        *,
        all_reports: bool = False,
        names: Mapping[str, str] | None = None,
    ) -> Changes:
        """Take in messages, oldest first; see `export`."""
        texts: dict[str, str] = {}
        left: list[Exported] = []
        reports: dict[str, tuple[Source, ...]] = {}
        for message in messages:
            reports[message.event_id] = message.sources or reports.get(
                message.event_id, ()
            )
            if message.kind is Kind.MERGED or (_is_moved(message) and not all_reports):
                left += [] if all_reports else self._drop_told(message)
            elif message.document and (all_reports or self._is_lead(message)):
                left += self._drop(message.entry_id)
                self._keep(_exported(message, self._taken))
                texts[message.entry_id] = message.document
        files = {}
        for entry_id, text in texts.items():
            line = self._lines.get(entry_id)
            if line is not None:
                if names is not None:
                    text += links_line(
                        reports.get(line.event_id, ()),
                        names,
                    )
                files[line.path] = text
        stale = [line.path for line in left if not self._has_place(line)]
        return Changes(files, tuple(dict.fromkeys(stale)))

    def lines(self) -> tuple[Exported, ...]:
        """A line for each file, by category and date."""
        return tuple(
            sorted(
                self._lines.values(),
                key=lambda line: (line.categories, line.published_at, line.entry_id),
            )
        )

    def index_files(self) -> Mapping[str, str]:
        """The index, for programs and for people."""
        lines = self.lines()
        return {INDEX_JSON: index_json(lines), INDEX_MARKDOWN: index_markdown(lines)}

    def _keep(self, line: Exported) -> None:
        self._lines[line.entry_id] = line
        self._of_event.setdefault(line.event_id, set()).add(line.entry_id)

    def _drop(self, entry_id: str) -> list[Exported]:
        line = self._lines.pop(entry_id, None)
        if line is None:
            return []
        others = self._of_event[line.event_id]
        others.discard(entry_id)
        if not others:
            del self._of_event[line.event_id]
        return [line]

    def _drop_told(self, message: Message) -> list[Exported]:
        if message.kind is Kind.MERGED:
            return self._drop_event(message.merged_from)
        # An operator moved it: it stands for no event any more.
        return self._drop(message.entry_id)

    def _drop_event(self, event_id: str) -> list[Exported]:
        """An event that another absorbed has no document of its own any more."""
        # In the order of their ids, so that a rerun writes the same index.
        entry_ids = sorted(self._of_event.get(event_id, ()))
        dropped: list[Exported] = []
        for entry_id in entry_ids:
            dropped += self._drop(entry_id)
        return dropped

    def _has_place(self, line: Exported) -> bool:
        """Whether the path is the entry's still, or again."""
        current = self._lines.get(line.entry_id)
        return current is not None and current.path == line.path

    def _is_lead(self, message: Message) -> bool:
        """Whether the report stands for its event: it made the event, is an edit of the one that did, or became the
        first one when an operator took that out."""
        if message.kind is Kind.NEW or message.entry_id in self._lines:
            return True
        if message.kind is not Kind.EDITED or not message.sources:
            return False
        return message.sources[0].entry_id == message.entry_id


def _is_moved(message: Message) -> bool:
    """Whether an operator moved the report to another event that there was."""
    return message.kind is Kind.JOINED and bool(message.split_from)


def links_line(
    sources: Iterable[Source],
    names: Mapping[str, str],
) -> str:
    """The line below a document's body that leads back to the reports of its event; '' where none has an address."""
    links = []
    for source in sources:
        if source.url.startswith(("http://", "https://")):
            name = html.escape(
                one_line(
                    names.get(
                        source.feed_id,
                        source.feed_id,
                    )
                )
            )
            links.append(
                f'<a href="{html.escape(front_matter_url(source.url))}">{_MARKDOWN.sub(_entity, name)}</a>'
            )
    if not links:
        return ""
    return f"\n<p>Reports: {', '.join(links)}</p>\n"


def _entity(found: re.Match[str]) -> str:
    """A character that Markdown would read, as HTML writes it; what is an entity already stays one."""
    if found[0] in "&#;":
        return found[0]
    return f"&#{ord(found[0])};"


def file_name(
    title: str,
    entry_id: str,
    *,
    digits: int = 8,
) -> str:
    """`<title>-<hex>.md`, at most 200 bytes."""
    end = f"-{entry_id[:digits]}.md"
    return (
        safe_name(
            title,
            limit_bytes=MAX_NAME_BYTES - len(end.encode()),
        )
        + end
    )


def folder(categories: Iterable[str]) -> str:
    """The relative folder of a document, `/` between its parts."""
    return "/".join(
        _not_a_device(safe_name(name, limit_bytes=_MAX_FOLDER_BYTES))
        for name in categories
    )


def safe_name(text: str, *, limit_bytes: int) -> str:
    """The text as one part of a path: never empty, never `.` or `..`, no separator, no leading `_`."""
    name = _DROPPED.sub("", _REPLACED.sub("_", one_line(text)))
    name = (
        name.encode(errors="ignore")[:limit_bytes]
        .decode(errors="ignore")
        .strip()
        .lstrip("_ ")
    )
    return name.rstrip() or "untitled"


def index_json(index: Iterable[Exported]) -> str:
    """The index as a program reads it: one object for each document."""
    lines = [
        json.dumps(
            {
                "path": one.path,
                "entry_id": one.entry_id,
                "event_id": one.event_id,
                "title": one.title,
                "categories": list(one.categories),
                "url": one.url,
                "published_at": one.published_at,
            },
            ensure_ascii=False,
        )
        for one in index
    ]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def index_markdown(index: Iterable[Exported]) -> str:
    """The index as a person reads it: a heading for each category, newest document first."""
    groups: dict[tuple[str, ...], list[Exported]] = {}
    for one in index:
        groups.setdefault(one.categories, []).append(one)
    parts = ["# Index\n"]
    for categories in sorted(groups):
        parts.append(f"\n## {_escaped(' / '.join(categories))}\n\n")
        newest = sorted(
            groups[categories],
            key=lambda one: (one.published_at, one.entry_id),
            reverse=True,
        )
        parts += [
            f"- {one.published_at[:10]} [{_escaped(one.title)}](<{one.path}>)\n"
            for one in newest
        ]
    return "".join(parts)


def _exported(
    message: Message,
    taken: dict[str, str],
) -> Exported:
    at = message.published_at or message.first_seen_at
    return Exported(
        path=_free_path(message, taken),
        entry_id=message.entry_id,
        event_id=message.event_id,
        title=message.title,
        categories=message.categories,
        url=message.url,
        published_at=at.isoformat() if at else "",
    )


def _free_path(
    message: Message,
    taken: dict[str, str],
) -> str:
    """The entry's path; more of its id where another entry has that path already (once in four thousand million)."""
    for digits in (8, 12, 16, len(message.entry_id)):
        path = f"{folder(message.categories)}/{file_name(message.title, message.entry_id, digits=digits)}".lstrip(
            "/"
        )
        # Two names that differ in case are one file on Windows and macOS.
        if taken.setdefault(path.casefold(), message.entry_id) == message.entry_id:
            return path
    return path


def _read_index(text: str) -> list[Exported]:
    """The lines of an earlier index; none when there is none or it is not one of ours."""
    try:
        rows = json.loads(text) if text else []
        return [
            Exported(**{**row, "categories": tuple(row["categories"])}) for row in rows
        ]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []


def _not_a_device(name: str) -> str:
    # Windows opens the console for a folder called `con`.
    if _DEVICE.fullmatch(name):
        return f"{name}_"
    return name


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)
