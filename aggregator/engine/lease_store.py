"""The WebSub subscriptions of an installation, so that any of its poll workers can answer a hub.

Rules: one hash holds them by feed; each change names what it replaces, so that of two workers that change one at the
same time the second looks again. The secret from which callbacks and signatures derive stands beside them, since all
workers need the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from aggregator.engine import wire
from aggregator.engine.codec import LEASE
from aggregator.engine.scripts import Engine, text
from aggregator.model import Lease


class LeaseStore:
    """The WebSub subscriptions by feed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._keys = engine.keys

    async def of(self, feed_id: str) -> Lease | None:
        """The feed's subscription; None where there is none, or it cannot be read."""
        [value] = await self._engine.many([("HGET", self._keys.leases, feed_id)])
        return (
            self._engine.readable(LEASE, f"{self._keys.leases} {feed_id}", value)
            if value
            else None
        )

    async def all(self) -> Mapping[str, Lease]:
        """All of them by feed id."""
        [values] = await self._engine.many([("HGETALL", self._keys.leases)])
        found: dict[str, Lease] = {}
        for feed_id, value in (values or {}).items():
            lease = self._engine.readable(
                LEASE, f"{self._keys.leases} {text(feed_id)}", value
            )
            if lease is not None:
                found[text(feed_id)] = lease
        return found

    async def swap(
        self, feed_id: str, before: Lease | None, after: Lease | None
    ) -> bool:
        """Puts `after` (None: nothing) in the place of `before`; False when something else stands there. What cannot be
        read counts as nothing."""
        stands = b"" if before is None else wire.encode(before)
        fresh = b"" if after is None else wire.encode(after)
        if before is None and await self.of(feed_id) is None:
            [unread] = await self._engine.many([("HGET", self._keys.leases, feed_id)])
            stands = unread or b""
        return bool(
            await self._engine.script(
                "swap_field", (self._keys.leases,), (feed_id, stands, fresh)
            )
        )

    async def websub_secret(self, proposed: bytes) -> bytes:
        """The secret of the installation: the one that stands, else the one proposed from now on."""
        await self._engine.command("SET", self._keys.websub_secret, proposed, "NX")
        [stands] = await self._engine.many([("GET", self._keys.websub_secret)])
        return bytes(stands or proposed)
