"""The read-only JSON API: what it answers with, as models, and its OpenAPI document, made from them. Pure.

Rules: an answer is one of the models below and nothing else; instants are ISO 8601 in UTC; what is unknown is null or
empty, never left out. Fields may be added; a changed meaning gets a new name. A parameter that does not exist is an
error that names it: a filter that is passed over in silence answers another question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.json_schema import models_json_schema

from aggregator.model import Event, Message, PollState, Source
from aggregator.watch.choice import MOST_PAGES, MOST_SOURCES, Choice, since_at
from aggregator.watch.clock import (
    message_at,
    newest_at,
    ordered_sources,
    reported_at,
    reported_first_at,
)
from aggregator.watch.links import safe_link, shown_address

Query = TypeVar("Query", bound=BaseModel)

PLAIN_LIMIT = 50
MOST_LIMIT = 500
PLAIN_SINCE = "7d"
"""What the feeds and the API reach back, unless asked otherwise: as long as reports are kept by default."""


class QueryError(ValueError):
    """A query that cannot be answered; the text says what to write."""


# --- what is asked --------------------------------------------------------------------------------------------


class FilterQuery(BaseModel):
    """The filter that `/events.atom`, `/events.json` and `/api/events` share."""

    model_config = ConfigDict(extra="ignore")

    lang: Annotated[
        str,
        Field(max_length=35, description="BCP 47; `zh` takes every kind of Chinese"),
    ] = ""
    category: Annotated[
        str, Field(max_length=200, description="one level of an event's categories")
    ] = ""
    min_sources: Annotated[
        int,
        Field(
            ge=1,
            le=MOST_SOURCES,
            description="independent sources, as `min_sources` of a queue counts them",
        ),
    ] = 1
    words: Annotated[
        str,
        Field(
            max_length=200, description="all of them in titles or lead; README, Words"
        ),
    ] = ""
    since: Annotated[
        str,
        Field(
            max_length=40,
            description="a report seen since: `24h`, `7d`, `2026-11-22` or ISO 8601",
        ),
    ] = PLAIN_SINCE
    limit: Annotated[
        int, Field(ge=1, le=MOST_LIMIT, description="events in one answer")
    ] = PLAIN_LIMIT

    @field_validator("since")
    @classmethod
    def _is_moment(cls, text: str) -> str:
        # Any time will do: only the form is looked at.
        since_at(text, datetime.fromisoformat("2026-01-01T00:00:00+00:00"))
        return text

    def choice(self, *, order: str = "seen") -> Choice:
        """The same as a page's choice."""
        return Choice(
            language=self.lang.strip(),
            category=self.category.strip(),
            words=self.words.strip(),
            min_sources=self.min_sources,
            since=self.since,
            order=order,
        )


class EventsQuery(FilterQuery):
    """What `/api/events` is asked."""

    model_config = ConfigDict(extra="forbid")

    order: Annotated[
        Literal["seen", "newest", "top"],
        Field(description="by what came last, by date, by sources"),
    ] = "seen"
    page: Annotated[int, Field(ge=1, le=MOST_PAGES)] = 1
    meaning: Annotated[
        bool,
        Field(description="also what means the same as `words`, under `by_meaning`"),
    ] = False

    @model_validator(mode="after")
    def _has_words(self) -> Self:
        if self.meaning and not self.words.strip():
            raise ValueError("`meaning` needs `words`")
        return self


def filter_of(query: Mapping[str, str]) -> FilterQuery:
    """The filter in a query string. Raises QueryError."""
    return _validated(FilterQuery, query)


def events_query_of(query: Mapping[str, str]) -> EventsQuery:
    """What `/api/events` is asked. Raises QueryError."""
    return _validated(EventsQuery, query)


def _validated(
    model: type[Query],
    query: Mapping[str, str],
) -> Query:
    try:
        return model.model_validate(dict(query))
    except ValidationError as error:
        # One fault at a time: the answer says what to write.
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        known = ", ".join(model.model_fields)
        if first["type"] == "extra_forbidden":
            raise QueryError(
                f"there is no parameter {name!r}; there are {known}"
            ) from None
        raise QueryError(
            f"{name}: {first['msg'].removeprefix('Value error, ')}"
        ) from None


