"""Line charts as the coordinates of an SVG drawing; the page's template draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640.0, 220.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 12.0, 12.0, 28.0
MAX_POINTS = 400


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where, in the drawing's units, and its label."""

    at: float
    label: str


@dataclass(frozen=True)
class Chart:
    """A curve in a drawing of WIDTH x HEIGHT."""

    title: str
    faint: str
    """SVG path of the values as measured."""
    path: str
    """SVG path of their running mean."""
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    bottom: float = HEIGHT - BOTTOM


def line_chart(title: str, xs: Sequence[float], ys: Sequence[float], logarithmic: bool = False) -> Chart | None:
    """None when there are fewer than two finite points. With `logarithmic`, values above zero only."""
    points = [(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(y) and (y > 0 or not logarithmic)]
    if len(points) < 2 or points[0][0] == points[-1][0]:
        return None
    points = points[:: max(1, len(points) // MAX_POINTS)]
    values = [math.log10(y) if logarithmic else y for _, y in points]
    smooth = _running_mean(values)
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 0.5
    low, high = low - margin, high + margin
    first, last = points[0][0], points[-1][0]

    def x_at(x: float) -> float:
        return LEFT + (x - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y_at(y: float) -> float:
        return HEIGHT - BOTTOM - (y - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    steps = [x_at(x) for x, _ in points]
    return Chart(
        title=title,
        faint=_path(steps, [y_at(y) for y in values]),
        path=_path(steps, [y_at(y) for y in smooth]),
        x_ticks=[Tick(x_at(x), _label(x)) for x in _round_values(first, last)],
        y_ticks=[Tick(y_at(y), label) for y, label in (_log_marks(low, high) if logarithmic else _marks(low, high))],
    )


def _path(xs: Sequence[float], ys: Sequence[float]) -> str:
    return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in zip(xs, ys, strict=True))


def _running_mean(values: Sequence[float]) -> list[float]:
    """Mean over a window that is a twentieth of the curve and shrinks towards its ends."""
    reach = max(1, len(values) // 40)
    result = []
    for index in range(len(values)):
        near = min(reach, index, len(values) - 1 - index)
        window = values[index - near : index + near + 1]
        result.append(sum(window) / len(window))
    return result


def _marks(low: float, high: float) -> list[tuple[float, str]]:
    return [(value, _label(value)) for value in _round_values(low, high)]


def _log_marks(low: float, high: float) -> list[tuple[float, str]]:
    """Where 1, 2 and 5 times the powers of ten lie; only the powers when the range is wide."""
    factors = (1, 2, 5) if high - low < 2 else (1,)
    values = [factor * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for factor in factors]
    return [(math.log10(value), _label(value)) for value in values if low <= math.log10(value) <= high]


def _round_values(low: float, high: float) -> list[float]:
    """Three to six round numbers between two values."""
    raw = (high - low) / 4
    scale = 10 ** math.floor(math.log10(raw))
    step = next(factor * scale for factor in (1, 2, 2.5, 5, 10) if factor * scale >= raw)
    start = math.ceil(low / step)
    return [index * step for index in range(start, math.floor(high / step) + 1)]


def _label(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:g}"
