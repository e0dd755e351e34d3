"""Learns the vectors of words (aggregator/dedup/word_vectors.py) from what the encoder makes of titles.

    python -m tests.bench.word_vectors [--shared ../shared] [--into aggregator/dedup] [--add]

Before tests/bench/train.py and after tests/bench/tune.py, with torch beside the extras `meaning` and `dev`. Writes
word_vectors.npz. The texts are those of the prior and the families.

A token's vector starts as what the encoder makes of its commonest spelling. Then they are learned together, so that the
sum of a title's vectors, each times its rarity (what is written), points where the encoder puts the title, and nearer to
it than to the other titles of a step (InfoNCE, van den Oord et al. 2018, arXiv:1807.03748). A token of few texts stays near what its
start says, carried over by the linear map that carries those of many texts (Khodak et al. 2018, arXiv:1805.05388), so
that it does not learn the one report it stands in by heart.

With `--add` what is shipped stays, and only tokens that have no vector get one, by a map of this kind: what a forest
learned with the others stays true. So were the words of Hindi added, which had been cut at their vowel signs before.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from aggregator.dedup import learned
from aggregator.dedup.encoder import encoded
from aggregator.dedup.fingerprint import TITLE_TOKENS
from aggregator.dedup.words import cleaned, words
from tests.bench import SHARED, states
from tests.bench.train import PACKAGE, Text, each_once, texts

AXES = 48
"""Axes of a vector, a byte each. Of pairs of titles of ../shared/data/families.dev.jsonl and of strangers, by a small forest
over shared tokens and these vectors, average precision was 0.494 with 48 and 0.497 with 64."""
LEARNED_AXES = 96
"""Axes while learning: 96 in 100 of the variance of titles."""
LEAST_TEXTS = 3
"""Texts that a token must stand in, those of one family counting once: a name that one family is about has no vector among
what is met later either."""
TRUSTED_TEXTS = 8
"""Texts at which a token's learned vector counts as much as the one that is carried over."""
LEAD_WORDS = 120
MOST_RARE = 10.0
"""Bits of rarity from which on tokens weigh the same."""
EPOCHS, TITLES_OF_A_STEP, RATE, DECAY = 4, 512, 2e-2, 0.7
TEMPERATURE, NEARNESS, STAYING, DROPPED = 0.08, 0.3, 0.02, 0.15
START_LENGTH = 0.6
Floats = NDArray[np.float32]


class Corpus(NamedTuple):
    """Titles with the tokens of each, in how many texts each token stands, and its commonest spelling."""

    titles: list[str]
    tokens: list[list[int]]
    counts: Counter[int]
    spellings: dict[int, str]


def corpus(found: Iterable[Text], families: Iterable[states.Row]) -> Corpus:
    """What is learned from, each text once."""
    titles: dict[str, list[int]] = {}
    counts: Counter[int] = Counter()
    stands_in: dict[int, set[object]] = defaultdict(set)
    spellings: dict[int, Counter[str]] = defaultdict(Counter)
    for (lang, raw_title, raw_text), of in each_once(found, families):
        title = cleaned(raw_title, lang=lang)
        text = cleaned(raw_text[:1000], lang=lang)
        head = words(title, lang=lang, limit=TITLE_TOKENS)
        both = [*head, *words(text, lang=lang, limit=LEAD_WORDS)]
        # A text counts once for each of its tokens.
        for token, surface in {word.token: word.surface for word in both}.items():
            counts[token] += 1
            spellings[token][surface] += 1
            # More than are asked for need not be kept.
            if len(stands_in[token]) < LEAST_TEXTS:
                stands_in[token].add(of)
        titles.setdefault(title, [word.token for word in head])
    common = {token for token, some in stands_in.items() if len(some) >= LEAST_TEXTS}
    kept = {
        title: [token for token in tokens if token in common]
        for title, tokens in titles.items()
    }
    kept = {title: tokens for title, tokens in kept.items() if len(tokens) > 1}
    return Corpus(
        list(kept),
        list(kept.values()),
        Counter({token: counts[token] for token in common}),
        {token: spellings[token].most_common(1)[0][0] for token in common},
    )


def taught(some: list[str]) -> Floats:
    """(texts, `MEANING_AXES`) unit vectors, on the axes that reports are compared by."""
    mean, axes = learned.meaning_axes()
    return _unit((encoded(some) - mean) @ axes * learned.meaning_scale())


def word_vectors(of: Corpus) -> dict[str, NDArray[np.generic]]:
    """The arrays of `learned.word_vectors`."""
    tokens = sorted(of.counts)
    counts = np.array([of.counts[token] for token in tokens], np.float32)
    rarity = np.clip(np.log2(len(of.titles) / (counts + 1)), 1, MOST_RARE)
    titles = taught(of.titles)
    titles -= titles.mean(0)
    axes = _main_axes(titles, np.ones(len(titles)), LEARNED_AXES)
    start = taught([of.spellings[token] for token in tokens])
    start = _unit((start - start.mean(0)) @ axes) * START_LENGTH
    places = {token: place for place, token in enumerate(tokens)}
    rows = [[places[token] for token in some] for some in of.tokens]
    vectors = _learned(start, rows, rarity, _unit(titles @ axes))
    # With the rarity in it, so that a title's vector is a plain sum.
    vectors = _steadied(start, vectors, counts) * rarity[:, None]
    vectors = vectors @ _main_axes(vectors, np.minimum(counts, 50), AXES)
    largest = np.quantile(np.abs(vectors).max(1), 0.995)
    levels = np.clip(np.round(vectors * (127 / largest)), -127, 127)
    return {
        "tokens": np.array(tokens, np.uint32),
        "vectors": levels.astype(np.int8),
    }


