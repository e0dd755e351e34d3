"""The WebSub subscriptions of an installation, so that any of its poll workers can answer a hub.

Rules: one hash holds them by feed; each change names what it replaces, so that of two workers that change one at the
same time the second looks again. The secret from which callbacks and signatures derive stands beside them, since all
workers need the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from aggregator.engine import wire
from aggregator.engine.codec import LEASE
from aggregator.engine.scripts import Engine
from aggregator.model import Lease


class LeaseStore:
    """The WebSub subscriptions by feed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._keys = engine.keys

    async def of(self, feed_id: str) -> Lease | None:
        """The feed's subscription; None where there is none, or it cannot be read."""
        key = self._keys.leases
        [value] = await self._engine.many([("HGET", key, feed_id)])
        if not value:
            return None
        return self._engine.readable(LEASE, f"{key} {feed_id}", value)

    async def all(self) -> Mapping[str, Lease]:
        """All of them by feed id."""
        key = self._keys.leases
        [answer] = await self._engine.many([("HGETALL", key)])
        values = (answer or {}).items()
        return self._engine.readable_fields(LEASE, key, values)

    async def swap(
        self,
        feed_id: str,
        before: Lease | None,
        after: Lease | None,
    ) -> bool:
        """Puts `after` (None: nothing) in the place of `before`; False when something else stands there. What cannot be
        read counts as nothing."""
        key = self._keys.leases
        standing = _bytes_of(before)
        if before is None and await self.of(feed_id) is None:
            # The script compares bytes: what cannot be read must be named to be replaced.
            [unread] = await self._engine.many([("HGET", key, feed_id)])
            standing = unread or b""
        arguments = (feed_id, standing, _bytes_of(after))
        return bool(await self._engine.script("swap_field", (key,), arguments))

    async def websub_secret(self, proposed: bytes) -> bytes:
        """The secret of the installation: the one that stands, else the one proposed from now on."""
        key = self._keys.websub_secret
        await self._engine.command("SET", key, proposed, "NX")
        # Read even after our own SET: its answer says nothing after a retry.
        [standing] = await self._engine.many([("GET", key)])
        return bytes(standing or proposed)


def _bytes_of(lease: Lease | None) -> bytes:
    return b"" if lease is None else wire.encode(lease)
