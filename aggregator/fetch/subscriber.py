"""WebSub, the acting part: asks hubs, answers their questions, takes what they deliver.

Rules: what to do is decided in `fetch.websub`. The callback answers quickly and says little: a delivery with a wrong
signature is thanked for and dropped, as the standard asks, so that a stranger learns nothing. A signed delivery that is
empty or larger than allowed is a ping: the feed is asked itself. So is any of a hub that has no secret of ours, but not
more often than PING_EVERY. A delivery is read for BODY_SECONDS at most, and MOST_BODIES at a time: strangers can find
out a callback, and send slowly. Leases are shared by all poll workers of an installation (`SharedLeases`), since a hub
may reach any of them; they are stored with the next commit of the feed, too.

    subscriber = Subscriber(public_url=…, installation_secret=…, post=fetcher.post, deliver=…, now=…)
    app.add_subapp("/websub", subscriber.app())
    await subscriber.tend(feed_id, hub)          # after each poll; asks the hub when it is time
"""

from __future__ import annotations

import asyncio
import hmac
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from aiohttp import web

from aggregator.fetch.websub import (
    Confirmed,
    Hub,
    SignatureCheck,
    Step,
    after_delivery,
    after_net_poll,
    answer_to_hub,
    asked,
    callback_token,
    delivers,
    is_running,
    next_step,
    request_form,
    secret_of,
)
from aggregator.hosts import host_of
from aggregator.model import FetchFailed, Lease

log = structlog.get_logger()

MOST_HEADER_CHARS = 2000
CHANGE_TRIES = 5
MOST_BODIES = 4
"""Deliveries read at a time: 40 MB at most. Others are asked to come again."""
BODY_SECONDS = 30.0
MOST_TIMES_TOO_LARGE = 4
"""How much more than is kept of a body is read to see whether it is signed."""
PING_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a hub sent for a feed. An empty `body` is a ping: ask the feed itself."""

    feed_id: str
    topic_url: str
    body: bytes
    content_type: str | None


Post = Callable[[str, Mapping[str, str]], Awaitable[int | FetchFailed]]
Deliver = Callable[[Delivery], Awaitable[None]]


class SharedLeases(Protocol):
    """The subscriptions of an installation, as all of its poll workers know them. All methods raise EngineError."""

    async def of(self, feed_id: str) -> Lease | None:
        """The feed's subscription; None: it has none."""
        ...

    async def all(self) -> Mapping[str, Lease]:
        """By feed id, those of feeds that were removed, too."""
        ...

    async def swap(
        self,
        feed_id: str,
        before: Lease | None,
        after: Lease | None,
    ) -> bool:
        """Put `after` (None: nothing) in the place of `before`; False when something else stands there."""
        ...


