"""A WebSub hub for the tests: takes subscriptions, verifies them, delivers what is published, and misbehaves on demand."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web


@dataclass
class Hub:
    """`mood` is what it does with a request: verify (as it should), ignore, refuse, deny, or lie (another topic)."""

    mood: str = "verify"
    lease_seconds: int | None = 864_000
    forms: list[dict[str, str]] = field(default_factory=list)
    subscribers: dict[str, dict[str, str]] = field(default_factory=dict)
    answers: list[tuple[int, str]] = field(default_factory=list)
    url: str = ""
    _session: aiohttp.ClientSession | None = None
    _runner: web.AppRunner | None = None
    _verifying: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Hub:
        app = web.Application()
        app.router.add_post("/", self._asked)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/"  # type: ignore[attr-defined]
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.settled()
        assert self._session is not None
        assert self._runner is not None
        await self._session.close()
        await self._runner.cleanup()

    async def _asked(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append(form)
        if self.mood == "refuse":
            return web.Response(status=500)
        if self.mood != "ignore":
            task = asyncio.create_task(self._verify(form))
            self._verifying.add(task)
            task.add_done_callback(self._verifying.discard)
        return web.Response(status=202)

    async def settled(self) -> None:
        """Wait until every verification has had its answer."""
        await asyncio.gather(*self._verifying)

    async def _verify(self, form: dict[str, str]) -> None:
        query: dict[str, Any] = {
            "hub.mode": form["hub.mode"],
            "hub.topic": form["hub.topic"],
            "hub.challenge": "c0ffee",
        }
        if self.mood == "deny":
            query = {
                "hub.mode": "denied",
                "hub.topic": form["hub.topic"],
                "hub.reason": "not you",
            }
        if self.mood == "lie":
            query["hub.topic"] = "https://another.example/"
        if self.lease_seconds is not None and form["hub.mode"] == "subscribe":
            query["hub.lease_seconds"] = self.lease_seconds
        status, text = await self.get(f"{form['hub.callback']}?{urlencode(query)}")
        if status == 200 and text == "c0ffee":
            if form["hub.mode"] == "subscribe":
                self.subscribers[form["hub.callback"]] = form
            else:
                self.subscribers.pop(form["hub.callback"], None)

    async def get(self, url: str) -> tuple[int, str]:
        assert self._session is not None
        async with self._session.get(url) as response:
            self.answers.append((response.status, await response.text()))
        return self.answers[-1]

    async def publish(
        self,
        body: bytes,
        *,
        method: str = "sha256",
        secret: str | None = None,
        header: str | None = None,
    ) -> list[int]:
        """Deliver to everyone; `secret` and `header` forge the signature."""
        statuses = []
        assert self._session is not None
        for callback, form in list(self.subscribers.items()):
            key = (secret if secret is not None else form["hub.secret"]).encode()
            signature = (
                header
                if header is not None
                else f"{method}={hmac.new(key, body, getattr(hashlib, method)).hexdigest()}"
            )
            headers = {
                "X-Hub-Signature": signature,
                "Content-Type": "application/rss+xml",
            }
            async with self._session.post(
                callback, data=body, headers=headers
            ) as response:
                statuses.append(response.status)
        return statuses
