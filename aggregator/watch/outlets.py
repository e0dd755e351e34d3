"""What programs read from the status port: events as Atom and JSON Feed, and the JSON API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from functools import wraps

import orjson
from aiohttp import web
from pydantic import BaseModel

from aggregator.errors import AggregatorError
from aggregator.model import Event
from aggregator.watch import answers, api, syndication
from aggregator.watch.choice import Choice, chosen_of, first_of, meant_of
from aggregator.watch.syndication import Outlet
from aggregator.watch.watched import Kept, Watched

JSON_TYPE = "application/json; charset=utf-8"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def problem(status: int, text: str) -> web.Response:
    """Why there is no answer, for a program."""
    return answers.json(
        api.Problem(error=text).model_dump(),
        status=status,
    )


def for_programs(handler: Handler) -> Handler:
    """Errors as JSON instead of pages."""

    @wraps(handler)
    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except api.QueryError as error:
            return problem(400, str(error))
        except web.HTTPNotFound as error:
            return problem(404, error.reason)
        except AggregatorError as error:
            return problem(503, f"the Redis server does not answer: {error}")

    return answered


class Outlets:
    """The routes for programs. `public_url` is how others reach the port; left out: as the request says."""

    def __init__(
        self,
        watched: Watched,
        kept: Kept,
        *,
        now: Callable[[], datetime],
        version: str,
        public_url: str | None,
    ) -> None:
        self._watched = watched
        self._kept = kept
        self._now = now
        self._public_url = public_url
        self._openapi = orjson.dumps(
            api.openapi(version),
            option=orjson.OPT_INDENT_2,
        )

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Put the routes under their addresses."""
        router.add_get("/events.atom", for_programs(self._atom))
        router.add_get("/events.json", for_programs(self._json_feed))
        router.add_get("/api/events", for_programs(self._events))
        router.add_get(
            r"/api/events/{event_id:e[0-9a-f]{20}}", for_programs(self._event)
        )
        router.add_get("/api/feeds", for_programs(self._feeds))
        router.add_get("/api/openapi.json", for_programs(self._description))
        router.add_get("/api/{rest:.*}", for_programs(self._nothing))

    def base_of(self, request: web.Request) -> str:
        """The address that others reach the port at, without a slash at its end."""
        return (self._public_url or f"{request.scheme}://{request.host}").rstrip("/")

    # --- feeds ----------------------------------------------------------------------------------------------------

    async def _atom(self, request: web.Request) -> web.Response:
        events, outlet = await self._asked(request)
        body = syndication.atom(events, outlet)
        return _feed(request, body, syndication.ATOM_TYPE, events)

    async def _json_feed(self, request: web.Request) -> web.Response:
        events, outlet = await self._asked(request)
        body = syndication.json_feed(events, outlet)
        return _feed(request, body, syndication.JSON_FEED_TYPE, events)

    async def _asked(
        self,
        request: web.Request,
    ) -> tuple[Sequence[Event], Outlet]:
        asked = api.filter_of(request.query)
        choice = asked.choice()
        chosen = await self._chosen(choice)
        query = f"?{request.query_string}" if request.query_string else ""
        outlet = Outlet(
            self.base_of(request),
            query,
            await self._kept.names(),
            title=_title(choice),
        )
        return first_of(chosen, choice.order, asked.limit), outlet

    async def _chosen(self, choice: Choice) -> list[Event]:
        now = self._now()
        from_at = choice.from_at(now)
        told = await self._kept.events(from_at, now)
        found = await self._kept.mentioning(choice.words, from_at, now)
        return chosen_of(told, choice, found)

    # --- the API --------------------------------------------------------------------------------------------------

    async def _events(self, request: web.Request) -> web.Response:
        asked = api.events_query_of(request.query)
        if asked.meaning and not self._watched.has_meanings:
            raise api.QueryError(
                "meaning: nothing is compared by meaning here; see [dedup] meaning"
            )
        choice = asked.choice(order=asked.order)
        chosen = await self._chosen(choice)
        names = await self._kept.names()
        near: Sequence[tuple[Event, float]] = ()
        if asked.meaning:
            near = await self._near(choice, chosen)
        start = (asked.page - 1) * asked.limit
        events = first_of(chosen, choice.order, start + asked.limit)[start:]
        page = api.EventPage(
            events=[api.EventSummary.of(event, names) for event in events],
            total=len(chosen),
            page=asked.page,
            pages=max(
                -(-len(chosen) // asked.limit),
                1,
            ),
            by_meaning=[api.NearEvent.of_near(*hit, names) for hit in near],
        )
        return _answered(request, page)

    async def _near(
        self,
        choice: Choice,
        chosen: Iterable[Event],
    ) -> list[tuple[Event, float]]:
        """Further events that mean what the words mean."""
        now = self._now()
        from_at = choice.from_at(now)
        events = await self._kept.events(from_at, now)
        likeness = await self._kept.likeness(choice.words, from_at, now)
        return meant_of(
            events,
            choice,
            likeness,
            {one.event_id for one in chosen},
        )

    async def _event(self, request: web.Request) -> web.Response:
        event = await self._watched.event(request.match_info["event_id"])
        if event is None:
            raise web.HTTPNotFound(reason="no event of this id is kept")
        # Programs keep ids; an absorbed one leads to its survivor for good.
        survivor = event.merged_into or event.event_id
        if survivor != request.match_info["event_id"]:
            raise web.HTTPFound(f"/api/events/{survivor}")
        messages = await self._watched.reports(event.event_id)
        names = await self._kept.names()
        return _answered(
            request,
            api.EventDetail.of_event(event, messages, names),
        )

    async def _feeds(self, request: web.Request) -> web.Response:
        states = sorted(
            await self._kept.feeds(),
            key=lambda state: state.feed_id,
        )
        feeds = [api.FeedSummary.of(state) for state in states]
        return _answered(request, api.FeedList(feeds=feeds))

    async def _description(self, request: web.Request) -> web.Response:
        return answers.validated(request, self._openapi, JSON_TYPE)

    async def _nothing(self, _request: web.Request) -> web.Response:
        raise web.HTTPNotFound(
            reason="there is no such address; /api/openapi.json lists them all"
        )


def _feed(
    request: web.Request, body: bytes, content_type: str, events: Sequence[Event]
) -> web.Response:
    # An empty feed has no date of its own, only its tag.
    modified_at = syndication.updated_at(events) if events else None
    return answers.validated(request, body, content_type, modified_at=modified_at)


def _answered(
    request: web.Request,
    answer: BaseModel,
) -> web.Response:
    return answers.validated(
        request,
        answer.model_dump_json().encode(),
        JSON_TYPE,
    )


def _title(choice: Choice) -> str:
    """`Events: zh · 新闻 · "earthquake" · 3 sources or more`."""
    parts = [choice.language, choice.category]
    if choice.words:
        parts.append(f'"{choice.words}"')
    if choice.min_sources > 1:
        parts.append(f"{choice.min_sources} sources or more")
    named = " · ".join(filter(None, parts))
    return f"Events: {named}" if named else "Events"