# --- what is answered -----------------------------------------------------------------------------------------


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class Report(_Answer):
    """One source's report of an event."""

    entry_id: str
    feed_id: str
    source: Annotated[
        str,
        Field(description="the site among the feed's categories, else its title or id"),
    ]
    title: str
    url: str
    published_at: Annotated[datetime, Field(description="never later than seen")]

    @classmethod
    def of(
        cls,
        event: Event,
        source: Source,
        names: Mapping[str, str],
    ) -> Self:
        """One of an event's reports; `names` by feed id."""
        return cls(
            entry_id=source.entry_id,
            feed_id=source.feed_id,
            source=names.get(source.feed_id) or source.feed_id,
            title=source.title,
            url=safe_link(source.url),
            published_at=reported_at(event, source),
        )


class EventSummary(_Answer):
    """An event with the reports that are kept with it: the first and the newest 49, the earliest first."""

    event_id: str
    title: str
    lang: Annotated[str, Field(description="BCP 47, `und` where unknown")]
    categories: list[str]
    lead: str
    image: Annotated[
        str, Field(description="the publisher's address of the picture, or empty")
    ]
    first_reported_at: datetime
    last_reported_at: datetime
    first_seen_at: datetime
    last_seen_at: datetime
    source_count: Annotated[int, Field(description="reports")]
    independent_count: Annotated[int, Field(description="publishers, copies left out")]
    reports: list[Report]

    @classmethod
    def of(
        cls,
        event: Event,
        names: Mapping[str, str],
    ) -> Self:
        """As a list shows the event; `names` by feed id."""
        return cls(**_summary(event, names))


def _summary(
    event: Event,
    names: Mapping[str, str],
) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "title": event.title,
        "lang": event.lang,
        "categories": list(event.categories),
        "lead": event.lead,
        "image": safe_link(event.image),
        "first_reported_at": reported_first_at(event),
        "last_reported_at": newest_at(event),
        "first_seen_at": event.first_seen_at,
        "last_seen_at": event.last_seen_at,
        "source_count": event.source_count,
        "independent_count": event.independent_count,
        "reports": [
            Report.of(event, source, names) for source in ordered_sources(event)
        ],
    }


class Telling(_Answer):
    """One message of an event that is still kept: how a report came to it, or what became of it."""

    kind: Annotated[
        str, Field(description="event.new, event.joined, entry.edited or event.merged")
    ]
    entry_id: str
    feed_id: str
    revision: int
    at: datetime | None
    score: float
    reason: str
    operator: str
    why: str

    @classmethod
    def of(cls, message: Message) -> Self:
        """What a message told consumers."""
        return cls(
            kind=message.kind,
            entry_id=message.entry_id,
            feed_id=message.feed_id,
            revision=message.revision,
            at=message_at(message),
            score=message.score,
            reason=message.reason,
            operator=message.operator,
            why=message.why,
        )


class EventDetail(EventSummary):
    """An event with how each report came to it."""

    related: Annotated[
        list[str], Field(description="earlier events that it follows up")
    ]
    history: Annotated[
        list[Telling], Field(description="in the order told, as far as it is kept")
    ]

    @classmethod
    def of_event(
        cls, event: Event, messages: Sequence[Message], names: Mapping[str, str]
    ) -> Self:
        """The event with all that was told of it, the oldest message first; `names` by feed id."""
        history = [Telling.of(message) for message in messages]
        return cls(
            **_summary(event, names), related=list(event.related), history=history
        )


class NearEvent(EventSummary):
    """An event that does not hold the words, but means what they mean."""

    likeness: Annotated[float, Field(description="cosine of the meanings, 0..1")]

    @classmethod
    def of_near(
        cls,
        event: Event,
        likeness: float,
        names: Mapping[str, str],
    ) -> Self:
        """As a search by meaning shows the event; `likeness` in 0..1."""
        return cls(**_summary(event, names), likeness=likeness)


class EventPage(_Answer):
    """One page of the events that pass a filter."""

    events: list[EventSummary]
    total: Annotated[int, Field(description="events that pass the filter")]
    page: int
    pages: int
    by_meaning: Annotated[
        list[NearEvent],
        Field(description="with `meaning`: further events, the nearest first"),
    ]


