"""feeds.toml: text in, settings and feeds out.

Rules: pure (the command line finds and reads the file); every problem of a file is found in one go and named with
file, line, key and remedy; an unknown key is an error that names the nearest known one; a table of the file and its
record in `model` are one definition, since each section's schema is derived from the record's fields.

Why: a daemon that starts with a misread configuration does harm quietly for weeks.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated, Any, get_type_hints
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    create_model,
)
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from aggregator.errors import ConfigError, Problem
from aggregator.model import (
    Auth,
    Backlog,
    DedupSettings,
    DigestSettings,
    DocumentSettings,
    Feed,
    FetchSettings,
    Match,
    Queue,
    RetentionSettings,
    Settings,
    Strictness,
)

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SIZES = {"": 1, "B": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a feeds.toml asks for; feeds in file order, disabled ones included."""

    settings: Settings
    feeds: tuple[Feed, ...]


# --- values: how a duration, a size, an address is written ----------------------------------------------------


def duration(text: object) -> timedelta:
    """`"90s"`, `"15m"`, `"72h"`, `"7d"`, `"2w"`, also `"1h30m"` and a leading minus. Raises ValueError."""
    if isinstance(text, timedelta):
        return text
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", text) if isinstance(text, str) else []
    if not parts or re.sub(r"^-", "", str(text)) != "".join(number + unit for number, unit in parts):
        raise ValueError(f'write a duration with its unit, such as "90s", "15m", "72h" or "7d", not {text!r}')
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds > 3650 * 86400:
        raise ValueError(f"{text!r} is longer than ten years")
    return timedelta(seconds=-seconds if str(text).startswith("-") else seconds)


def size_bytes(text: object) -> int:
    """`"256KiB"`, `"10MiB"`, `"1GiB"`, `"5MB"` or a whole number of bytes. Raises ValueError."""
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text) if isinstance(text, str) else None
    if not found or found[2] not in _SIZES:
        raise ValueError(f'write a size with its unit, such as "256KiB" or "10MiB", not {text!r}')
    return int(float(found[1]) * _SIZES[found[2]])


def _http_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} is not a URL: {error}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f'{text!r} is not a feed address: write it whole, such as "https://example.org/feed.xml"')
    if re.search(r"[\s\x00-\x1f]", text):
        raise ValueError(f"{text!r} holds white space; encode it as %20")
    return text


def _listen_address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ValueError(f'{text!r} is not an address to listen on: write "127.0.0.1:9191"')
    return text


def _cron(text: str) -> str:
    try:
        CronTrigger.from_crontab(text)
    except ValueError as error:
        raise ValueError(f'{text!r} is not a cron expression such as "0 * * * *": {error}') from None
    return text


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError(f'{text!r} is no time zone of this machine; write a name such as "Asia/Shanghai"') from None
    return text


def _network(text: str) -> str:
    ip_network(text, strict=False)
    return text


def _pattern(pattern: str, remedy: str) -> AfterValidator:
    def matching(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r} {remedy}")
        return text

    return AfterValidator(matching)


def _at_least(least: str) -> AfterValidator:
    def long_enough(span: timedelta) -> timedelta:
        if span < duration(least):
            raise ValueError(f"must be at least {least}")
        return span

    return AfterValidator(long_enough)


def _header_value(text: str) -> str:
    if re.search(r"[\r\n\x00]", text):
        raise ValueError("a header must not hold line breaks")
    return text


