"""The matching benches run, at the smallest size."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import pytest

from aggregator.dedup.extra import is_installed
from aggregator.dedup.index import Index
from aggregator.dedup.scores import clustering
from aggregator.dedup.words import words
from aggregator.model import DedupSettings
from tests.bench.bilingual import WAYS
from tests.bench.bilingual import pairs as bilingual
from tests.bench.chance import b_cubed_draws, error_of_mean, groups, pair_draws
from tests.bench.index_speed import filled, measured, stream
from tests.bench.languages import PAIRS, different, same
from tests.bench.lookalikes import GROUPS, pairs
from tests.bench.meaning_cost import encoding, searching
from tests.bench.pair_states import (
    STATES,
    Stream,
    in_state,
    is_merged,
    labelled,
    traps,
)
from tests.bench.quality import parts
from tests.bench.rivals import RIVALS, clusters, decisions
from tests.bench.train import pair_folds, prior
from tests.dedup.traps.pairs import DIFFERENT, SAME

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
        "title": "Norway lifts interest rates again",
        "cluster": "n",
    },
    {
        "id": "3",
        "lang": "en",
        "title": "Volcano erupts near Quito and thousands flee",
        "cluster": "v",
    },
]


@pytest.mark.parametrize("meaning", [False, True])
def test_speed_is_measured(meaning: bool) -> None:
    settings = DedupSettings(meaning=meaning)
    index, entries = Index(settings), stream(1)
    filled(entries, index, 3)
    assert min(measured(entries, index, settings, 1)) > 0
    assert len(index) == 4


@pytest.mark.slow
@pytest.mark.skipif(
    not is_installed(), reason="needs the extra `meaning`; .ci/run installs it"
)
async def test_the_cost_of_meanings_is_measured() -> None:
    seconds, cpu, held = await encoding(["Volcano erupts near Quito"] * 20, 1)
    assert seconds > 0
    assert cpu > 0
    assert held > 1 << 20
    assert searching(1) > 0


def test_a_pair_is_judged_in_each_state_of_a_stream(tmp_path: Path) -> None:
    row = {"lang": "en", "source": "a", "url": "https://a.example/1", "text": ""}
    row |= {"published": "2026-03-10T08:00:00+00:00"}
    told = [
        {**row, "id": f"{number}", "title": f"Ferry {number} sails", "cluster": None}
        for number in range(40)
    ]
    ship = {**row, "id": "x", "title": "Volcano erupts near Quito, thousands flee"}
    again = {**ship, "id": "y", "source": "b", "url": "https://b.example/2"}
    other = {**again, "title": "Norway lifts interest rates again"}
    file = tmp_path / "pairs.jsonl"
    lines = [{"a": ship, "b": again, "same": 1}, {"a": ship, "b": other, "same": 0}]
    file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    one, two = labelled(file)
    stream = Stream(told, DedupSettings())
    for state in STATES:
        assert is_merged(*in_state(one, state, stream), stream.settings)
        assert not is_merged(*in_state(two, state, stream), stream.settings)
    assert {pair.same for pair in traps()} == {True, False}


def test_a_synthetic_stream_is_the_same_each_time() -> None:
    assert list(islice(stream(5), 3)) == list(islice(stream(5), 3))


def test_rivals_find_the_near_copy_and_keep_the_rest_apart() -> None:
    for rival in RIVALS:
        found = clusters(ROWS, rival)
        assert found["1"] == found["3"] != found["2"]
        assert clustering(parts(ROWS, "made_up")["made_up"], found).b_cubed.f1 == 1
        assert decisions(
            [{"a": ROWS[0], "b": ROWS[2]}, {"a": ROWS[0], "b": ROWS[1]}], rival
        ) == [True, False]


PAIRED = {f"{i}": f"c{i // 2}" for i in range(400)}
HALF_SPLIT = {f"{i}": f"e{i // 2}" if i % 4 < 2 else f"alone{i}" for i in range(400)}


def test_a_standard_error_is_that_of_theory() -> None:
    # Of 200 clusters of two half are split: recall is 0.75 ± 0.25 / √200, precision 1, F1 their harmonic mean.
    (split,) = b_cubed_draws([PAIRED], HALF_SPLIT)
    assert split.std() == pytest.approx(2 / 1.75**2 * 0.25 / 200**0.5, rel=0.1)
    # The other way round precision is what varies.
    (merged,) = b_cubed_draws([HALF_SPLIT], PAIRED)
    assert merged.std() == pytest.approx(split.std(), rel=0.2)
    assert b_cubed_draws([PAIRED], PAIRED).std() == 0
    assert error_of_mean([split[None], merged[None]]) == pytest.approx(
        (split.var() + merged.var()) ** 0.5 / 2
    )


def test_parts_that_share_clusters_are_drawn_together() -> None:
    twice = b_cubed_draws([PAIRED, PAIRED], HALF_SPLIT)
    assert error_of_mean([twice]) == pytest.approx(twice[0].std())


def test_pairs_that_share_reports_are_drawn_together() -> None:
    same, said = [True, False] * 200, [True, True, False, False] * 100
    alone = pair_draws(same, said, [f"{i}" for i in range(400)]).std()
    assert alone == pytest.approx(0.031, rel=0.15)
    assert pair_draws(
        same, said, [f"{i // 4}" for i in range(400)]
    ).std() == pytest.approx(0)
    assert pair_draws([False], [False], ["a"]).std() == 0
    group = groups([("a", "b"), ("c", "d"), ("b", "c"), ("x", "y")])
    assert (
        group["a"] == group["b"] == group["c"] == group["d"] != group["x"] == group["y"]
    )


def test_rivals_fall_for_traps_that_ours_must_not() -> None:
    quake = [
        {"a": {"id": "1", "title": a}, "b": {"id": "2", "title": b}}
        for _, a, b in DIFFERENT[:1]
    ]
    assert decisions(quake, RIVALS[0]) == [True]


def test_look_alikes_are_of_both_kinds_and_none_is_a_trap() -> None:
    made = pairs(seed=1, rounds=2)
    assert {same for *_, same in made} == {True, False}
    assert len(made) >= 2 * len(GROUPS)
    traps = {text for trap in (*DIFFERENT, *SAME) for text in trap[1:]}
    assert not traps & {text for _, a, b, _ in made for text in (a, b)}


def test_bilingual_pairs_are_of_both_kinds_in_two_languages_and_none_is_of_the_bench() -> (
    None
):
    made = bilingual(seed=1, rounds=3)
    assert {same for *_, same in made} == {True, False}
    assert all(
        one[0] != other[0] and "{" not in one[1] + other[1] for one, other, _ in made
    )
    assert len(made) >= 2 * len(WAYS)
    assert not {text for one, other, _ in made for _, text in (one, other)} & {
        text for p in PAIRS for text in p[1:]
    }


def test_a_prior_holds_the_commonest_tokens() -> None:
    learned = prior([("en", f"the number {i}", "") for i in range(100)])
    assert len(learned["en_tokens"]) == 2
    assert learned["en_shares"].tolist() == [0, 0]


@pytest.mark.parametrize(("families", "is_common"), [(1, False), (4, False), (5, True)])
def test_a_word_is_common_that_stands_in_several_families(
    families: int, is_common: bool
) -> None:
    reports = [
        {
            "lang": "zh-Hant",
            "title": f"{n} Zanzibar",
            "text": "",
            "family": n % families,
        }
        for n in range(100)
    ]
    (word,) = words("Zanzibar", lang="zh", limit=1)
    learned = prior([], reports)
    assert (word.token in learned["zh_tokens"].tolist()) == is_common


def test_pairs_that_share_a_report_are_in_one_fold() -> None:
    rows = [{"a": {"id": "x"}, "b": {"id": "y"}}, {"a": {"id": "y"}, "b": {"id": "z"}}]
    folds = pair_folds(rows)
    assert folds[0] == folds[1]


def test_by_words_alone_nothing_joins_across_languages() -> None:
    assert not [
        pair for pair in islice(different(DedupSettings()), 0, None, 7) if pair[3]
    ]


@pytest.mark.slow
@pytest.mark.skipif(
    not is_installed(), reason="needs the extra `meaning`; .ci/run installs it"
)
def test_most_of_one_event_joins_across_languages_by_what_it_means() -> None:
    joined = [pair[3] for pair in same(DedupSettings(meaning=True))]
    assert sum(joined) >= 0.6 * len(joined)
    others = [pair[3] for pair in different(DedupSettings(meaning=True))]
    assert sum(others) <= 0.02 * len(others)
