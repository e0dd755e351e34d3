"""The status port: health, readiness, metrics, and the digest page with its live updates.

Rules: GET only, nothing is changed by a request; every page works without JavaScript and loads nothing from elsewhere
(a strict Content-Security-Policy says so to the browser). What the pages show comes through `Watched`, which the
daemon implements; answers are kept for a moment, so that a crowd of readers asks the Redis server no more than one
does. Connections are few, short and known by name (`doors`). The port has no passwords: it listens on loopback unless
the operator decides otherwise.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

import orjson
import structlog
from aiohttp import web
from aiohttp.http import HttpProcessingError
from aiohttp.typedefs import Handler

from aggregator.errors import AggregatorError
from aggregator.model import Digest, Event, Kind, Message
from aggregator.watch import answers
from aggregator.watch.answers import SECURITY_HEADERS
from aggregator.watch.choice import (
    PLAIN_HOURS,
    WINDOWS,
    Choice,
    choice_of,
    is_chosen,
    meant_of,
    number_of,
    page_of,
    words_of,
)
from aggregator.watch.digest_files import DigestFiles
from aggregator.watch.doors import DoorSite, are_known_hosts, most_connections
from aggregator.watch.live import Broadcast
from aggregator.watch.metrics import CONTENT_TYPE, Metrics
from aggregator.watch.outlets import Outlets
from aggregator.watch.page import TEMPLATES, Look, Pages, event_of
from aggregator.watch.pictures import Pictures
from aggregator.watch.translation import tongue_of
from aggregator.watch.watched import Kept, Watched

log = structlog.get_logger()


class _OurFaults(logging.Filter):
    """Leaves out requests that are no HTTP: a stranger's, answered with 400, and a traceback for each fills a disk."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, HttpProcessingError)


_answering = logging.getLogger("aiohttp.server.status_port")
_answering.addFilter(_OurFaults())

UNAVAILABLE = "The Redis server does not answer. The page is back as soon as it is."
MAX_RELATED = 10
FEED_PAGE_REACH = timedelta(days=7)
_ZONE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+/-]{0,63}")
MAX_LIVE = 200
"""Open live pages at most; each is one connection and a queue of 100 messages. A guess."""
BEAT_SECONDS = 15.0
"""A comment this often keeps proxies from closing a silent live stream (nginx: 60 s)."""