Duration = Annotated[timedelta, BeforeValidator(duration)]
Span = Annotated[timedelta, BeforeValidator(duration), _at_least("1s")]
Size = Annotated[int, BeforeValidator(size_bytes), Field(ge=1024)]
Url = Annotated[StrictStr, AfterValidator(_http_url)]
Language = Annotated[
    StrictStr, _pattern(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", 'is no language tag such as "zh-CN" or "en"')
]
FeedId = Annotated[StrictStr, _pattern(r"[a-z0-9_-]{1,64}", "is no feed id: use 1 to 64 of a-z, 0-9, _ and -")]
QueueName = Annotated[
    StrictStr, _pattern(r"[A-Za-z0-9_-]{1,64}", "is no queue name: use 1 to 64 letters, digits, _, -")
]
Prefix = Annotated[StrictStr, _pattern(r"[A-Za-z0-9_.-]{1,32}|\{[A-Za-z0-9_.-]{1,32}\}", 'is no prefix such as "agg"')]
Cron = Annotated[StrictStr, AfterValidator(_cron)]
Listen = Annotated[StrictStr, AfterValidator(_listen_address)]
Category = Annotated[StrictStr, Field(min_length=1, max_length=100)]
Count = Annotated[StrictInt, Field(ge=1)]

_ALIASES = {"max_body_bytes": "max_body", "max_document_bytes": "max_document", "parse_memory_bytes": "parse_memory"}

_BY_TYPE: Mapping[Any, Any] = {timedelta: Span, int: Count, bool: StrictBool, str: StrictStr, str | None: StrictStr}
"""The file's form of a record's field; what differs is named where the section is made."""


# --- sections: the tables of the file, derived from their records ----------------------------------------------


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=False, arbitrary_types_allowed=True)

    def given(self) -> dict[str, Any]:
        """The keys the file sets, by the record's field names."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def _section(name: str, record: type, *, only: Iterable[str] | None = None, **special: Any) -> type[_Section]:
    hints = get_type_hints(record)
    wanted = [f for f in fields(record) if only is None or f.name in only]
    columns: dict[str, Any] = {}
    for column in wanted:
        is_size = column.name.endswith("_bytes")
        form = special.get(column.name) or (Size if is_size else _BY_TYPE.get(hints[column.name], hints[column.name]))
        required = column.default is MISSING and column.default_factory is MISSING
        alias = _ALIASES.get(column.name, column.name)
        columns[column.name] = (form, Field(alias=alias) if required else Field(default=None, alias=alias))
    return create_model(name, __base__=_Section, **columns)


_Aggregator = _section(
    "aggregator",
    Settings,
    only=("redis_url", "state_dir", "key_prefix", "contact", "archive_dir"),
    key_prefix=Prefix,
    contact=Annotated[StrictStr, AfterValidator(_header_value)],
)
_Fetch = _section(
    "fetch",
    FetchSettings,
    per_host_interval=Annotated[timedelta, BeforeValidator(duration), _at_least("0s")],
    allowed_networks=tuple[Annotated[StrictStr, AfterValidator(_network)], ...],
    proxy=Url,
    parse_processes=Annotated[StrictInt, Field(ge=0, le=256)],
)
_Documents = _section("documents", DocumentSettings, embeds=tuple[StrictStr, ...])
_Dedup = _section("dedup", DedupSettings, strictness=Strictness)
_Digest = _section("digest", DigestSettings, cron=Cron, timezone=Annotated[StrictStr, AfterValidator(_timezone)])
_Retention = _section(
    "retention",
    RetentionSettings,
    on_slow_consumer=Annotated[StrictStr, _pattern("drop_oldest|slow_down", 'must be "drop_oldest" or "slow_down"')],
)
_Match = _section(
    "match",
    Match,
    categories=tuple[Category, ...],
    languages=tuple[Language, ...],
    feeds=tuple[FeedId, ...],
    words=tuple[Annotated[StrictStr, Field(min_length=1)], ...],
)
_Auth = _section("auth", Auth, scheme=Annotated[StrictStr, _pattern("basic|bearer", 'must be "basic" or "bearer"')])

_DEFAULTS = ("min_interval", "max_interval", "language", "categories", "backlog")
_FEED_FORMS: dict[str, Any] = {
    "categories": Annotated[tuple[Category, ...], Field(max_length=3)],
    "language": Language,
    "backlog": Backlog,
    "cron": Cron,
    "clock_offset": Duration,
    "url": Url,
    "headers": dict[
        Annotated[StrictStr, _pattern(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", "is no header name")],
        Annotated[StrictStr, AfterValidator(_header_value)],
    ],
    "user_agent": Annotated[StrictStr, AfterValidator(_header_value)],
}
_Defaults = _section("defaults", Feed, only=_DEFAULTS, **_FEED_FORMS)
_FeedBase = _section(
    "feed", Feed, only=[f.name for f in fields(Feed) if f.name not in ("feed_id", "auth")], **_FEED_FORMS
)


class _Listening(_Section):
    listen: Listen | None = None


class _Http(_Listening):
    public_url: Url | None = None


class _FeedTable(_FeedBase):  # type: ignore[valid-type,misc]
    id: FeedId | None = None
    auth: _Auth | None = None  # type: ignore[valid-type]


class _QueueTable(_Section):
    name: QueueName
    kind: Annotated[StrictStr, _pattern("stream|list", 'must be "stream" or "list"')] = "stream"
    deliver: Annotated[StrictStr, _pattern("events|reports", 'must be "events" or "reports"')] = "events"
    min_sources: Count = 1
    match: _Match | None = None  # type: ignore[valid-type]


class _File(_Section):
    aggregator: _Aggregator | None = None  # type: ignore[valid-type]
    server: _Listening | None = None
    fetch: _Fetch | None = None  # type: ignore[valid-type]
    documents: _Documents | None = None  # type: ignore[valid-type]
    dedup: _Dedup | None = None  # type: ignore[valid-type]
    digest: _Digest | None = None  # type: ignore[valid-type]
    http: _Http | None = None
    retention: _Retention | None = None  # type: ignore[valid-type]
    defaults: _Defaults | None = None  # type: ignore[valid-type]
    feed: list[_FeedTable] = Field(default_factory=list)
    queue: list[_QueueTable] = Field(default_factory=list)


# --- the whole file -------------------------------------------------------------------------------------------


def configuration(text: str, *, file: str = "feeds.toml") -> Configuration:
    """Read a whole feeds.toml. Raises ConfigError with every problem found, in file order."""
    text = text.removeprefix("\ufeff")
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"line (\d+)", str(error))
        raise ConfigError(
            Problem(f"not valid TOML: {error}", file=file, line=int(where[1]) if where else None)
        ) from None
    try:
        parsed = _File.model_validate(tables)
    except ValidationError as error:
        places = _Places(text)
        raise ConfigError(*sorted(_problems(error, file, places), key=lambda p: p.line or 0)) from None
    settings = _settings(parsed)
    feeds = tuple(_feed(table, parsed, settings) for table in parsed.feed)
    problems = [*_feed_problems(feeds, parsed.feed), *_queue_problems(parsed, feeds)]
    if problems:
        places = _Places(text)
        raise ConfigError(*(replace(p, file=file, line=places.line(_path(p.key))) for p in problems))
    return Configuration(settings, feeds)


def feed_id_for(url: str) -> str:
    """The id of a feed that names none: a slug of host and path, and 6 hex digits of the URL's sha256."""
    parts = urlsplit(url)
    words = re.sub(r"[^a-z0-9]+", "-", f"{parts.hostname or ''}{parts.path}".lower().removeprefix("www."))
    digest = hashlib.sha256(url.encode()).hexdigest()[:6]
    return f"{words.strip('-')[:57].rstrip('-') or 'feed'}-{digest}"


