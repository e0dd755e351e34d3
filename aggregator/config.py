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
from typing import Annotated, Any, get_type_hints
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    create_model,
)

from aggregator.config_problems import Places, nearest, path_of, problems
from aggregator.config_values import (
    AnySpan,
    Category,
    Count,
    Cron,
    Directory,
    Duration,
    FeedId,
    HeaderValue,
    HostName,
    Language,
    Listen,
    MailAddress,
    Network,
    NotifyTo,
    Prefix,
    QueueName,
    Size,
    Smtp,
    Span,
    TimeZone,
    Url,
    longest_gap,
    pattern,
    spoken,
)
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
    Notify,
    Queue,
    RetentionSettings,
    Settings,
    Strictness,
)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a feeds.toml asks for; feeds in file order, disabled ones included."""

    settings: Settings
    feeds: tuple[Feed, ...]
    names_feeds: bool = True
    """Whether it says which feeds there are, be it none (`feed = []`)."""
    is_blank: bool = False
    """Whether it says nothing at all."""


NO_FEEDS = "feed = []"
"""How a feeds.toml says that no feed is meant."""
MOST_CONCURRENCY = 448
"""Of the 512 connections to Redis that a daemon makes at most, 64 are left for its other parts."""

_ALIASES = {
    "max_body_bytes": "max_body",
    "max_document_bytes": "max_document",
    "parse_memory_bytes": "parse_memory",
}

_BY_TYPE: Mapping[Any, Any] = {
    timedelta: Span, int: Count, bool: StrictBool, bool | None: StrictBool, str: StrictStr, str | None: StrictStr,
}  # fmt: skip
"""The file's form of a record's field; what differs is named where the section is made."""


# --- sections: the tables of the file, derived from their records ----------------------------------------------


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=False,
        arbitrary_types_allowed=True,
        defer_build=True,
    )
    """Built with the whole file, once: not each section for itself as well."""

    def given(self) -> dict[str, Any]:
        """The keys the file sets, by the record's field names."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def _section(
    name: str,
    record: type,
    *,
    only: Iterable[str] | None = None,
    **special: Any,
) -> type[_Section]:
    hints = get_type_hints(record)
    columns: dict[str, Any] = {}
    for column in fields(record):
        if only is not None and column.name not in only:
            continue
        form = special.get(column.name) or _form(column.name, hints[column.name])
        required = column.default is MISSING and column.default_factory is MISSING
        alias = _ALIASES.get(column.name, column.name)
        key = Field(alias=alias) if required else Field(default=None, alias=alias)
        columns[column.name] = (form, key)
    return create_model(name, __base__=_Section, **columns)


def _form(name: str, hint: Any) -> Any:
    # In the record a whole number, in the file a text with its unit.
    if name.endswith("_bytes"):
        return Size
    return _BY_TYPE.get(hint, hint)


_Aggregator = _section(
    "aggregator",
    Settings,
    only=(
        "redis_url",
        "redis_url_file",
        "redis_url_environment",
        "state_dir",
        "key_prefix",
        "contact",
        "archive_dir",
    ),
    state_dir=Directory,
    archive_dir=Directory,
    key_prefix=Prefix,
    contact=HeaderValue,
)
_Fetch = _section(
    "fetch",
    FetchSettings,
    per_host_interval=AnySpan,
    allowed_networks=tuple[Network, ...],
    proxy=Url,
    parse_processes=Annotated[StrictInt, Field(ge=0, le=256)],
)
_Documents = _section("documents", DocumentSettings, embeds=tuple[HostName, ...])
_Dedup = _section("dedup", DedupSettings, strictness=Strictness)
_Digest = _section(
    "digest",
    DigestSettings,
    cron=Cron,
    timezone=TimeZone,
    dir=Directory,
)
_Retention = _section(
    "retention",
    RetentionSettings,
    on_slow_consumer=Annotated[
        StrictStr,
        pattern("drop_oldest|slow_down", 'must be "drop_oldest" or "slow_down"'),
    ],
)


def _asked(item: str) -> str:
    from aggregator import mentions  # its tables cost 30 ms, and few files name words

    if mentions.is_empty(item):
        raise ValueError(
            f'{item!r} asks for nothing: write a word, such as "earthquake", or leave it out'
        )
    return item


_Match = _section(
    "match",
    Match,
    categories=tuple[Category, ...],
    languages=tuple[Language, ...],
    feeds=tuple[FeedId, ...],
    words=tuple[Annotated[StrictStr, AfterValidator(_asked)], ...],
)
_Auth = _section(
    "auth",
    Auth,
    scheme=Annotated[StrictStr, pattern("basic|bearer", 'must be "basic" or "bearer"')],
)

