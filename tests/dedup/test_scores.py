from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.dedup import scores


def test_a_perfect_clustering_scores_1() -> None:
    q = scores.clustering({"a": 1, "b": 1, "c": 2}, {"a": "x", "b": "x", "c": "y"})
    assert (q.b_cubed.f1, q.pairwise.f1) == (1, 1)


def test_one_lump_has_full_recall() -> None:
    q = scores.clustering(
        dict(zip("abcde", [1, 1, 2, 2, 3], strict=True)), dict.fromkeys("abcde", "all")
    )
    assert q.b_cubed.recall == 1
    assert q.b_cubed.precision == pytest.approx((4 + 4 + 1) / 25)
    assert q.pairwise.precision == pytest.approx(0.2)


def test_what_is_not_predicted_is_alone() -> None:
    truth = dict(zip("abc", [1, 1, 2], strict=True))
    assert scores.clustering(truth, {}) == scores.clustering(
        truth, {"a": 1, "b": 2, "c": 3}
    )


def test_pairs_are_scored_by_the_class_same() -> None:
    score = scores.pairs([True, True, False, False], [True, False, True, False])
    assert (score.precision, score.recall, score.f1) == (0.5, 0.5, 0.5)


@pytest.mark.slow
def test_scores_equal_those_of_the_shared_scorer(shared: Path) -> None:
    spec = importlib.util.spec_from_file_location(
        "score_clusters", shared / "tools" / "score_clusters.py"
    )
    assert spec
    assert spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    labels = st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30
    )

    @given(labels)
    def equal(found: list[tuple[int, int]]) -> None:
        truth = {str(i): t for i, (t, _) in enumerate(found)}
        predicted = {str(i): p for i, (_, p) in enumerate(found) if p}
        ours, theirs = (
            scores.clustering(truth, predicted),
            tool.score_clusters(truth, predicted),
        )
        assert ours.b_cubed.precision == pytest.approx(theirs["b3_p"])
        assert ours.b_cubed.recall == pytest.approx(theirs["b3_r"])
        assert ours.pairwise.precision == pytest.approx(theirs["pair_p"])
        assert ours.pairwise.recall == pytest.approx(theirs["pair_r"])

    equal()
