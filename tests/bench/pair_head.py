"""Trains the network that judges two reports by their embeddings (aggregator/dedup/pair_head.py).

    python -m tests.bench.pair_head [--into aggregator/dedup]

After tests/bench/tune.py and before tests/bench/train.py, with torch beside the extras `meaning` and `dev`. It learns from
each two reports of each family that the encoder was tuned on, so that the others stay unseen by both. Standard scores of what it sees are folded into its weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from aggregator.dedup import learned
from aggregator.dedup.backtest import entries
from aggregator.dedup.meaning import prints_of
from aggregator.dedup.pair_head import Floats, joint
from aggregator.dedup.rows import MEANT_ROW, meanings, row_array
from aggregator.model import DedupSettings
from tests.bench import states
from tests.bench.train import PACKAGE, fold_of

HIDDEN = 64
EPOCHS, BATCH, RATE, DECAY, DROPOUT = 12, 256, 1e-3, 1.0, 0.5
"""Of 32 and 64 hidden units, a dropout of 0.3 and 0.5, decays of 0.1 and 1 and 5 to 20 epochs all had an average precision of
0.69 to 0.71 on families that were trained on by neither encoder nor head."""


def pairs(rows: Sequence[states.Row]) -> tuple[Floats, Floats]:
    """What the network sees of each two reports of a family, and 1 where they are of one event."""
    vectors = meanings(
        row_array(
            prints_of(list(entries(rows)), DedupSettings(meaning=True)), MEANT_ROW
        )
    )
    places = {str(row["id"]): place for place, row in enumerate(rows)}
    both = states.pairs_of(rows)
    one = np.array([places[str(row["id"])] for row, _ in both])
    other = np.array([places[str(row["id"])] for _, row in both])
    same = np.array([row["cluster"] == their["cluster"] for row, their in both])
    return joint(vectors[one], vectors[other]), same.astype(np.float32)


def trained(seen: Floats, same: Floats) -> dict[str, Floats]:
    """The arrays of a `learned.PairHead`, by their names in the file."""
    torch.manual_seed(1)
    mean, deviation = seen.mean(0), seen.std(0) + 1e-6
    inputs = torch.tensor((seen - mean) / deviation)
    labels = torch.tensor(same)
    into, out = nn.Linear(seen.shape[1], HIDDEN), nn.Linear(HIDDEN, 1)
    network = nn.Sequential(
        nn.Dropout(DROPOUT), into, nn.ReLU(), nn.Dropout(DROPOUT), out
    )
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    steps = EPOCHS * -(-len(inputs) // BATCH)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(inputs)).split(BATCH):
            log_odds = network(inputs[chosen])[:, 0]
            loss = functional.binary_cross_entropy_with_logits(log_odds, labels[chosen])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            rate.step()
    weights = into.weight.detach().numpy() / deviation
    return {
        "into": weights.T.astype(np.float16),
        "bias": into.bias.detach().numpy() - weights @ mean,
        "out": out.weight.detach().numpy()[0],
        "out_bias": out.bias.detach().numpy(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--into", type=Path, default=PACKAGE)
    asked = parser.parse_args()
    folds = set(learned.tuned_layers()["folds"].tolist())
    families = states.families(held_back=False)
    rows = [row for row in families if fold_of(row["family"]) in folds]
    np.savez_compressed(asked.into / "pair_head.npz", **trained(*pairs(rows)))


if __name__ == "__main__":
    main()
