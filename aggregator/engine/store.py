"""Everything that is read from or written to Redis, in one object: `Store(client, prefix=…, retention=…, queues=…)`.

The parts are poll_store (due set, claims, commits), event_store (lead, publications, fingerprints), watch_store
(digest, counts, reading along) and retention (what is dropped when). All are coroutines; errors of the server come as
EngineDown (call again later) and EngineRefused (an operator must act), a lost claim or lead as StaleToken.
"""

from __future__ import annotations

from collections.abc import Iterable

from aggregator.engine.client import Client
from aggregator.engine.watch_store import WatchStore
from aggregator.model import Queue, RetentionSettings


class Store(WatchStore):
    """One installation's data, under one key prefix."""

    def __init__(
        self,
        client: Client,
        *,
        prefix: str = "agg",
        retention: RetentionSettings | None = None,
        queues: Iterable[Queue] = (),
    ) -> None:
        super().__init__(client, prefix=prefix, retention=retention)
        self.queues = {queue.name: queue for queue in queues}

    def use(self, *, retention: RetentionSettings, queues: Iterable[Queue]) -> None:
        """Takes over the settings of a reloaded feeds.toml."""
        self.retention = retention
        self.queues = {queue.name: queue for queue in queues}
