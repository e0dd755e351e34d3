from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from aggregator.dedup.backtest import backtest, entries, pair_test
from aggregator.dedup.meaning import prints_of
from aggregator.dedup.sweep import STEPS, svg, sweep
from aggregator.model import DedupSettings

ROWS: list[dict[str, object]] = [
    {
        "id": "1",
        "lang": "en",
        "title": "Volcano erupts near Quito, thousands flee",
        "cluster": "v",
    },
    {
        "id": "2",
        "lang": "en",
        "title": "Norway lifts interest rates by 25 basis points",
        "cluster": "n",
    },
    {
        "id": "3",
        "lang": "en",
        "title": "Thousands flee as volcano erupts near Quito",
        "cluster": "v",
    },
]


def test_each_row_has_an_event_in_file_order() -> None:
    found = backtest(ROWS, DedupSettings())
    assert [name for name, _ in found.events] == ["1", "2", "3"]
    assert found.events[0][1] == found.events[2][1] != found.events[1][1]
    assert (found.event_count, found.joined_count) == (2, 1)


def test_a_labelled_file_is_scored() -> None:
    quality = backtest(ROWS, DedupSettings()).quality
    assert quality is not None
    assert quality.b_cubed.f1 == 1


def test_a_file_without_labels_is_not_scored() -> None:
    assert backtest([{"id": "1", "title": "a"}], DedupSettings()).quality is None


def test_all_fields_but_the_id_may_be_null_or_missing() -> None:
    empty = {
        "lang": None,
        "title": None,
        "text": None,
        "source": None,
        "url": None,
        "published": None,
    }
    found = backtest([{"id": "1", **empty}, {"id": "2"}], DedupSettings())
    assert [name for name, _ in found.events] == ["1", "2"]


def test_a_run_answers_the_same_again() -> None:
    assert backtest(ROWS, DedupSettings()) == backtest(ROWS, DedupSettings())


def test_pairs_are_judged_alone_and_scored() -> None:
    rows = [
        {"a": ROWS[0], "b": ROWS[2], "same": 1, "lang": "en"},
        {"a": ROWS[0], "b": ROWS[1], "same": 0, "lang": "en"},
    ]
    found = pair_test(rows, DedupSettings())
    assert found.decisions == (True, False)
    assert found.quality is not None
    assert found.quality.f1 == 1


def test_a_pair_without_sides_is_an_error() -> None:
    with pytest.raises(ValueError, match="`a` is not an object"):
        pair_test([{"a": "x", "b": {"id": "1"}}], DedupSettings())


def test_a_sweep_trades_recall_for_precision_and_is_drawn() -> None:
    points = sweep(ROWS, DedupSettings())
    assert len(points) == len(STEPS)
    assert {p.name for p in points} >= {"strict", "balanced", "loose"}
    assert points[0].quality.b_cubed.recall >= points[-1].quality.b_cubed.recall
    root = ElementTree.fromstring(svg(points, title="a < b & c"))
    assert len(root.findall("{http://www.w3.org/2000/svg}polyline")) == 3


def test_a_sweep_of_known_fingerprints_is_the_same() -> None:
    settings = DedupSettings()
    assert sweep(
        ROWS, settings, prints=prints_of(list(entries(ROWS)), settings)
    ) == sweep(ROWS, settings)


def test_the_legend_of_a_sweep_ends_within_the_picture() -> None:
    drawn = svg(sweep(ROWS, DedupSettings()), title="rows")
    (width,) = re.findall(r'viewBox="0 0 (\d+) ', drawn)
    legend = re.findall(
        r'<text x="(\d+)"[^>]*text-anchor="end" fill[^>]*>(?:precision|recall|F1)<',
        drawn,
    )
    assert [int(x) < int(width) for x in legend] == [True] * 3


def test_a_sweep_without_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="`cluster`"):
        sweep([{"id": "1", "title": "a"}], DedupSettings())
