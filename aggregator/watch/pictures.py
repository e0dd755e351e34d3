"""Pictures of events through the status port: a proxy that fetches only what an event of ours names.

Rules: a reader names an event, never an address, so nobody can make us fetch what no feed sent; the address is fetched
by the guarded client, once for all who want it; what comes is made anew in a child process or refused
(`watch.reencode`); what was made is kept on disk, least used first out, within a bound; a picture that failed is not
asked for again for a while. So a page loads nothing from elsewhere, and publishers do not see who reads.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from hashlib import sha256
from pathlib import Path

import structlog

from aggregator.watch.links import safe_link

log = structlog.get_logger()

MOST_BYTES = 256 * 1024 * 1024
"""What the cache may take on disk: some 5,000 pictures in both forms (50 kB together). A guess."""
ROOM_SHARE = 0.8
"""The cache is cut to this share of its bound, so that it is not cut at every picture."""
AGAIN = timedelta(hours=1)
"""A picture that failed is asked for again after this; a publisher's fault seldom mends sooner. A guess."""
MOST_FAILED = 5_000
MOST_AT_ONCE = 6
"""Pictures fetched at the same time: as many as a browser asks of one host."""


class Missing(Enum):
    """Why there are no bytes: `FOR_NOW` is a fault of ours or of the moment, `FOR_LONG` one of the publisher's."""

    FOR_NOW = "for now"
    FOR_LONG = "for long"


Fetch = Callable[[str], Awaitable[bytes | Missing]]
Reencode = Callable[[bytes], Awaitable[Mapping[str, bytes] | None]]


@dataclass(frozen=True, slots=True)
class Picture:
    """One form of a picture, as WebP."""

    body: bytes
    tag: str


class Pictures:
    """The cache under `directory` and what fills it: `fetch` gives the bytes at an address, or why there are
    none; `reencode` the forms of a picture, or None for what is none."""

    def __init__(
        self,
        directory: Path,
        *,
        fetch: Fetch,
        reencode: Reencode,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._fetch = fetch
        self._reencode = reencode
        self._most_bytes = most_bytes
        self._clock = clock
        self._failed: OrderedDict[str, float] = OrderedDict()
        """Key → until when it is not asked for."""
        self._filling: dict[str, asyncio.Task[bool]] = {}
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        # The first picture of a process looks how much is there.
        self._added_bytes = most_bytes

    def is_shown(self, url: str) -> bool:
        """Whether a page should show this picture: one that failed lately leaves no hole."""
        return bool(safe_link(url)) and not self._has_failed(key_of(url))

    async def get(
        self,
        url: str,
        form: str,
    ) -> Picture | None:
        """The picture at an address as a `card` or a `page` shows it; None where there is none to show."""
        key = key_of(url)
        body = await asyncio.to_thread(self._read, key, form)
        if body is None and self.is_shown(url):
            await self._filled(key, url)
            body = await asyncio.to_thread(self._read, key, form)
        if body is None:
            return None
        return Picture(body, f"{key}-{form}")

    async def close(self) -> None:
        """End what is being fetched."""
        filling = list(self._filling.values())
        for task in filling:
            task.cancel()
        await asyncio.gather(*filling, return_exceptions=True)

    async def _filled(self, key: str, url: str) -> None:
        """Wait until the picture is there or has failed; many who want it wait for the same fetch."""
        task = self._filling.get(key)
        if task is None:
            task = asyncio.create_task(
                self._fill(key, url),
                name="picture",
            )
            self._filling[key] = task
            task.add_done_callback(lambda _: self._filling.pop(key, None))
        # One reader who leaves must not take the picture from the others.
        await asyncio.shield(task)

    async def _fill(self, key: str, url: str) -> bool:
        async with self._places:
            body = await self._fetch(url)
            forms = None
            if not isinstance(body, Missing):
                forms = await self._reencode(body)
        # Our own network or a busy host: the next reader may have more luck.
        if body is Missing.FOR_NOW:
            return False
        if forms is None:
            self._fail(key)
            return False
        try:
            await asyncio.to_thread(self._write, key, forms)
        except OSError as error:
            # A full disk costs pictures, not pages.
            log.warning(
                "picture_not_kept",
                directory=str(self._directory),
                error=str(error),
            )
            return False
        return True

    def _fail(self, key: str) -> None:
        self._failed[key] = self._clock() + AGAIN.total_seconds()
        while len(self._failed) > MOST_FAILED:
            self._failed.popitem(last=False)

    def _has_failed(self, key: str) -> bool:
        until = self._failed.get(key)
        if until is None:
            return False
        if self._clock() < until:
            return True
        del self._failed[key]
        return False

    # --- on disk --------------------------------------------------------------------------------------------------

    def _place(self, key: str, form: str) -> Path:
        return self._directory / key[:2] / f"{key}.{form}.webp"

    def _read(
        self,
        key: str,
        form: str,
    ) -> bytes | None:
        place = self._place(key, form)
        try:
            body = place.read_bytes()
            # Its time says when it was last used.
            os.utime(place)
        except OSError:
            return None
        return body

    def _write(
        self,
        key: str,
        forms: Mapping[str, bytes],
    ) -> None:
        for form, body in forms.items():
            place = self._place(key, form)
            place.parent.mkdir(parents=True, exist_ok=True)
            # Never half a picture under its name, whenever the process ends.
            beside = place.with_suffix(".new")
            beside.write_bytes(body)
            beside.replace(place)
            self._added_bytes += len(body)
        if self._added_bytes > self._most_bytes * (1 - ROOM_SHARE):
            self._added_bytes = 0
            self._cut()

    def _cut(self) -> None:
        """Take away the least used pictures until the rest is within the bound."""
        places = self._directory.glob("??/*.webp")
        files = [(place.stat(), place) for place in places]
        # A file's time says when it was last used.
        files.sort(key=lambda pair: pair[0].st_mtime)
        total = sum(stat.st_size for stat, _ in files)
        for stat, place in files:
            if total <= self._most_bytes * ROOM_SHARE:
                break
            place.unlink(missing_ok=True)
            total -= stat.st_size


def key_of(url: str) -> str:
    """What a picture is kept under."""
    return sha256(url.encode("utf-8", "replace")).hexdigest()[:32]