def with_new_words(
    of: Corpus,
    shipped: Mapping[str, NDArray[np.generic]],
) -> dict[str, NDArray[np.generic]]:
    """The arrays of `learned.word_vectors` as they are, and vectors of the tokens of `of` that they do not hold."""
    places = {token: place for place, token in enumerate(shipped["tokens"].tolist())}
    new = sorted(of.counts.keys() - places.keys())
    trusted = sorted(
        token
        for token in of.counts.keys() & places.keys()
        if of.counts[token] >= TRUSTED_TEXTS
    )
    start = taught([of.spellings[token] for token in [*trusted, *new]])
    start = _unit(start - start[: len(trusted)].mean(0)) * START_LENGTH
    counts = np.array([of.counts[token] for token in [*trusted, *new]], np.float32)
    rarity = np.clip(np.log2(len(of.titles) / (counts + 1)), 1, MOST_RARE)[:, None]
    known = shipped["vectors"][[places[token] for token in trusted]]
    carry = _carrying(
        start[: len(trusted)],
        known.astype(np.float32) / rarity[: len(trusted)],
        counts[: len(trusted)],
    )
    levels = np.round(start[len(trusted) :] @ carry * rarity[len(trusted) :])
    tokens = np.concatenate([shipped["tokens"], np.array(new, np.uint32)])
    vectors = np.concatenate(
        [shipped["vectors"], np.clip(levels, -127, 127).astype(np.int8)]
    )
    order = np.argsort(tokens)
    return {"tokens": tokens[order], "vectors": vectors[order]}


def _learned(
    start: Floats, rows: list[list[int]], rarity: Floats, titles: Floats
) -> Floats:
    """(tokens, axes) vectors whose weighted sums point to the titles."""
    torch.manual_seed(1)
    vectors = torch.nn.Parameter(torch.tensor(start))
    before, weights = torch.tensor(start), torch.tensor(rarity)
    ids = torch.zeros((len(rows), max(map(len, rows))), dtype=torch.long)
    there = torch.zeros(ids.shape)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row)
        there[number, : len(row)] = 1
    aims = torch.tensor(titles)
    optimiser = torch.optim.Adam([vectors], lr=RATE)
    for epoch in range(EPOCHS):
        losses = []
        for step in torch.randperm(len(rows)).split(TITLES_OF_A_STEP):
            # Words left out at random: no title is to hang on one of them.
            kept = there[step] * (torch.rand(there[step].shape) > DROPPED)
            shares = (weights[ids[step]] * kept)[:, :, None]
            sums = functional.normalize((vectors[ids[step]] * shares).sum(1), eps=1e-3)
            nearness = sums @ aims[step].T
            loss = NEARNESS * (1 - nearness.diagonal()).mean()
            loss = loss + NEARNESS * functional.cross_entropy(
                nearness / TEMPERATURE, torch.arange(len(step))
            )
            used = torch.unique(ids[step])
            moved = (vectors[used] - before[used]).square().sum(1).mean()
            optimiser.zero_grad()
            (loss + STAYING * moved).backward()
            optimiser.step()
            losses.append(loss.item())
        for group in optimiser.param_groups:
            group["lr"] *= DECAY
        print(f"epoch {epoch}: loss {np.mean(losses):.3f}", flush=True)
    found: Floats = vectors.detach().numpy()
    return found


def _steadied(start: Floats, vectors: Floats, counts: Floats) -> Floats:
    """The vectors, those of rare tokens mixed with what the map from start to learned makes of their start."""
    common = counts >= TRUSTED_TEXTS
    carried = start @ _carrying(start[common], vectors[common], counts[common])
    share = (counts / (counts + TRUSTED_TEXTS))[:, None]
    steadied: Floats = vectors * share + carried * (1 - share)
    return steadied


def _carrying(start: Floats, vectors: Floats, counts: Floats) -> Floats:
    """(axes, axes) the linear map from starts to vectors, those of many texts counting more."""
    weights = np.sqrt(np.minimum(counts, 200))[:, None]
    one, other = start * weights, vectors * weights
    ridge = 50 * np.eye(start.shape[1], dtype=np.float32)
    carrying: Floats = np.linalg.solve(one.T @ one + ridge, one.T @ other)
    return carrying


def _main_axes(vectors: Floats, weights: Floats, count: int) -> Floats:
    """(axes, count) directions in which weighted vectors vary most."""
    spread = (vectors * weights[:, None]).T @ vectors
    _, directions = np.linalg.eigh(spread)
    return directions[:, ::-1][:, :count].astype(np.float32)


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = vectors / np.maximum(lengths, 1e-6)
    return unit


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--into", type=Path, default=PACKAGE)
    parser.add_argument(
        "--add", action="store_true", help="only to tokens that have no vector yet"
    )
    asked = parser.parse_args()
    found = corpus(texts(asked.shared), states.all_families())
    print(f"{len(found.titles)} titles, {len(found.counts)} tokens", flush=True)
    if asked.add:
        with np.load(PACKAGE / "word_vectors.npz") as shipped:
            arrays = with_new_words(found, shipped)
    else:
        arrays = word_vectors(found)
    np.savez_compressed(asked.into / "word_vectors.npz", **arrays)


if __name__ == "__main__":
    main()
