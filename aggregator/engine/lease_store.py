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


class LeaseStore(Engine):
    async def lease(self, feed_id: str) -> Lease | None:
        """The feed's subscription; None where there is none, or it cannot be read."""
        [value] = await self.many([("HGET", self.keys.leases, feed_id)])
        return self.readable(LEASE, f"{self.keys.leases} {feed_id}", value) if value else None

    async def leases(self) -> Mapping[str, Lease]:
        """All of them by feed id."""
        [values] = await self.many([("HGETALL", self.keys.leases)])
        found: dict[str, Lease] = {}
        for feed_id, value in (values or {}).items():
            lease = self.readable(LEASE, f"{self.keys.leases} {text(feed_id)}", value)
            if lease is not None:
                found[text(feed_id)] = lease
        return found

    async def swap_lease(self, feed_id: str, before: Lease | None, after: Lease | None) -> bool:
        """Puts `after` (None: nothing) in the place of `before`; False when something else stands there. What cannot be
        read counts as nothing."""
        stands = b"" if before is None else wire.encode(before)
        fresh = b"" if after is None else wire.encode(after)
        if before is None and await self.lease(feed_id) is None:
            [unread] = await self.many([("HGET", self.keys.leases, feed_id)])
            stands = unread or b""
        return bool(await self.script("swap_field", (self.keys.leases,), (feed_id, stands, fresh)))

    async def websub_secret(self, proposed: bytes) -> bytes:
        """The secret of the installation: the one that stands, else the one proposed from now on."""
        await self.command("SET", self.keys.websub_secret, proposed, "NX")
        [stands] = await self.many([("GET", self.keys.websub_secret)])
        return bytes(stands or proposed)