def _settings(parsed: _File) -> Settings:
    def record(base: Any, section: _Section | None) -> Any:
        return replace(base, **_given(section))

    queues = tuple(Queue(q.name, q.kind, q.deliver, q.min_sources, record(Match(), q.match)) for q in parsed.queue)
    settings: Settings = replace(
        record(Settings(), parsed.aggregator),
        server_listen=parsed.server.listen if parsed.server else None,
        http_listen=parsed.http.listen if parsed.http else None,
        http_public_url=parsed.http.public_url if parsed.http else None,
        fetch=record(FetchSettings(), parsed.fetch),
        documents=record(DocumentSettings(), parsed.documents),
        dedup=record(DedupSettings(), parsed.dedup),
        digest=record(DigestSettings(), parsed.digest),
        retention=record(RetentionSettings(), parsed.retention),
        queues=queues,
    )
    return settings


def _given(section: _Section | None) -> dict[str, Any]:
    return section.given() if section else {}


def _feed(table: Any, parsed: _File, settings: Settings) -> Feed:
    limits = {"max_body_bytes": settings.fetch.max_body_bytes, "max_entries": settings.fetch.max_entries}
    defaults: dict[str, Any] = _given(parsed.defaults)
    given = table.given()
    given.pop("id", None)
    auth = given.pop("auth", None)
    headers = tuple(given.pop("headers", {}).items())
    return Feed(
        feed_id=table.id or feed_id_for(table.url),
        headers=headers,
        auth=Auth(**auth.given()) if auth else None,
        **(limits | defaults | given),
    )


def _feed_problems(feeds: tuple[Feed, ...], tables: list[_FeedTable]) -> Iterator[Problem]:
    ids = Counter(feed.feed_id for feed in feeds)
    for position, (feed, table) in enumerate(zip(feeds, tables, strict=True)):
        key = f"feed[{position}]"
        if ids[feed.feed_id] > 1 and table.id:
            yield Problem(f'the id "{feed.feed_id}" is used {ids[feed.feed_id]} times; ids must differ', f"{key}.id")
        elif ids[feed.feed_id] > 1:
            yield Problem(f"the url {feed.url} is there twice; remove one, or give them ids", f"{key}.url")
        if feed.min_interval > feed.max_interval:
            yield Problem("min_interval is longer than max_interval; swap or change one", f"{key}.min_interval")
        if feed.auth:
            yield from _auth_problems(feed.auth, f"{key}.auth")


def _auth_problems(auth: Auth, key: str) -> Iterator[Problem]:
    if bool(auth.environment) == bool(auth.file):
        yield Problem('say where the secret is: either environment = "VARIABLE" or file = "/path"', key)
    if auth.scheme == "basic" and not auth.user:
        yield Problem('basic needs a user = "…"', key)


