"""The numbers learned by tests/bench/train.py, read from the package's own data files once."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup.trees import Forest, Model


@cache
def _archive(name: str) -> dict[str, NDArray[np.generic]]:
    return _read(name)


def _read(name: str) -> dict[str, NDArray[np.generic]]:
    path = files("aggregator.dedup").joinpath(name)
    if not path.is_file():
        return {}
    with np.load(
        io.BytesIO(path.read_bytes()),
        allow_pickle=False,
    ) as archive:
        return {key: archive[key] for key in archive.files}


@cache
def prior(lang: str) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """The commonest tokens of a language and the share of documents with each; empty where we have no prior."""
    archive = _archive("prior.npz")
    if f"{lang}_tokens" not in archive:
        return np.zeros(0, np.uint32), np.zeros(0, np.float32)
    # Shares are stored as bytes: share = 2 ** (-byte / 16).
    shares = np.exp2(-archive[f"{lang}_shares"].astype(np.float32) / 16)
    return archive[f"{lang}_tokens"].astype(np.uint32), shares


@cache
def names(lang: str) -> frozenset[int]:
    """The tokens of the prior that are written with a capital wherever they stand."""
    archive = _archive("prior.npz")
    if f"{lang}_names" not in archive:
        return frozenset()
    tokens, _ = prior(lang)
    are_names = np.unpackbits(
        archive[f"{lang}_names"].astype(np.uint8), count=len(tokens)
    )
    return frozenset(tokens[are_names > 0].tolist())


def languages() -> list[str]:
    """The languages we have a prior of."""
    return [
        name.removesuffix("_tokens")
        for name in _archive("prior.npz")
        if name.endswith("_tokens")
    ]


@cache
def model() -> Model:
    """The shipped model."""
    # Not by `_archive`, which keeps what it read: the raw arrays would take as much again in each process.
    weights = _read("weights.npz")
    return model_from(weights)


def model_from(archive: Mapping[str, NDArray[np.generic]]) -> Model:
    """A model from the arrays of its forests, `<forest>_columns` and so on, and the weights `joining`."""
    return Model(
        forest_of(archive, "gate"),
        forest_of(archive, "pair"),
        forest_of(archive, "meant"),
        archive["joining"].astype(float).tolist(),
    )


def forest_of(
    archive: Mapping[str, NDArray[np.generic]],
    name: str,
) -> Forest:
    """One of the forests of `model_from`."""
    columns = archive[f"{name}_columns"]
    thresholds = archive[f"{name}_thresholds"]
    values = archive[f"{name}_values"]
    children = archive[f"{name}_children"]
    roots = archive[f"{name}_roots"]
    depth = archive[f"{name}_depth"]
    bias = archive[f"{name}_bias"]
    return Forest(
        columns=columns.astype(np.intp),
        thresholds=thresholds.astype(np.float32),
        values=values.astype(np.float32),
        children=children.astype(np.intp),
        roots=roots.astype(np.intp),
        depth=int(depth),
        bias=float(bias),
    )


def tuned_layers() -> dict[str, NDArray[np.generic]]:
    """The encoder's tensors that were tuned, by their names; read anew each time, since they are needed once."""
    return _read("encoder.npz")


def places() -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    """The hashes of the names of `places`, each once, and the place of each; read anew each time, since they are kept
    there."""
    archive = _read("places.npz")
    return archive["keys"].astype(np.uint32), archive["places"].astype(np.int32)


def given_names() -> NDArray[np.uint32]:
    """The hashes of given names (`persons.name_hash`); read anew each time, since they are kept there."""
    return _read("given_names.npz")["names"].astype(np.uint32)


@cache
def meaning_axes() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The mean of headlines' vectors and the whitening axes: (384,) and (384, `fingerprint.MEANING_AXES`)."""
    archive = _archive("meaning.npz")
    return archive["mean"].astype(np.float32), archive["axes"].astype(np.float32)


@cache
def meaning_scale() -> NDArray[np.float32]:
    """The weight of each whitened axis in a comparison: (`fingerprint.MEANING_AXES`,)."""
    return _archive("meaning.npz")["scale"].astype(np.float32)


@cache
def word_vectors() -> tuple[NDArray[np.uint32], NDArray[np.int8]]:
    """The tokens of `word_vectors`, in rising order, and a vector of each with zeros behind the last: (tokens,) and
    (tokens + 1, axes)."""
    archive = _read("word_vectors.npz")
    vectors = archive["vectors"].astype(np.int8)
    return archive["tokens"].astype(np.uint32), np.pad(vectors, ((0, 1), (0, 0)))


class PairHead(NamedTuple):
    """The weights of `pair_head`: (inputs, hidden), (hidden,), (hidden,) and one number."""

    into: NDArray[np.float32]
    bias: NDArray[np.float32]
    out: NDArray[np.float32]
    out_bias: np.float32


@cache
def pair_head() -> PairHead:
    """The network that judges two reports by their embeddings."""
    archive = _archive("pair_head.npz")
    into, bias, out, out_bias = (
        archive[name].astype(np.float32) for name in ("into", "bias", "out", "out_bias")
    )
    return PairHead(into, bias, out, out_bias[0])


@cache
def usual() -> NDArray[np.float32]:
    """The median of each pair feature among candidates of different events."""
    usual = _read("weights.npz")["usual"]
    return usual.astype(np.float32)
