"""Precision and recall over strictness: the numbers, and a picture of them as SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from aggregator.dedup.backtest import Row, backtest, entries, field
from aggregator.dedup.fingerprint import Fingerprint
from aggregator.dedup.meaning import prints_of
from aggregator.dedup.scores import Quality, clustering
from aggregator.dedup.similarity import JOIN
from aggregator.dedup.trees import score_of
from aggregator.model import DedupSettings

STEPS = (-2.0, -1.2, -0.8, -0.4, 0.0, 0.3, 0.6, 0.9, 1.4, 1.8, 2.2, 2.7)
"""Log-odds to join at; the three of `similarity.JOIN` are among them."""
_WIDTH, _HEIGHT, _MARGIN = 580, 400, 66
_COLOURS = {"precision": "#1f6feb", "recall": "#d1542c", "F1": "#2a7d3f"}


@dataclass(frozen=True, slots=True)
class Point:
    """The quality at one threshold: `score` is 0..1, as messages carry it; `name` the strictness it is of, or ''."""

    score: float
    name: str
    quality: Quality


def sweep(
    rows: Iterable[Row],
    settings: DedupSettings,
    *,
    canonical_url: Callable[[str], str] = str,
    on_step: Callable[[], None] | None = None,
    prints: Sequence[Fingerprint] = (),
) -> list[Point]:
    """The backtest at each of `STEPS`; `prints` are the rows' fingerprints, where known.

    Raises ValueError as `truth_of` does, before any work.
    """
    all_rows = list(rows)
    truth = truth_of(all_rows)
    # Once for all steps, which differ in the threshold alone.
    if not prints:
        stream = entries(all_rows, canonical_url=canonical_url)
        prints = prints_of(list(stream), settings)
    names = {value: strictness.value for strictness, value in JOIN.items()}
    points = []
    for step in STEPS:
        answer = backtest(
            all_rows,
            settings,
            canonical_url=canonical_url,
            join_at=step,
            prints=prints,
        )
        quality = clustering(truth, dict(answer.events))
        points.append(
            Point(
                score_of(step),
                names.get(step, ""),
                quality,
            )
        )
        if on_step:
            on_step()
    return points


def truth_of(rows: Sequence[Row]) -> dict[str, str]:
    """The true cluster of each row, by id. Raises ValueError naming the row that cannot be scored."""
    truth: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        name = field(row, "id")
        cluster = row.get("cluster")
        if cluster is None:
            needed = "a sweep needs a `cluster` in every row"
            raise ValueError(f"{needed}; row {number} has none")
        # Two rows of one name would be one entry with two events.
        if name in truth:
            raise ValueError(f"row {number} has an `id` that stands before: {name}")
        truth[name] = str(cluster)
    if not truth:
        raise ValueError("a sweep needs rows, each with a `cluster`")
    return truth


def svg(points: Sequence[Point], *, title: str) -> str:
    """B-cubed precision, recall and F1 over the score to join at, as one SVG document."""
    lines: dict[str, list[tuple[float, float]]] = {
        "precision": [],
        "recall": [],
        "F1": [],
    }
    for point in points:
        b_cubed = point.quality.b_cubed
        lines["precision"].append((point.score, b_cubed.precision))
        lines["recall"].append((point.score, b_cubed.recall))
        lines["F1"].append((point.score, b_cubed.f1))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"',
        'font-family="sans-serif" font-size="12">',
        f"<title>{_escaped(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="{_MARGIN}" y="24" font-size="14">{_escaped(title)}</text>',
        *_axes(),
        *(_mark(point) for point in points if point.name),
    ]
    for place, (name, line) in enumerate(lines.items()):
        parts.append(_line(line, name, place))
    return "\n".join([*parts, "</svg>", ""])


def _x(score: float) -> float:
    width = _WIDTH - 2 * _MARGIN
    return round(_MARGIN + score * width, 1)


def _y(value: float) -> float:
    """Values from 0.5 up are shown; lower ones lie on the bottom line."""
    height = _HEIGHT - 2 * _MARGIN
    above_half = max(value - 0.5, 0) * 2
    return round(_HEIGHT - _MARGIN - above_half * height, 1)


def _axes() -> list[str]:
    parts = []
    for tenth in range(0, 11, 2):
        x = _x(tenth / 10)
        parts.append(
            f'<text x="{x}" y="{_HEIGHT - _MARGIN + 18}" text-anchor="middle">{tenth / 10:.1f}</text>'
        )
    for tenth in range(5, 11):
        y = _y(tenth / 10)
        parts.append(
            f'<line x1="{_MARGIN}" y1="{y}" x2="{_WIDTH - _MARGIN}" y2="{y}" stroke="#ddd"/>'
        )
        parts.append(
            f'<text x="{_MARGIN - 8}" y="{y + 4}" text-anchor="end">{tenth / 10:.1f}</text>'
        )
    parts.append(
        f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 12}" text-anchor="middle">score to join at</text>'
    )
    return parts


def _mark(point: Point) -> str:
    x = _x(point.score)
    return (
        f'<line x1="{x}" y1="{_MARGIN}" x2="{x}" y2="{_HEIGHT - _MARGIN}" stroke="#bbb" stroke-dasharray="3 3"/>'
        f'<text x="{x}" y="{_MARGIN - 6}" text-anchor="middle" fill="#555">{point.name}</text>'
    )


def _line(
    points: Sequence[tuple[float, float]],
    name: str,
    place: int,
) -> str:
    path = " ".join(f"{_x(score)},{_y(value)}" for score, value in points)
    colour = _COLOURS[name]
    return (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        f'<text x="{_WIDTH - 4}" y="{_MARGIN + 16 * place}" text-anchor="end" fill="{colour}">{name}</text>'
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