ASSETS = {
    "style.css": "text/css",
    "live.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


class StatusServer:
    """The server of the status port. `now` tells the time (aware UTC); `digests` are the dated files, where kept."""

    def __init__(
        self,
        watched: Watched,
        *,
        metrics: Metrics,
        zone: tzinfo = UTC,
        version: str = "",
        digests: DigestFiles | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        below: Mapping[str, web.Application] | None = None,
        public_url: str | None = None,
        pictures: Pictures | None = None,
    ) -> None:
        """`below`: other applications by the path they are served under; `public_url`: how others reach the port;
        `zone`: for readers whose browser does not tell theirs."""
        self._watched = watched
        self._metrics = metrics
        self._digests = digests
        self._now = now
        self._below = dict(below or {})
        self._public_host = urlsplit(public_url or "").hostname or ""
        self._listened = ""
        self._zone = zone
        self._pictures = pictures
        self._pages = Pages(
            version=version,
            has_digests=digests is not None,
            is_pictured=pictures.is_shown if pictures else lambda _url: False,
        )
        self._broadcast = Broadcast(watched.live)
        self._kept = Kept(watched)
        self._outlets = Outlets(
            watched, self._kept, now=now, version=version, public_url=public_url
        )
        self._streams: set[asyncio.Task[Any]] = set()
        self._runner: web.AppRunner | None = None

    async def start(
        self,
        host: str,
        port: int,
    ) -> tuple[str, int]:
        """Listen; answers with the address bound (port 0 lets the system choose). Raises OSError when it is taken."""
        runner = web.AppRunner(
            self._application(),
            access_log=None,
            logger=_answering,
            handle_signals=False,
            keepalive_timeout=30.0,
            shutdown_timeout=1.0,
        )
        self._listened = host
        await runner.setup()
        try:
            await DoorSite(runner, host, port, most=most_connections()).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        bound = runner.addresses[0]
        log.info(
            "status_port_open",
            host=bound[0],
            port=bound[1],
        )
        return str(bound[0]), int(bound[1])

    async def stop(self) -> None:
        """Close the port and every live stream."""
        # They would stay open for as long as their readers look.
        for stream in list(self._streams):
            stream.cancel()
        await self._broadcast.close()
        self._kept.close()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[self._guarded])
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/metrics", self._metrics_text)
        application.router.add_get("/", self._front)
        application.router.add_get(r"/events/{event_id:e[0-9a-f]{20}}", self._event)
        application.router.add_get("/feeds", self._feeds)
        application.router.add_get(r"/feeds/{feed_id:[a-z0-9_-]{1,64}}", self._feed)
        application.router.add_get("/statistics", self._statistics)
        if self._pictures is not None:
            application.router.add_get(
                r"/pictures/{event_id:e[0-9a-f]{20}}/{form:card|page}.webp",
                self._picture,
            )
        application.router.add_get("/docs", self._docs)
        # A HEAD would open a stream that nobody reads.
        application.router.add_get("/live", self._live, allow_head=False)
        application.router.add_get("/static/{name}", self._asset)
        if self._digests is not None:
            application.router.add_get("/digest", self._digest_days)
            application.router.add_get(
                r"/digest/{day:\d{4}-\d{2}-\d{2}}", self._digest_day
            )
        self._outlets.add_to(application.router)
        for path, other in self._below.items():
            application.add_subapp(path, other)
        return application

    @web.middleware
    async def _guarded(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Errors become pages, and every answer carries the security headers."""
        try:
            self._check_host(request)
            response = await handler(request)
        except web.HTTPException as refusal:
            if refusal.status < 400:
                raise
            response = self._error(request, refusal.status, refusal.reason)
            # RFC 9110, 15.5.6: a 405 says what is allowed.
            if "Allow" in refusal.headers:
                response.headers["Allow"] = refusal.headers["Allow"]
        except AggregatorError as error:
            log.warning(
                "page_unavailable",
                path=request.path,
                error=str(error),
            )
            response = self._error(request, 503, UNAVAILABLE)
        # A live stream has sent its head by now, with these in it.
        if not response.prepared:
            response.headers.update(SECURITY_HEADERS)
            response.force_close()
        return response

    def _check_host(self, request: web.Request) -> None:
        named = request.headers.getall("Host", [])
        if not are_known_hosts(
            named, listened=self._listened, public_host=self._public_host
        ):
            raise web.HTTPMisdirectedRequest(
                reason="This name is not ours: ask by the address of [http] listen, or set [http] public_url."
            )

    # --- for machines

    async def _healthz(self, _request: web.Request) -> web.Response:
        stuck = self._watched.stuck()
        answer = {"healthy": not stuck, "reasons": list(stuck)}
        return answers.json(answer, status=503 if stuck else 200)

    async def _readyz(self, _request: web.Request) -> web.Response:
        ready, reasons = self._watched.ready()
        answer = {"ready": ready, "reasons": list(reasons)}
        return answers.json(answer, status=200 if ready else 503)

    async def _metrics_text(self, _request: web.Request) -> web.Response:
        try:
            self._metrics.show_groups(await self._kept.groups())
        except AggregatorError as error:
            # Metrics are wanted most when the Redis server is away: the old lags stand.
            log.warning("lags_unknown", error=str(error))
        return web.Response(
            body=self._metrics.exposition(), headers={"Content-Type": CONTENT_TYPE}
        )

    # --- for people

    async def _look(self, request: web.Request) -> Look:
        """How this reader sees pages. Raises EngineError."""
        return Look(
            self._zone_of(request),
            _tongue_of(request),
            await self._kept.names(),
            await self._kept.titles(),
        )

    def _zone_of(self, request: web.Request) -> tzinfo:
        """The reader's time zone, which our script leaves in a cookie."""
        name = unquote(request.cookies.get("tz", ""))[:64]
        return zone_named(name) or self._zone

    async def _front(self, request: web.Request) -> web.Response:
        now = self._now()
        choice = choice_of(request.query, now=now)
        from_at = choice.from_at(now)
        ready, reasons = self._watched.ready()
        if not ready:
            reasons = reasons or ["starting"]
        events = await self._kept.events(from_at, now)
        found = await self._kept.mentioning(choice.words, from_at, now)
        near: Sequence[tuple[Event, float]] | None = None
        # The encoder is asked only by those who ask for it: words alone never start it.
        if choice.meaning and found is not None and self._watched.has_meanings:
            likeness = await self._kept.likeness(choice.words, from_at, now)
            near = meant_of(events, choice, likeness, found)
        page = self._pages.front(
            await self._look(request),
            events=events,
            found=found,
            near=near,
            has_meanings=self._watched.has_meanings,
            feeds=await self._kept.feeds(),
            choice=choice,
            now=now,
            reasons=[] if ready else reasons,
        )
        # Its reader is the one who may search next: the first search of a day's events is no slower than the others.
        await self._kept.expect_search(from_at, now)
        return answers.html(page)

    async def _event(self, request: web.Request) -> web.Response:
        asked = request.match_info["event_id"]
        event = await self._watched.event(asked)
        if event is None:
            raise web.HTTPNotFound(reason="No event of this id is kept.")
        # Links to an absorbed event were given away, and hold for good.
        survivor = event.merged_into or event.event_id
        if survivor != asked:
            raise web.HTTPFound(f"/events/{survivor}")
        related: list[Event] = []
        for event_id in event.related[:MAX_RELATED]:
            earlier = await self._watched.event(event_id)
            if earlier is not None:
                related.append(earlier)
        page = self._pages.event(
            await self._look(request),
            event,
            reports=await self._watched.reports(event.event_id),
            related=related,
            rulings=await self._watched.rulings(event.event_id),
            now=self._now(),
        )
        return answers.html(page)

    async def _feeds(self, request: web.Request) -> web.Response:
        page = self._pages.feeds(
            await self._look(request),
            await self._kept.feeds(),
            health=request.query.get("health", "")[:20],
            words=words_of(request.query),
            page=page_of(request.query),
            now=self._now(),
        )
        return answers.html(page)

    async def _feed(self, request: web.Request) -> web.Response:
        now = self._now()
        states = {state.feed_id: state for state in await self._kept.feeds()}
        state = states.get(request.match_info["feed_id"])
        if state is None:
            raise web.HTTPNotFound(reason="No feed of this id is configured.")
        page = self._pages.feed(
            await self._look(request),
            state,
            events=await self._kept.events(now - FEED_PAGE_REACH, now),
            now=now,
        )
        return answers.html(page)

    async def _statistics(self, request: web.Request) -> web.Response:
        now = self._now()
        asked = number_of(
            request.query.get("hours", ""),
            allowed=WINDOWS,
        )
        hours = asked or PLAIN_HOURS
        from_at = now - timedelta(hours=hours)
        page = self._pages.statistics(
            await self._look(request),
            verdicts=await self._kept.verdicts(from_at, now),
            events=await self._kept.events(from_at, now),
            hours=hours,
            now=now,
        )
        return answers.html(page)

    async def _picture(self, request: web.Request) -> web.Response:
        event = await self._watched.event(request.match_info["event_id"])
        picture = None
        if event is not None and event.image and self._pictures:
            picture = await self._pictures.get(
                event.image,
                request.match_info["form"],
            )
        if picture is None:
            raise web.HTTPNotFound(reason="There is no picture.")
        headers = {
            "Content-Type": "image/webp",
            "ETag": f'"{picture.tag}"',
            # Its address changes with the picture.
            "Cache-Control": "public, max-age=604800",
        }
        return web.Response(body=picture.body, headers=headers)

    async def _digest_days(self, request: web.Request) -> web.Response:
        days: list[date] = []
        if self._digests:
            days = await asyncio.to_thread(self._digests.days)
        return answers.html(
            self._pages.digest_days(
                await self._look(request),
                days,
            )
        )

    async def _digest_day(self, request: web.Request) -> web.Response:
        try:
            day = date.fromisoformat(request.match_info["day"])
        except ValueError:
            raise web.HTTPNotFound(reason="There is no such day.") from None
        records: list[Digest] = []
        if self._digests:
            records = await asyncio.to_thread(self._digests.read, day)
        if not records:
            raise web.HTTPNotFound(reason="No digest of this day is kept.")
        look = await self._look(request)
        return answers.html(self._pages.digest_day(look, day, records))

    async def _docs(self, request: web.Request) -> web.Response:
        look = await self._look(request)
        return answers.html(
            self._pages.docs(
                look,
                self._outlets.base_of(request),
            )
        )

    async def _asset(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in ASSETS:
            raise web.HTTPNotFound(reason="There is no such file.")
        headers = {
            "Content-Type": f"{ASSETS[name]}; charset=utf-8",
            # Its address changes with the file.
            "Cache-Control": "public, max-age=31536000, immutable",
        }
        return web.Response(
            body=(TEMPLATES / name).read_bytes(),
            headers=headers,
        )

    # --- live

    async def _live(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: one `event` for each new or joined report that passes the reader's filter."""
        if self._broadcast.listener_count >= MAX_LIVE:
            # Each is a connection and a queue for as long as its reader looks.
            raise web.HTTPServiceUnavailable(reason="Too many pages are open.")
        choice = choice_of(request.query, now=self._now())
        headers = {
            "Content-Type": "text/event-stream",
            "Cache-Control": "no-store",
            # nginx would keep events back until a buffer is full.
            "X-Accel-Buffering": "no",
        }
        response = web.StreamResponse(headers={**headers, **SECURITY_HEADERS})
        await response.prepare(request)
        telling = self._tell(
            response,
            choice,
            await self._look(request),
        )
        # A task of its own, so that the server can end it when the port closes.
        stream = asyncio.create_task(telling, name="live-page")
        self._streams.add(stream)
        try:
            await asyncio.wait({stream})
        finally:
            self._streams.discard(stream)
            stream.cancel()
        error = None if stream.cancelled() else stream.exception()
        # ConnectionResetError is a reader who left.
        if error is not None and not isinstance(error, ConnectionResetError):
            raise error
        return response

    async def _tell(
        self, response: web.StreamResponse, choice: Choice, look: Look
    ) -> None:
        async with self._broadcast.listening() as queue:
            await response.write(b"retry: 3000\n: open\n\n")
            while True:
                try:
                    message = await asyncio.wait_for(queue.get(), BEAT_SECONDS)
                except TimeoutError:
                    await response.write(b": beat\n\n")
                    continue
                event = await self._told_by(message)
                if event is not None and is_chosen(event, choice):
                    card = self._pages.card(
                        look,
                        event,
                        choice=choice,
                        now=self._now(),
                    )
                    await response.write(_sse(message, card))

    async def _told_by(self, message: Message) -> Event | None:
        """The event of a new or joined report as it is now, with its lead and picture; else as the message tells it."""
        if message.kind not in {Kind.NEW, Kind.JOINED}:
            return None
        try:
            event = await self._kept.event(message.event_id)
        except AggregatorError as error:
            log.debug(
                "live_event_unread",
                event_id=message.event_id,
                error=str(error),
            )
            event = None
        # Between a merge and its message the record is an alias already.
        if event is None or event.merged_into:
            return event_of(message)
        return event

    def _error(
        self,
        request: web.Request,
        status: int,
        text: str,
    ) -> web.Response:
        look = Look(self._zone_of(request), _tongue_of(request))
        return answers.html(
            self._pages.error(look, status, text),
            status=status,
        )


def zone_named(name: str) -> tzinfo | None:
    """The time zone of an IANA name; None where there is none."""
    if not _ZONE_NAME.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        # ZoneInfoNotFoundError is a KeyError; names of folders are OSErrors.
        return None


def _tongue_of(request: web.Request) -> str:
    return tongue_of(request.headers.get("Accept-Language", ""))


def _sse(message: Message, card: str) -> bytes:
    facts = {
        "kind": message.kind,
        "event_id": message.event_id,
        "card": card,
    }
    # JSON has no line breaks of its own, which would end the data.
    payload = orjson.dumps(facts)
    return b"id: %s\nevent: report\ndata: %s\n\n" % (message.id.encode(), payload)