_DEFAULTS = ("min_interval", "max_interval", "language", "categories", "backlog")
_FEED_FORMS: dict[str, Any] = {
    "categories": Annotated[tuple[Category, ...], Field(max_length=3)],
    "language": Language,
    "backlog": Backlog,
    "cron": Cron,
    "clock_offset": Duration,
    "url": Url,
    "headers": dict[
        Annotated[
            StrictStr, pattern(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", "is no header name")
        ],
        HeaderValue,
    ],
    "user_agent": HeaderValue,
}
_Defaults = _section(
    "defaults",
    Feed,
    only=_DEFAULTS,
    **_FEED_FORMS,
)
_FeedBase = _section(
    "feed",
    Feed,
    only={column.name for column in fields(Feed)} - {"feed_id", "auth"},
    **_FEED_FORMS,
)


class _Listening(_Section):
    listen: Listen | None = None


class _Http(_Listening):
    public_url: Url | None = None
    pictures: StrictBool = True


class _FeedTable(_FeedBase):  # type: ignore[valid-type,misc]
    id: FeedId | None = None
    auth: _Auth | None = None  # type: ignore[valid-type]


class _QueueTable(_Section):
    name: QueueName
    kind: Annotated[StrictStr, pattern("stream|list", 'must be "stream" or "list"')] = (
        "stream"
    )
    deliver: Annotated[
        StrictStr, pattern("events|reports", 'must be "events" or "reports"')
    ] = "events"
    min_sources: Count = 1
    match: _Match | None = None  # type: ignore[valid-type]


class _SecretTable(_Section):
    environment: StrictStr | None = None
    file: StrictStr | None = None


class _NotifyTable(_Section):
    name: QueueName
    to: NotifyTo
    deliver: Annotated[
        StrictStr, pattern("events|reports", 'must be "events" or "reports"')
    ] = "events"
    min_sources: Count = 1
    match: _Match | None = None  # type: ignore[valid-type]
    secret: _SecretTable | None = None
    smtp: Smtp | None = None
    sender: MailAddress | None = None
    every: Span | None = None


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
    notify: list[_NotifyTable] = Field(default_factory=list)


# --- the whole file -------------------------------------------------------------------------------------------


def configuration(text: str, *, file: str = "feeds.toml") -> Configuration:
    """Read a whole feeds.toml. Raises ConfigError with every problem found, in file order."""
    text = text.removeprefix("\ufeff")
    tables = _tables(text, file)
    is_blank = not tables
    if tables.get("feeds") == []:  # the plural says the same
        tables = {"feed": tables.pop("feeds")} | tables
    try:
        parsed = _File.model_validate(tables)
    except ValidationError as error:
        against_schema = problems(error, _File, file, Places(text))
        in_order = sorted(against_schema, key=lambda problem: problem.line or 0)
        raise ConfigError(*in_order) from None
    settings = _settings(parsed)
    feeds = tuple(_feed(table, parsed, settings) for table in parsed.feed)
    feed_ids = {feed.feed_id for feed in feeds}
    contradictions = [
        *_feed_problems(feeds, parsed.feed),
        *_queue_problems(parsed, feed_ids),
        *_bound_problems(settings, feeds),
        *_notify_problems(parsed.notify, feed_ids),
    ]
    if contradictions:
        raise ConfigError(*_placed(contradictions, text, file))
    return Configuration(
        settings,
        feeds,
        names_feeds="feed" in tables,
        is_blank=is_blank,
    )


def _placed(
    problems: Iterable[Problem],
    text: str,
    file: str,
) -> Iterator[Problem]:
    """The problems, with file and line."""
    # Only a file that has a mistake is read for its lines.
    places = Places(text)
    for problem in problems:
        line = places.line(path_of(problem.key))
        yield replace(problem, file=file, line=line)


def _tables(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # Before 3.14 tomllib tells the line in its text alone.
        where = re.search(r"line (\d+)", str(error))
        line = int(where[1]) if where else None
        remedy = _toml_remedy(text, str(error))
        problem = Problem(f"not valid TOML: {error}{remedy}", file=file, line=line)
        raise ConfigError(problem) from None


def _toml_remedy(text: str, error: str) -> str:
    if text.lstrip().startswith("<"):
        return "; `aggregator feeds import FILE` takes OPML"
    for part, remedy in _TOML_REMEDIES:
        if part in error:
            return f"; {remedy}"
    return ""


_TOML_REMEDIES = (
    (
        "Invalid value",
        'texts stand in straight quotes ("…"), true and false are written small',
    ),
    ("Illegal character '\\n'", "a quotation mark is missing at the end of the line"),
    ("Expected '='", 'write key = "value", not key: value'),
    ("Cannot overwrite", "the key stands there twice; keep one"),
    ("hex value", "write a path with backslashes in single quotes, such as 'C:\\x'"),
    ("Unescaped '\\'", "write a text with backslashes in single quotes"),
    ("key part", "a table in braces stands on one line, without a comma at its end"),
    ("Invalid statement", "a line is key = value, [table], [[feed]] or # a comment"),
)
"""What tomllib says of the commonest mistakes, and what to do about them."""


def schema_of_file() -> dict[str, Any]:
    """The JSON Schema of a feeds.toml, as editors check it: types, names and bounds, not what only the whole tells."""
    schema = _without_null(_File.model_json_schema(by_alias=True))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "feeds.toml",
    }


def _without_null(node: Any) -> Any:
    """A key is left out rather than null: TOML has no null."""
    if isinstance(node, list):
        return [_without_null(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    schema = {key: _without_null(inner) for key, inner in node.items()}
    if schema.get("default", "") is None:
        del schema["default"]
    choices = schema.get("anyOf")
    if not isinstance(choices, list):
        return schema
    schema["anyOf"] = [choice for choice in choices if choice != {"type": "null"}]
    if len(schema["anyOf"]) == 1:
        [choice] = schema.pop("anyOf")
        schema |= choice
    return schema


def feed_id_for(url: str) -> str:
    """The id of a feed that names none: a slug of host and path, and 6 hex digits of the URL's sha256."""
    parts = urlsplit(url)
    address = f"{parts.hostname or ''}{parts.path}".lower().removeprefix("www.")
    words = re.sub(r"[^a-z0-9]+", "-", address).strip("-")
    digest = hashlib.sha256(url.encode()).hexdigest()[:6]
    # 57 and a dash and 6 digits are the 64 characters that an id may have.
    slug = words[:57].rstrip("-") or "feed"
    return f"{slug}-{digest}"


def _settings(parsed: _File) -> Settings:
    server = parsed.server or _Listening()
    http = parsed.http or _Http()
    queues = [_queue(table) for table in parsed.queue]
    notifies = tuple(_notify(table) for table in parsed.notify)
    # A notify is fed by a queue of its own, with the promise of the queues.
    queues += [notify.queue for notify in notifies]
    settings: Settings = replace(
        _record(Settings(), parsed.aggregator),
        server_listen=server.listen,
        http_listen=http.listen,
        http_public_url=http.public_url,
        http_pictures=http.pictures,
        fetch=_record(FetchSettings(), parsed.fetch),
        documents=_record(DocumentSettings(), parsed.documents),
        dedup=_record(DedupSettings(), parsed.dedup),
        digest=_record(DigestSettings(), parsed.digest),
        retention=_record(RetentionSettings(), parsed.retention),
        queues=tuple(queues),
        notifies=notifies,
    )
    return settings


def _record(default: Any, section: _Section | None) -> Any:
    """The record as the file's table sets it."""
    return replace(default, **_given(section))


def _queue(table: _QueueTable) -> Queue:
    return Queue(
        table.name,
        table.kind,
        table.deliver,
        table.min_sources,
        match=_record(Match(), table.match),
    )


MAIL_EVERY = timedelta(hours=1)
"""Between two mails of one `[[notify]]`, unless it says otherwise."""


def _notify(table: _NotifyTable) -> Notify:
    given = table.given()
    given["match"] = _record(Match(), table.match)
    if table.secret is not None:
        given["secret"] = Auth("bearer", **table.secret.given())
    if table.every is None and table.to.startswith("mailto:"):
        given["every"] = MAIL_EVERY
    return Notify(**given)


def _given(section: _Section | None) -> dict[str, Any]:
    return section.given() if section else {}


def _feed(table: Any, parsed: _File, settings: Settings) -> Feed:
    limits = {
        "max_body_bytes": settings.fetch.max_body_bytes,
        "max_entries": settings.fetch.max_entries,
    }
    defaults: dict[str, Any] = _given(parsed.defaults)
    given = table.given()
    given.pop("id", None)
    given["headers"] = tuple(given.get("headers", {}).items())
    if table.auth is not None:
        given["auth"] = Auth(**table.auth.given())
    feed_id = table.id or feed_id_for(table.url)
    # The feed's own keys before [defaults], these before what [fetch] says of all.
    return Feed(feed_id=feed_id, **(limits | defaults | given))


def _feed_problems(
    feeds: tuple[Feed, ...],
    tables: list[_FeedTable],
) -> Iterator[Problem]:
    uses = Counter(feed.feed_id for feed in feeds)
    for position, (feed, table) in enumerate(zip(feeds, tables, strict=True)):
        key = f"feed[{position}]"
        use_count = uses[feed.feed_id]
        if use_count > 1 and table.id:
            text = f'the id "{feed.feed_id}" is used {use_count} times; ids must differ'
            yield Problem(text, f"{key}.id")
        elif use_count > 1:
            # An id that is derived repeats with its address.
            text = f"the url {feed.url} is there twice; remove one, or give them ids"
            yield Problem(text, f"{key}.url")
        if feed.min_interval > feed.max_interval:
            text = "min_interval is longer than max_interval; swap or change one"
            yield Problem(text, f"{key}.min_interval")
        if feed.auth:
            yield from _auth_problems(feed.auth, f"{key}.auth")


_WHERE_SECRET = (
    'say where the secret is: either environment = "VARIABLE" or file = "/path"'
)


def _auth_problems(auth: Auth, key: str) -> Iterator[Problem]:
    if bool(auth.environment) == bool(auth.file):
        yield Problem(_WHERE_SECRET, key)
    if auth.scheme == "basic" and not auth.user:
        yield Problem('basic needs a user = "…"', key)


def _bound_problems(
    settings: Settings,
    feeds: tuple[Feed, ...],
) -> Iterator[Problem]:
    """Bounds of different tables that contradict each other."""
    retention = settings.retention
    window = settings.dedup.window
    # A lapsed event would come as `joined` with one source.
    if retention.events < window:
        text = f"{spoken(retention.events)} is shorter than the [dedup] window of {spoken(window)}"
        yield Problem(
            f"{text}: an event would lapse while reports still join it",
            "retention.events",
        )
    # An entry is forgotten after its last sighting: it must be seen again before, or it is published again.
    intervals = [feed.max_interval for feed in feeds]
    longest = max(intervals, default=Feed("", "").max_interval)
    least = max(window, 2 * longest)
    if retention.seen < least:
        text = f"{spoken(retention.seen)} is shorter than the window, or than twice the longest max_interval"
        yield Problem(
            f"{text}: entries would be published again; at least {spoken(least)}",
            "retention.seen",
        )
    for position, notify in enumerate(settings.notifies):
        # A group that has not moved for so long counts no more, and what waits for it may be dropped.
        if notify.every >= retention.forget_group:
            kept = spoken(retention.forget_group)
            text = f"{spoken(notify.every)} is not shorter than [retention] forget_group of {kept}"
            yield Problem(
                f"{text}: what waits for the next mail would be dropped",
                f"notify[{position}].every",
            )
    if settings.fetch.concurrency > MOST_CONCURRENCY:
        text = f"at most {MOST_CONCURRENCY}, since each poll in flight needs a connection to Redis"
        yield Problem(f"{text}; start more poll workers instead", "fetch.concurrency")
    if _is_one_port(settings.http_listen, settings.server_listen):
        text = f"{settings.http_listen} is [server] listen, too; choose another port"
        yield Problem(text, "http.listen")


_EVERYWHERE = ("0.0.0.0", "[::]", "::")


def _is_one_port(one: str | None, other: str | None) -> bool:
    """Whether two places to listen cannot both be had."""
    if not one or not other:
        return False
    host, _, port = one.rpartition(":")
    other_host, _, other_port = other.rpartition(":")
    # Port 0 means any that is free.
    if port != other_port or port == "0":
        return False
    return host == other_host or host in _EVERYWHERE or other_host in _EVERYWHERE


def _queue_problems(
    parsed: _File,
    feed_ids: set[str],
) -> Iterator[Problem]:
    uses = Counter(queue.name for queue in parsed.queue)
    for position, queue in enumerate(parsed.queue):
        key = f"queue[{position}]"
        if uses[queue.name] > 1:
            text = f'two queues are named "{queue.name}"; rename one'
            yield Problem(text, f"{key}.name")
        yield from _match_problems(queue.match, feed_ids, f"{key}.match")


def _notify_problems(
    tables: list[_NotifyTable],
    feed_ids: set[str],
) -> Iterator[Problem]:
    uses = Counter(table.name for table in tables)
    for position, table in enumerate(tables):
        key = f"notify[{position}]"
        if uses[table.name] > 1:
            text = f'two notifies are named "{table.name}"; rename one'
            yield Problem(text, f"{key}.name")
        secret = table.secret
        if secret is not None and bool(secret.environment) == bool(secret.file):
            yield Problem(_WHERE_SECRET, f"{key}.secret")
        yield from _match_problems(table.match, feed_ids, f"{key}.match")


def _match_problems(
    match: _Section | None,
    feed_ids: set[str],
    key: str,
) -> Iterator[Problem]:
    wanted = set(_given(match).get("feeds", ()))
    for unknown in sorted(wanted - feed_ids):
        text = f'no feed has the id "{unknown}"{nearest(unknown, feed_ids)}'
        yield Problem(text, key)


def strained(configuration: Configuration) -> Iterator[str]:
    """One sentence for each pair of bounds that leave something out: each may be meant, so the file is not refused."""
    settings = configuration.settings
    yield from _digests_not_whole(settings)
    yield from _feeds_forgotten(configuration.feeds, settings.retention)
    yield from _too_large(settings, configuration.feeds)


def _digests_not_whole(settings: Settings) -> Iterator[str]:
    retention = settings.retention
    period = timedelta(hours=1)
    if settings.digest.cron != DigestSettings().cron:
        period = longest_gap(settings.digest.cron)
    # A digest is made of the reports and the counts of the time since the one before.
    for key, kept in (("reports", retention.reports), ("digest", retention.digest)):
        if kept < period:
            yield (
                f"digests will not be whole: [retention] {key} of {spoken(kept)} is shorter than the "
                f"{spoken(period)} between two of them ([digest] cron)"
            )


def _feeds_forgotten(
    feeds: Iterable[Feed],
    retention: RetentionSettings,
) -> Iterator[str]:
    for feed in feeds:
        if feed.cron is None:
            continue
        gap = longest_gap(feed.cron)
        # An entry must be seen again before it is forgotten, or it is published again.
        if retention.seen < 2 * gap:
            yield (
                f'feed "{feed.feed_id}": its cron leaves {spoken(gap)} between two polls, so that after '
                f"[retention] seen of {spoken(retention.seen)} its entries are published again"
            )


def _too_large(settings: Settings, feeds: Iterable[Feed]) -> Iterator[str]:
    memory = settings.fetch.parse_memory_bytes
    largest = max(
        (feed.max_body_bytes for feed in feeds),
        default=settings.fetch.max_body_bytes,
    )
    # The bytes and the text decoded from them stand in memory together.
    if 2 * largest > memory:
        yield (
            f"bodies as large as max_body allows ({largest:,} bytes) cannot be read: "
            f"[fetch] parse_memory is {memory:,} bytes"
        )
    if settings.documents.max_document_bytes > settings.retention.max_stream_bytes:
        yield (
            "a message as large as [documents] max_document allows is dropped at once: "
            "[retention] max_stream_bytes is smaller"
        )


_OTHER_SYNTAX = re.compile(r",\s|\||\A-?\*.|\s(?:OR|AND|NOT|oder|ou|和|或)\s|\A/.+/\Z")
"""Lists, patterns and operators of other programs in one item of `words`."""


def unheard(configuration: Configuration) -> Iterator[str]:
    """One sentence for each category or language that a queue asks for and no feed has, and each item of its words that
    is written as another program's search: nothing is wrong with the file, but the queue may wait for ever."""
    feeds = [feed for feed in configuration.feeds if feed.enabled]
    categories: set[str] = set()
    for feed in feeds:
        categories.update(feed.categories)
    languages = {feed.language.lower() for feed in feeds if feed.language}
    remark = ""
    if not all(feed.language for feed in feeds):
        remark = "; feeds without `language` may still be found to write it"
    for queue in configuration.settings.queues:
        yield from _other_syntax(queue.name, queue.match.words)
        for category in queue.match.categories:
            if category not in categories:
                yield f'queue "{queue.name}": no feed has the category "{category}"{nearest(category, categories)}'
        for language in queue.match.languages:
            if not _is_spoken(language.lower(), languages):
                yield f'queue "{queue.name}": no feed has the language "{language}"{remark}'


def _other_syntax(
    queue: str,
    words: Iterable[str],
) -> Iterator[str]:
    for item in words:
        if _OTHER_SYNTAX.search(item):
            yield (
                f'queue "{queue}": "{item}" is looked for as it is: '
                'write one item for each word, and "quake*" for a beginning'
            )


def _is_spoken(wanted: str, languages: Iterable[str]) -> bool:
    """Whether one of the languages is the wanted one: `zh` takes every kind of Chinese (RFC 4647, basic filtering)."""
    return any(
        language == wanted or language.startswith(f"{wanted}-")
        for language in languages
    )
