from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from aggregator.model import Digest, Totals
from aggregator.watch.digest import digest
from aggregator.watch.digest_files import DigestFiles
from aggregator.watch.digest_json import digest_json

from .test_digest import event

DAY = date(2026, 3, 5)


def hourly(hour: int, *, title: str = "A quiet hour", day: date = DAY) -> Digest:
    start = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    told = replace(event("x"), title=title, first_seen_at=start, last_seen_at=start)
    return digest(
        events=[told],
        window_from_at=start,
        window_to_at=start + timedelta(hours=1),
        totals=Totals(),
        feeds=[],
        elapsed={},
        top=20,
    )


@pytest.fixture
def files(tmp_path: Path) -> DigestFiles:
    return DigestFiles(tmp_path / "digest", keep=timedelta(days=90))


def text(files: DigestFiles, day: date = DAY) -> str:
    return (files.directory / f"{day}.md").read_text(encoding="utf-8")


def test_a_day_is_one_file_for_people_and_one_for_programs(files):
    path = files.write(hourly(8, title="Erste Stunde"))
    files.write(hourly(9, title="第二小时"))
    assert path.name == "2026-03-05.md"
    assert sorted(found.name for found in files.directory.iterdir()) == [
        "2026-03-05.jsonl",
        "2026-03-05.md",
    ]
    assert text(files).startswith("# 2026-03-05\n\n## 2026-03-05 08:00 to 09:00 UTC\n")
    assert text(files).count("# 2026-03-05\n") == 1
    assert text(files).index("Erste Stunde") < text(files).index("第二小时")
    assert files.read(DAY) == [
        hourly(8, title="Erste Stunde"),
        hourly(9, title="第二小时"),
    ]


def test_a_digest_made_again_replaces_itself(files):
    for hour in (8, 9, 10):
        files.write(hourly(hour, title="before"))
    files.write(hourly(9, title="after"))
    assert [record.events[0].title for record in files.read(DAY)] == [
        "before",
        "after",
        "before",
    ]
    assert text(files).count("after") == 1
    assert text(files).count("## ") == 3


def test_appending_leaves_what_stands_untouched(files):
    files.write(hourly(8))
    inode = (files.directory / "2026-03-05.jsonl").stat().st_ino
    files.write(hourly(9))
    assert (files.directory / "2026-03-05.jsonl").stat().st_ino == inode


def test_a_line_cut_off_by_a_crash_is_dropped_at_the_next_write(files):
    files.write(hourly(8))
    lines = files.directory / "2026-03-05.jsonl"
    lines.write_bytes(lines.read_bytes() + digest_json(hourly(9))[:100])
    with capture_logs() as logged:
        files.write(hourly(10))
    assert [record.window_from_at.hour for record in files.read(DAY)] == [8, 10]
    assert [line["event"] for line in logged] == ["digest_line_unreadable"]
    assert text(files).count("## ") == 2


def test_a_crash_between_the_two_files_is_mended_by_repeating_the_digest(files):
    files.write(hourly(8))
    lines = files.directory / "2026-03-05.jsonl"
    lines.write_bytes(lines.read_bytes() + digest_json(hourly(9)) + b"\n")
    assert text(files).count("## ") == 1
    files.write(hourly(9))
    assert text(files).count("## ") == 2
    assert len(files.read(DAY)) == 2


@pytest.mark.parametrize("lost", ["2026-03-05.md", "2026-03-05.jsonl"])
def test_a_lost_file_does_not_stop_the_next_digest(files, lost):
    files.write(hourly(8))
    (files.directory / lost).unlink()
    files.write(hourly(9))
    assert hourly(9) in files.read(DAY)
    assert "09:00 to 10:00" in text(files)


def test_a_digest_belongs_to_the_day_its_window_begins_in_its_time_zone(tmp_path):
    files = DigestFiles(tmp_path, zone=ZoneInfo("Asia/Shanghai"))
    files.write(hourly(17))
    assert files.days() == [date(2026, 3, 6)]
    assert "2026-03-06 01:00 to 02:00 CST" in text(files, date(2026, 3, 6))


def test_old_days_go_and_other_files_stay(files):
    files.write(hourly(8, day=date(2025, 11, 1)))
    files.write(hourly(8, day=date(2025, 12, 10)))
    files.write(hourly(8))
    others = ["notes.md", "2025-01-01.txt", "2025-99-99.md", "x2025-01-01.md"]
    for name in others:
        (files.directory / name).write_text("mine")
    assert files.expire(datetime(2026, 3, 5, 12, tzinfo=UTC)) == 2
    assert files.days() == [date(2025, 12, 10), DAY]
    assert all((files.directory / name).exists() for name in others)


def test_since_gives_the_digests_whose_window_ends_later(files):
    for day in (date(2026, 3, 3), date(2026, 3, 4), DAY):
        for hour in (0, 23):
            files.write(hourly(hour, day=day))
    found = files.since(datetime(2026, 3, 4, 23, 30, tzinfo=UTC))
    assert [record.window_from_at.isoformat()[:13] for record in found] == [
        "2026-03-04T23",
        "2026-03-05T00",
        "2026-03-05T23",
    ]


def test_nothing_written_yet_is_no_error(files):
    assert files.days() == []
    assert files.read(DAY) == []
    assert files.since(datetime(2026, 1, 1, tzinfo=UTC)) == []
    assert files.expire(datetime(2026, 1, 1, tzinfo=UTC)) == 0