class FeedSummary(_Answer):
    """A feed as the scheduler sees it."""

    feed_id: str
    title: str
    url: Annotated[str, Field(description="without user, password and keys")]
    lang: str
    health: str
    failure_count: int
    failure_kind: str
    failure_detail: str
    poll_count: int
    entry_count: Annotated[int, Field(description="entries published so far")]
    interval_seconds: float
    last_poll_at: datetime | None
    last_success_at: datetime | None
    last_change_at: datetime | None
    next_poll_at: datetime | None
    next_poll_reason: str
    history: Annotated[
        str,
        Field(
            description="the newest polls, a letter each: n new, u unchanged, f failed"
        ),
    ]

    @classmethod
    def of(cls, state: PollState) -> Self:
        """What is remembered of a feed, without secrets."""
        return cls(
            feed_id=state.feed_id,
            title=state.title,
            url=shown_address(state.url),
            lang=state.language or "",
            health=state.health,
            failure_count=state.failure_count,
            failure_kind=state.failure_kind or "",
            failure_detail=state.failure_detail,
            poll_count=state.poll_count,
            entry_count=state.entry_count,
            interval_seconds=state.interval.total_seconds(),
            last_poll_at=state.last_poll_at,
            last_success_at=state.last_success_at,
            last_change_at=state.last_change_at,
            # It is not asked again.
            next_poll_at=None if state.health == "gone" else state.next_poll_at,
            next_poll_reason=state.next_poll_reason,
            history="".join(state.history),
        )


class FeedList(_Answer):
    """Every feed, those in trouble first."""

    feeds: list[FeedSummary]


class Problem(_Answer):
    """Why there is no answer."""

    error: str


# --- OpenAPI --------------------------------------------------------------------------------------------------

_REF = "#/components/schemas/{model}"
_ANSWERS = (EventPage, EventDetail, FeedList, Problem)


def openapi(version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the port's interfaces for programs."""
    _, schemas = models_json_schema(
        [(model, "serialization") for model in _ANSWERS], ref_template=_REF
    )
    events = _operation(
        "Events that pass a filter",
        EventPage,
        parameters=_parameters(EventsQuery),
        refusals=("400",),
    )
    one = _operation(
        "One event", EventDetail, parameters=[_EVENT_ID], refusals=("404",)
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "aggregator",
            "version": version or "0",
            "description": "What the feeds report, read-only. An answer carries an ETag; send it back to get a 304.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": {
            "/api/events": {"get": {"operationId": "listEvents", **events}},
            "/api/events/{event_id}": {"get": {"operationId": "getEvent", **one}},
            "/api/feeds": {
                "get": {
                    "operationId": "listFeeds",
                    **_operation("Every feed", FeedList),
                }
            },
            "/events.atom": {
                "get": {
                    "operationId": "atomFeed",
                    **_feed("Atom", "application/atom+xml"),
                }
            },
            "/events.json": {
                "get": {
                    "operationId": "jsonFeed",
                    **_feed("JSON Feed 1.1", "application/feed+json"),
                }
            },
        },
        "components": {"schemas": schemas["$defs"]},
    }


def filter_parameters() -> list[dict[str, Any]]:
    """The filter's parameters as OpenAPI writes them."""
    return _parameters(FilterQuery)


_EVENT_ID = {
    "name": "event_id",
    "in": "path",
    "required": True,
    "description": "an absorbed event's id leads to its survivor (302)",
    "schema": {"type": "string", "pattern": "^e[0-9a-f]{20}$"},
}


def _parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    found = []
    for name, schema in model.model_json_schema()["properties"].items():
        plain = {
            key: value
            for key, value in schema.items()
            if key not in ("title", "description")
        }
        found.append(
            {
                "name": name,
                "in": "query",
                "description": schema.get("description", name),
                "schema": plain,
            }
        )
    return found


def _operation(
    summary: str,
    model: type[BaseModel],
    *,
    parameters: Sequence[Mapping[str, Any]] = (),
    refusals: Sequence[str] = (),
) -> dict[str, Any]:
    responses: dict[str, Any] = {
        "200": _answer(summary, model),
        "304": {"description": "Nothing changed"},
    }
    responses |= {
        status: _answer(_REFUSALS[status], Problem) for status in (*refusals, "503")
    }
    return {"summary": summary, "parameters": list(parameters), "responses": responses}


_REFUSALS = {
    "400": "A parameter that does not exist, or cannot be read",
    "404": "No event of this id is kept",
    "503": "The Redis server does not answer",
}


def _answer(
    description: str,
    model: type[BaseModel],
) -> dict[str, Any]:
    schema = {"$ref": _REF.format(model=model.__name__)}
    return {
        "description": description,
        "content": {"application/json": {"schema": schema}},
    }


def _feed(
    name: str,
    media_type: str,
) -> dict[str, Any]:
    return {
        "summary": f"Events as {name}",
        "parameters": _parameters(FilterQuery),
        "responses": {
            "200": {
                "description": "The feed",
                "content": {media_type: {"schema": {"type": "string"}}},
            },
            "304": {"description": "Nothing changed"},
            "400": _answer(_REFUSALS["400"], Problem),
            "503": _answer(_REFUSALS["503"], Problem),
        },
    }