def _queue_problems(parsed: _File, feeds: tuple[Feed, ...]) -> Iterator[Problem]:
    names = Counter(queue.name for queue in parsed.queue)
    known = {feed.feed_id for feed in feeds}
    for position, queue in enumerate(parsed.queue):
        if names[queue.name] > 1:
            yield Problem(f'two queues are named "{queue.name}"; rename one', f"queue[{position}].name")
        for unknown in sorted(set(_given(queue.match).get("feeds", ())) - known):
            yield Problem(f'no feed has the id "{unknown}"{_nearest(unknown, known)}', f"queue[{position}].match")


# --- saying what is wrong -------------------------------------------------------------------------------------


def _problems(error: ValidationError, file: str, places: _Places) -> Iterator[Problem]:
    for one in error.errors():
        path = tuple(part for part in one["loc"] if part != "[key]")
        if one["type"] == "extra_forbidden":
            *table, key = path
            text = f"unknown key{_nearest(str(key), _known_keys(tuple(table)))}"
        elif one["type"] == "missing":
            text = "this key must be given"
        elif one["type"] in _IN_WORDS:
            text = f"{_IN_WORDS[one['type']].format_map(_limits(one))}{_seen(one)}"
        else:
            text = f"{one['msg'].removeprefix('Value error, ')}{_seen(one)}"
        yield Problem(text, _dotted(path), file, places.line(path))


_IN_WORDS = {
    "tuple_type": 'write a list, such as ["a", "b"]',
    "list_type": "write it as [[{key}]], in double brackets",
    "dict_type": "write a table, such as {{ key = value }}",
    "model_type": "write a table, such as {{ key = value }}",
    "string_type": 'write a text in quotes, such as "…"',
    "int_type": "write a whole number without quotes",
    "bool_type": "write true or false, without quotes",
    "too_long": "at most {max_length} are allowed",
    "string_too_short": "must not be empty",
    "string_too_long": "at most {max_length} characters are allowed",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}
"""What pydantic finds, as people who write the file need to hear it."""


def _limits(one: Any) -> dict[str, Any]:
    return {"key": one["loc"][-1], **one.get("ctx", {})}


def _seen(one: Any) -> str:
    """The offending value, where pydantic's own text leaves it out."""
    value = one["input"]
    return "" if one["type"] == "value_error" or isinstance(value, dict | list) else f" (found {value!r})"


def _nearest(key: str, known: Iterable[str]) -> str:
    names = sorted(known)
    found = process.extractOne(key, names, scorer=Levenshtein.normalized_similarity, score_cutoff=0.5)
    if found:
        return f'; did you mean "{found[0]}"?'
    return f"; known here: {', '.join(names)}" if names else ""


def _known_keys(table: tuple[str | int, ...]) -> set[str]:
    model: Any = _File
    for part in table:
        if isinstance(part, int):
            continue
        column = next((c for name, c in model.model_fields.items() if (c.alias or name) == part), None)
        if column is None:
            return set()
        model = next((kind for kind in _kinds(column.annotation) if hasattr(kind, "model_fields")), None)
        if model is None:
            return set()
    return {column.alias or name for name, column in model.model_fields.items()}


def _kinds(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _kinds(inner)


def _dotted(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _path(dotted: str) -> tuple[str | int, ...]:
    return tuple(int(p) if p.isdigit() else p for p in re.findall(r"[^.\[\]]+", dotted))


class _Places:
    """Where tables and keys stand in the text. It reads lines as people write them; `None` where it cannot tell."""

    def __init__(self, text: str) -> None:
        self._lines: dict[tuple[str | int, ...], int] = {}
        counts: Counter[str] = Counter()
        table: tuple[str | int, ...] = ()
        for number, line in enumerate(text.splitlines(), 1):
            if array := re.match(r"\s*\[\[\s*([\w.-]+)\s*\]\]", line):
                table = (array[1], counts[array[1]])
                counts[array[1]] += 1
                self._lines[table] = number
            elif head := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
                table = self._inside(tuple(head[1].split(".")), counts)
                self._lines[table] = number
            elif key := re.match(r"\s*([\w.-]+|\"[^\"]+\")\s*=", line):
                self._lines.setdefault((*table, key[1].strip('"')), number)

    @staticmethod
    def _inside(names: tuple[str, ...], counts: Counter[str]) -> tuple[str | int, ...]:
        """`[feed.auth]` belongs to the newest `[[feed]]`."""
        return (names[0], counts[names[0]] - 1, *names[1:]) if counts[names[0]] else names

    def line(self, path: tuple[str | int, ...]) -> int | None:
        """The line of a key, or of the nearest thing around it."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return None
