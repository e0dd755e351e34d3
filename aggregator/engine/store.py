"""Everything that is read from or written to Redis, a part for each concern: `Store(client, prefix=…, queues=…)`.

All are coroutines or asynchronous iterators. Errors of the server come as EngineDown (call again later) and
EngineRefused (an operator must act); a lost claim or lead as StaleToken. After EngineDown the same call may be made
again: what was done is not done twice. `now` moves the clock in tests; left out, the server's counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from aggregator.engine.back_pressure import BackPressureStore
from aggregator.engine.client import Client
from aggregator.engine.delivery_store import DeliveryStore
from aggregator.engine.event_store import EventStore
from aggregator.engine.fingerprint_store import FingerprintStore
from aggregator.engine.lease_store import LeaseStore
from aggregator.engine.poll_store import PollStore
from aggregator.engine.registration import RegistrationStore
from aggregator.engine.retention import RetentionStore
from aggregator.engine.ruling_store import RulingStore
from aggregator.engine.scripts import Engine
from aggregator.engine.watch_store import WatchStore
from aggregator.model import Queue, RetentionSettings


class Store:
    """One installation's data, under one key prefix."""

    def __init__(
        self,
        client: Client,
        *,
        prefix: str = "agg",
        retention: RetentionSettings | None = None,
        queues: Iterable[Queue] = (),
    ) -> None:
        self.engine = Engine(
            client,
            prefix=prefix,
            retention=retention,
            queues=queues,
        )
        self.registration = RegistrationStore(self.engine)
        """Whether the server is the one that knows our feeds."""
        self.polls = PollStore(self.engine)
        """The due set, claims, states, known entries, commits, holds of hosts."""
        self.leases = LeaseStore(self.engine)
        """WebSub subscriptions."""
        self.back_pressure = BackPressureStore(self.engine)
        """Why the stages wait, for every worker."""
        self.events = EventStore(self.engine)
        """The lead, waiting entries, events, publishing."""
        self.rulings = RulingStore(self.engine)
        """The operator's word."""
        self.fingerprints = FingerprintStore(self.engine, self.events, self.rulings)
        """What the matching index is rebuilt from."""
        self.retention = RetentionStore(self.engine, self.back_pressure)
        """What is dropped when."""
        self.watch = WatchStore(self.engine, self.events)
        """Digests, counts, reading along."""
        self.deliveries = DeliveryStore(self.engine)
        """What `[[notify]]` sends."""

    def use(
        self,
        *,
        retention: RetentionSettings,
        queues: Iterable[Queue],
    ) -> None:
        """Takes over the settings of a reloaded feeds.toml."""
        self.engine.retention = retention
        self.engine.queues = {queue.name: queue for queue in queues}

    async def server_time(self) -> datetime:
        """The clock that counts, since workers' clocks differ."""
        return await self.engine.server_time()

    async def close(self) -> None:
        """Ends the connections."""
        await self.engine.close()
