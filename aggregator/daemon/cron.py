"""When a cron expression names a moment, in a time zone whose clocks are set forward and back.

Rules, those of Vixie's cron (https://man7.org/linux/man-pages/man8/cron.8.html): an expression that names hours means
the clock on the wall, and each of its times comes once: the first time the clock shows it, or, where the clock leaves
it out, by as much later. One for every hour (`*`) means time that passes: an hour that comes twice has it twice.

APScheduler's own trigger fires a daily expression twice in the hour that comes again, and then answers with a moment
that has passed. It is used for the fields alone, on a clock that is never set.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

LONGEST_SHIFT = timedelta(hours=25)
"""By which a clock was ever set: zones at the date line left a whole day out (Samoa, 30 December 2011)."""
_MOMENT = timedelta(microseconds=1)


class WallClockCron(BaseTrigger):  # type: ignore[misc]
    """The times of a cron expression in a zone, for APScheduler."""

    def __init__(self, cron: str, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._fields = CronTrigger.from_crontab(cron, timezone=UTC)
        self._is_hourly = cron.split()[1] == "*"

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """The first time after the previous one, or from `now` on; None: none ever comes."""
        if previous_fire_time is None:
            return self.following(now - _MOMENT)
        return self.following(min(now, previous_fire_time))

    def following(self, at: datetime) -> datetime | None:
        """The first time after `at`, in UTC."""
        if self._is_hourly:
            return self._in_passing_time(at)
        return self._on_the_wall(at)

    def _on_the_wall(self, at: datetime) -> datetime | None:
        """Times that the clock skips come later than some that the clock shows after them: those are looked at, too."""
        earliest: datetime | None = None
        start = self._wall(at) - self._skipped_before(at)
        for wall in self._walls(start):
            if earliest is not None and wall > self._wall(earliest):
                break
            instant = wall.replace(tzinfo=self._zone, fold=0).astimezone(UTC)
            if instant <= at:
                continue
            if earliest is None or instant < earliest:
                earliest = instant
        return earliest

    def _in_passing_time(self, at: datetime) -> datetime | None:
        """Counted by the offset from UTC that holds; where that ends before the time comes, on by the next one."""
        while True:
            offset = self._offset(at + _MOMENT)
            shown = at.astimezone(UTC) + offset
            wall = next(self._walls(shown.replace(tzinfo=None)), None)
            if wall is None:
                return None
            instant = wall.replace(tzinfo=timezone(offset)).astimezone(UTC)
            if self._offset(instant) == offset:
                return instant
            # The clock is set before that time comes: from there on the new offset counts.
            at = self._last_before_change(at + _MOMENT, instant)

    def _last_before_change(self, low: datetime, high: datetime) -> datetime:
        """The last moment with the offset of `low`, found by bisection; `high` has another."""
        offset = self._offset(low)
        while high - low > _MOMENT:
            middle = low + (high - low) / 2
            if self._offset(middle) == offset:
                low = middle
            else:
                high = middle
        return low

    def _skipped_before(self, at: datetime) -> timedelta:
        """How much of the time that the clock should have shown in the last day was left out."""
        shift = self._offset(at) - self._offset(at - LONGEST_SHIFT)
        return max(shift, timedelta(0))

    def _offset(self, at: datetime) -> timedelta:
        offset = at.astimezone(self._zone).utcoffset()
        assert offset is not None
        return offset

    def _wall(self, at: datetime) -> datetime:
        """What the clock shows at a moment."""
        return at.astimezone(self._zone).replace(tzinfo=None, fold=0)

    def _walls(self, after: datetime) -> Iterator[datetime]:
        """What a clock that is never set shows at each time of the expression, after one."""
        following = after.replace(tzinfo=UTC) + _MOMENT
        while True:
            fires_at = self._fields.get_next_fire_time(None, following)
            if fires_at is None:
                return
            yield fires_at.replace(tzinfo=None)
            following = fires_at + _MOMENT