class Subscriber:
    """All subscriptions of one daemon. `public_url` is where the world reaches the callback app.

    `shared`: what the workers of an installation know together, so that each of them can answer a hub; left out, this
    worker is alone.
    """

    def __init__(
        self,
        *,
        public_url: str,
        installation_secret: bytes,
        post: Post,
        deliver: Deliver,
        now: Callable[[], datetime],
        max_body_bytes: int = 10 * 1024 * 1024,
        shared: SharedLeases | None = None,
    ) -> None:
        self._public_url = public_url.rstrip("/")
        self._installation_secret = installation_secret
        self._post = post
        self._deliver = deliver
        self._now = now
        self._max_body_bytes = max_body_bytes
        self._shared = shared
        self._leases: dict[str, Lease] = {}
        """As they stood when last looked at."""
        self._unshared: Counter[str] = Counter()
        """Feed id → polls that found what the hub had not announced, and that the others do not know of yet."""
        self._reading = asyncio.Semaphore(MOST_BODIES)
        self._pinged_at: dict[str, datetime] = {}

    def restore(self, leases: Mapping[str, Lease]) -> None:
        """Take in what was stored with feeds' states."""
        self._leases.update(leases)

    def lease_of(self, feed_id: str) -> Lease | None:
        """The feed's subscription as this worker knew it last."""
        return self._leases.get(feed_id)

    def delivers(self, feed_id: str) -> bool:
        """Whether the feed's hub delivers, for `after_poll(pushed=…)`."""
        return delivers(self._leases.get(feed_id), now=self._now())

    async def refresh(self, feed_id: str) -> Lease | None:
        """The lease as all workers know it now. One that only this worker has (of an earlier version) is shared."""
        if self._shared is None:
            return self._leases.get(feed_id)
        lease = await self._shared.of(feed_id)
        own = self._leases.get(feed_id)
        if lease is not None or own is None:
            return self._remembered(feed_id, lease)
        if await self._shared.swap(feed_id, None, own):
            return own
        return self._remembered(feed_id, lease)

    def _remembered(self, feed_id: str, lease: Lease | None) -> Lease | None:
        if lease is None:
            self._leases.pop(feed_id, None)
        else:
            self._leases[feed_id] = lease
        return lease

    async def _change(
        self, feed_id: str, change: Callable[[Lease | None], Lease | None]
    ) -> Lease | None:
        """Replace the lease by what follows from it, whoever else changes it meanwhile."""
        for _ in range(CHANGE_TRIES):
            before = await self.refresh(feed_id)
            after = change(before)
            if self._shared is None or after == before:
                return self._remembered(feed_id, after)
            if await self._shared.swap(feed_id, before, after):
                return self._remembered(feed_id, after)
        log.warning("lease_contended", feed_id=feed_id)
        return await self.refresh(feed_id)

    def note_poll(self, feed_id: str, *, new_count: int) -> None:
        """Tell of a poll's new entries: what the hub should have announced and did not. `tend` shares it."""
        lease = after_net_poll(self._leases.get(feed_id), new_count=new_count)
        if lease is not None and new_count:
            self._leases[feed_id] = lease
            self._unshared[feed_id] += 1

    async def tend(self, feed_id: str, hub: Hub | None) -> None:
        """Ask the hub, if it is time to. Raises EngineError where leases are shared."""
        missed_count = self._unshared.pop(feed_id, 0)
        if missed_count and self._shared is not None:
            await self._change(feed_id, lambda lease: _with_missed(lease, missed_count))
        lease = await self.refresh(feed_id)
        if hub is None or next_step(lease, hub, now=self._now()) is Step.WAIT:
            return
        # Before the request, because a quick hub asks back before it has answered.
        now = self._now()
        await self._change(feed_id, lambda lease: asked(lease, hub, now=now))
        await self._ask("subscribe", feed_id, hub)

    async def end(self, feed_id: str) -> None:
        """Unsubscribe a feed that was removed."""
        lease = await self._change(
            feed_id,
            lambda lease: lease and replace(lease, is_ending=True),
        )
        # One that was never confirmed the hub has not: there is nothing to end.
        if lease is None or lease.until_at is None:
            return
        hub = Hub(lease.hub_url, lease.topic_url)
        await self._ask("unsubscribe", feed_id, hub)

    async def end_others(self, feed_ids: Collection[str]) -> None:
        """End the subscriptions of all feeds but these; one that was to end and has run out is forgotten."""
        leases: Mapping[str, Lease] = dict(self._leases)
        if self._shared is not None:
            leases = await self._shared.all()
        for feed_id, lease in leases.items():
            if feed_id in feed_ids:
                continue
            if not lease.is_ending:
                await self.end(feed_id)
            elif lease.until_at is None or lease.until_at <= self._now():
                await self._change(feed_id, lambda _lease: None)

    async def _ask(
        self,
        mode: str,
        feed_id: str,
        hub: Hub,
    ) -> None:
        form = request_form(
            mode,
            hub,
            callback_url=self.callback_url(feed_id),
            secret=secret_of(self._installation_secret, feed_id, hub),
        )
        answer = await self._post(hub.hub_url, form)
        accepted = False
        if isinstance(answer, FetchFailed):
            detail = answer.detail
        else:
            detail = str(answer)
            accepted = 200 <= answer < 300
        log.info(
            "hub_asked",
            feed_id=feed_id,
            hub=host_of(hub.hub_url),
            mode=mode,
            accepted=accepted,
            detail=detail,
        )

    def callback_url(self, feed_id: str) -> str:
        """Where the hub is to reach us about this feed."""
        token = callback_token(self._installation_secret, feed_id)
        return f"{self._public_url}/{feed_id}/{token}"

    # --- the callback ---

    def app(self) -> web.Application:
        """The callback, to be mounted where `public_url` leads."""
        app = web.Application()
        app.router.add_get("/{feed_id}/{token}", self._verify)
        app.router.add_post("/{feed_id}/{token}", self._receive)
        return app

    def _feed_id(self, request: web.Request) -> str:
        feed_id = request.match_info["feed_id"]
        token = request.match_info["token"]
        if not _is_same(token, callback_token(self._installation_secret, feed_id)):
            raise web.HTTPNotFound
        return feed_id

    async def _verify(self, request: web.Request) -> web.Response:
        feed_id = self._feed_id(request)
        lease = await self.refresh(feed_id)
        ending = lease.topic_url if lease is not None and lease.is_ending else ""
        wanted = None if ending else lease
        answer = answer_to_hub(
            request.query,
            wanted,
            ending=ending,
            now=self._now(),
        )
        if isinstance(answer, Confirmed):
            await self._change(feed_id, lambda _lease: answer.lease)
            until_at = answer.lease and answer.lease.until_at
            log.info("hub_confirmed", feed_id=feed_id, until_at=until_at)
            challenge = answer.challenge[:MOST_HEADER_CHARS]
            return web.Response(text=challenge, content_type="text/plain")
        if answer.lease != wanted:
            await self._change(feed_id, lambda _lease: answer.lease)
        log.warning("hub_refused", feed_id=feed_id, detail=answer.words)
        raise web.HTTPNotFound

    async def _receive(self, request: web.Request) -> web.Response:
        feed_id = self._feed_id(request)
        lease = await self.refresh(feed_id)
        if lease is None or lease.is_ending or not is_running(lease, now=self._now()):
            # The hub may forget us (W3C WebSub 7).
            raise web.HTTPGone
        if self._reading.locked():
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "60"})
        async with self._reading:
            body = await self._delivered(request, feed_id, lease)
        if body is not None:
            content_type = request.headers.get("Content-Type")
            delivery = Delivery(
                feed_id,
                lease.topic_url,
                body,
                content_type,
            )
            await self._deliver(delivery)
        # Also for what is dropped: a stranger learns nothing.
        return web.Response(status=202)

    async def _delivered(
        self,
        request: web.Request,
        feed_id: str,
        lease: Lease,
    ) -> bytes | None:
        """The body that a hub proved to be its own, empty for a ping; None: nothing to be believed."""
        hub = Hub(lease.hub_url, lease.topic_url)
        secret = secret_of(self._installation_secret, feed_id, hub)
        if not secret:
            # Its hub is asked over plain http, where everyone can read a secret: it can only ping.
            return b"" if self._may_ping(feed_id) else None
        signature = request.headers.get("X-Hub-Signature", "")
        check = SignatureCheck(signature, secret)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await self._body(request, check)
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        if not check.is_valid:
            method, _, _ = signature.partition("=")
            log.warning("delivery_unsigned", feed_id=feed_id, method=method[:20])
            return None
        now = self._now()
        await self._change(
            feed_id,
            lambda lease: lease and after_delivery(lease, now=now),
        )
        return body

    def _may_ping(self, feed_id: str) -> bool:
        """Whether an unproven word that there is something new is taken: now and then it is."""
        now = self._now()
        last = self._pinged_at.get(feed_id)
        # Not below 0: a clock set back must not silence pings until it has caught up.
        if last is not None and timedelta(0) <= now - last < PING_EVERY:
            return False
        self._pinged_at[feed_id] = now
        return True

    async def _body(self, request: web.Request, check: SignatureCheck) -> bytes:
        """The body; empty when it is larger than allowed. `check` sees all of it."""
        parts: list[bytes] = []
        size = 0
        async for chunk in request.content.iter_any():
            size += len(chunk)
            if size > self._max_body_bytes * MOST_TIMES_TOO_LARGE:
                raise web.HTTPRequestEntityTooLarge(self._max_body_bytes, size)
            check.update(chunk)
            if size > self._max_body_bytes:
                parts.clear()
            else:
                parts.append(chunk)
        return b"".join(parts)


def _with_missed(lease: Lease | None, count: int) -> Lease | None:
    if lease is None:
        return None
    return replace(lease, missed_count=lease.missed_count + count)


def _is_same(given: str, expected: str) -> bool:
    return given.isascii() and hmac.compare_digest(given, expected)
