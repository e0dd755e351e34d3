"""What one poll leads to: the answer of `schedule`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aggregator.model import Notice, PollState


@dataclass(frozen=True, slots=True)
class Decision:
    """What one poll leads to. `due_at` None: the feed is not asked again by itself.

    `host_hold_until_at` with `held_host`: nobody asks that host before (the feed's own; what another host said
    over a redirect binds the feed alone). `withhold`: the poll's new and edited entries are not published but stored
    as seen, with the reason `quarantined`.
    """

    state: PollState
    due_at: datetime | None
    notices: tuple[Notice, ...] = ()
    host_hold_until_at: datetime | None = None
    held_host: str = ""
    withhold: bool = False
