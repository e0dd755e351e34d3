from __future__ import annotations

from datetime import timedelta

import pytest

from aggregator.watch.progress import Progress


def test_a_stage_is_stuck_when_its_beat_is_older_than_its_allowance():
    progress = Progress({"poll": timedelta(seconds=30), "event": timedelta(seconds=60)})
    progress.beat("poll", 100.0)
    progress.beat("event", 100.0)
    assert progress.stuck(130.0) == ()
    assert progress.stuck(131.0) == ("poll has not moved for 31 s",)
    assert progress.stuck(161.0) == (
        "event has not moved for 61 s",
        "poll has not moved for 61 s",
    )
    progress.beat("poll", 160.0)
    assert progress.stuck(161.0) == ("event has not moved for 61 s",)


def test_a_stage_counts_from_its_first_beat():
    progress = Progress({"poll": timedelta(seconds=1), "event": timedelta(seconds=1)})
    assert progress.stuck(1e9) == ()


def test_a_stage_without_an_allowance_is_a_mistake():
    with pytest.raises(KeyError):
        Progress({}).beat("poll", 0.0)


def test_what_stood_still_with_the_loop_is_not_stuck() -> None:
    progress = Progress({"loop": timedelta(seconds=30), "poll": timedelta(seconds=90)})
    progress.beat("loop", 0.0)
    progress.beat("poll", 0.0)
    # Stopped and continued: the loop turns again before the stage can.
    progress.beat("loop", 1000.0)
    assert not progress.stuck(1000.0)
    progress.beat("loop", 1001.0)
    # From there on its allowance counts.
    for second in range(1002, 1092):
        progress.beat("loop", float(second))
    assert progress.stuck(1091.0) == ("poll has not moved for 91 s",)
