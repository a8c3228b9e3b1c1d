"""Scale and orientation from where photos were taken, by GPS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .gps_accuracy import importance, weighted_median
from .local_positions import Local, distances
from .similarity import Similarity, fit_similarity

MIN_PHOTOS: Final = 4
MIN_SPREAD_METRES: Final = 3.0
MAX_TILT_DEGREES: Final = 5.0
"""Expected error of the vertical up to which GPS decides it; beyond, how the cameras were held tells more."""
MAX_SCALE_ERROR: Final = 0.1
MIN_FITTING: Final = 0.6
"""Share of the known positions that have to agree with the model."""
MIN_ALTITUDES: Final = 0.25
"""Share of the known positions whose altitude has to be known for GPS to tell the vertical."""
COARSE: Final = 0.2
"""Accuracy, relative to a better one, below which an altitude is left out."""
FLATNESS: Final = 0.25
"""Extent of positions across their plane, relative to the shorter one in it, up to which they are in one."""
_TRIALS: Final = 200
_ROUNDS: Final = 30

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class GeoAlignment:
    """`metres_from_model` leads to east, north, up in metres around the origin of the positions. Its rotation is to be
    used only when `orients`; its scale always."""

    metres_from_model: Similarity
    orients: bool
    residual_metres: float
    """Root mean square over the photos that fit; the more exact ones count more."""
    photos: int
    """How many fit."""
    level_from_cameras: bool = False
    """Too few altitudes are known, or they lie along one line: up was told from how the cameras were held, and GPS only
    tells north and the scale."""


@dataclass(frozen=True)
class Fit:
    """A similarity from model positions to known ones."""

    similarity: Similarity
    residuals: Vector
    """[N] in metres, by the components that are known and that fit."""
    kept: NDArray[np.int64]
    """Indices of the positions that fit, at least horizontally."""
    target: Vector
    """[N, 3], the known positions; up is NaN also where it does not fit."""
    scales: Vector
    """[N, 2], see `importance`."""


def align_to_gps(
    positions: Vector,
    local: Sequence[Local],
    up: Vector | None = None,
    deviations: Vector | None = None,
    *,
    up_is_measured: bool = False,
) -> GeoAlignment | None:
    """Fit camera `positions` [N, 3] of a model to their GPS positions in metres; None when those are too few, too
    close to each other, or do not agree with the model. `up` is a unit vector in the model, from how the cameras were
    held: it counts where GPS can't tell the vertical and, where `up_is_measured`, where GPS tells another one.
    `deviations` [N, 3] are those of the GPS positions, in metres."""
    known = [index for index, position in enumerate(local) if position is not None]
    if len(known) < MIN_PHOTOS:
        return None
    source = positions[known]
    target = np.array([position for position in local if position is not None])
    scales = importance(deviations[known]) if deviations is not None else np.ones((len(known), 2))
    target[:, 2] = _exact_altitudes(target[:, 2], scales)
    altitudes = int(np.isfinite(target[:, 2]).sum())
    if altitudes >= max(MIN_PHOTOS, MIN_ALTITUDES * len(known)):
        found = _judged(fit_without_outliers(source, target, scales), target, len(known))
        agrees = found is not None and (up is None or not up_is_measured or _tilt(found, up) < MAX_TILT_DEGREES)
        if found is not None and (up is None or (found.orients and agrees)):
            return found
        if found is None:
            return None
    level = target.copy()
    level[:, 2] = np.nan
    candidates = [up] if up is not None else _normals(source)
    fits = [_fit_level(source, level, candidate, scales) for candidate in candidates]
    if not fits:
        return None
    best = min(fits, key=lambda fit: weighted_median(fit.residuals, fit.scales[:, 0]))
    return _judged(best, level, len(known), level_from_cameras=up is not None)


def fit_without_outliers(source: Vector, target: Vector, scales: Vector | None = None) -> Fit:
    """The similarity that most positions agree with, by least squares over those that do; more exact ones count more
    (`scales` [N, 2], see `importance`). An altitude that is far off, or not known (NaN in `target` [N, 3]), says
    nothing; its place still does."""
    scales = np.ones((len(source), 2)) if scales is None else scales
    return _refined(source, target, _best_of_trials(source, target, scales), scales)


def fit_to_all(source: Vector, target: Vector, scales: Vector | None = None) -> Fit:
    """The same, but starting from all places, not from those that agree best: a model whose one half is right and whose
    other half has shrunk fits neither. Altitudes that are far off say nothing here either."""
    agreeing = fit_without_outliers(source, target, scales)
    start = _fit_known(source, agreeing.target, agreeing.similarity, agreeing.scales[:, 0])
    return _refined(source, agreeing.target, start, agreeing.scales)


def _exact_altitudes(altitudes: Vector, scales: Vector) -> Vector:
    """Without those that are far less exact than their places and than others (NaN), where enough are left: they would
    count like their places."""
    coarse = (scales[:, 1] < COARSE * scales[:, 0]) & (scales[:, 1] < COARSE * scales[:, 1].max())
    left = np.where(coarse, np.nan, altitudes)
    enough = np.isfinite(left).sum() >= max(MIN_PHOTOS, MIN_ALTITUDES * len(altitudes))
    return left if enough else altitudes


def _tilt(found: GeoAlignment, up: Vector) -> float:
    """Degrees between the vertical that GPS tells and `up`."""
    return float(np.degrees(np.arccos(np.clip((found.metres_from_model.rotation @ up)[2], -1, 1))))


def _refined(source: Vector, target: Vector, similarity: Similarity, scales: Vector) -> Fit:
    cleaned = target
    kept = np.arange(len(source))
    for _ in range(_ROUNDS):
        offsets = similarity.points(source) - target
        horizontal, vertical = _scaled(offsets, scales)
        within = horizontal <= _limit(horizontal, scales[:, 0])
        cleaned = target.copy()
        cleaned[:, 2] = np.where(vertical <= _limit(vertical, scales[:, 1]), target[:, 2], np.nan)
        if within.sum() < MIN_PHOTOS:
            break
        refined = _fit_known(source[within], cleaned[within], similarity, scales[within, 0])
        moved = float(np.abs(refined.points(source) - similarity.points(source)).max())
        similarity, same = refined, np.array_equal(kept, np.flatnonzero(within))
        kept = np.flatnonzero(within)
        if same and moved < 1e-6:
            break
    return Fit(similarity, distances(similarity.points(source) - cleaned), kept, cleaned, scales)


def _judged(fit: Fit, target: Vector, known: int, *, level_from_cameras: bool = False) -> GeoAlignment | None:
    """None for a fit that few positions agree with, or that these don't determine."""
    kept = fit.kept
    if len(kept) < max(MIN_PHOTOS, MIN_FITTING * known):
        return None
    weight = fit.scales[kept, 0] ** 2
    share = weight[:, None] / weight.sum()
    residual = float(np.sqrt(share[:, 0] @ fit.residuals[kept] ** 2))
    placed = np.where(np.isfinite(target[kept]), target[kept], 0.0)
    spread = np.linalg.svd(np.sqrt(share) * (placed - (share * placed).sum(axis=0)), compute_uv=False)
    # Standard errors of a fit to n points: noise / (spread * sqrt(n)), along the longest axis for the scale, and about
    # that axis, with the second longest as lever, for the tilt. Of points that count less there are fewer.
    noise = max(residual, 0.01) * float(np.sqrt((share**2).sum()))
    if spread[0] < MIN_SPREAD_METRES or noise / spread[0] > MAX_SCALE_ERROR:
        return None
    tilt = np.degrees(np.arctan(noise / max(float(spread[1]), 1e-9)))
    orients = level_from_cameras or bool(spread[1] > MIN_SPREAD_METRES / 2 and tilt < MAX_TILT_DEGREES)
    return GeoAlignment(fit.similarity, orients, residual, len(kept), level_from_cameras)


def _scaled(offsets: Vector, scales: Vector) -> tuple[Vector, Vector]:
    """Lengths of offsets [N, 3] along the ground, and in height, as if all positions were as exact as the best."""
    return np.hypot(offsets[:, 0], offsets[:, 1]) * scales[:, 0], np.abs(offsets[:, 2]) * scales[:, 1]


def _limit(errors: Vector, weights: Vector) -> float:
    """Above it an error is an outlier; errors that are not known are left out."""
    middle = weighted_median(errors, weights)
    return 3.5 * max(middle, 0.05) if np.isfinite(middle) else 0.0


def _fit_known(source: Vector, target: Vector, start: Similarity, scales: Vector) -> Similarity:
    """Least squares over the known components: what is not known is where the last estimate puts it, again and again
    (expectation maximisation)."""
    similarity = start
    missing = ~np.isfinite(target)
    for _ in range(200 if missing.any() else 1):
        filled = np.where(missing, similarity.points(source), target)
        refined = fit_similarity(source, filled, scales**2)
        change = float(np.abs(refined.points(source) - similarity.points(source)).max())
        similarity = refined
        if change < 1e-4:
            break
    return similarity


def _best_of_trials(source: Vector, target: Vector, scales: Vector) -> Similarity:
    """Of fits to three random positions with altitude the one with the least median error (Rousseeuw, 1984), so that up
    to half of them may be wrong. The trials are the same each time; more exact positions are tried more often."""
    whole = np.flatnonzero(np.isfinite(target).all(axis=1))
    random = np.random.default_rng(0)
    chance = scales[whole, 0] / scales[whole, 0].sum() if np.ptp(scales[whole, 0]) else None
    best, least = fit_similarity(source[whole], target[whole], scales[whole, 0] ** 2), np.inf
    for trial in range(_TRIALS + 1):
        similarity = best if trial == 0 else _of_three(source, target, random.choice(whole, 3, replace=False, p=chance))
        if similarity is None:
            continue
        horizontal, vertical = _scaled(similarity.points(source) - target, scales)
        error = weighted_median(horizontal, scales[:, 0]) + weighted_median(vertical[whole], scales[whole, 1])
        if error < least:
            best, least = similarity, error
    return best


def _of_three(source: Vector, target: Vector, three: NDArray[np.int64]) -> Similarity | None:
    """None for three positions on one line, about which the rest could turn."""
    sides = source[three[1:]] - source[three[0]]
    area = np.linalg.norm(np.cross(sides[0], sides[1]))
    if area < 1e-3 * max(float((sides**2).sum()), 1e-12):
        return None
    return fit_similarity(source[three], target[three])


def _fit_level(source: Vector, target: Vector, up: Vector, scales: Vector) -> Fit:
    """The fit that turns `up` to the vertical; only places count."""
    aside = np.cross(up, [1.0, 0, 0] if abs(up[0]) < 0.9 else [0, 1.0, 0])
    aside /= np.linalg.norm(aside)
    level = np.stack([aside, np.cross(up, aside), up])
    flat = (source @ level.T)[:, :2]
    kept = np.arange(len(source))
    for _ in range(_ROUNDS):
        turn, origin = _plane_fit(flat[kept], target[kept, :2], scales[kept, 0])
        errors = np.linalg.norm(flat @ turn.T + origin - target[:, :2], axis=1)
        scaled = errors * scales[:, 0]
        within = np.flatnonzero(scaled <= _limit(scaled, scales[:, 0]))
        if len(within) < MIN_PHOTOS or np.array_equal(within, kept):
            break
        kept = within
    scale = float(np.sqrt(max(np.linalg.det(turn), 1e-18)))
    about = np.eye(3)
    about[:2, :2] = turn / scale
    rotation = about @ level
    height = -scale * float(np.median(source @ up))
    return Fit(Similarity(scale, rotation, np.array([*origin, height])), errors, kept, target, scales)


def _normals(source: Vector) -> list[Vector]:
    """Both directions across the plane that the positions are in, as those of a flight are; none where they are in
    none. North tells them apart: seen from below, a map is mirrored."""
    _, extents, axes = np.linalg.svd(source - source.mean(axis=0), full_matrices=False)
    return [axes[2], -axes[2]] if extents[2] < FLATNESS * extents[1] else []


def _plane_fit(source: Vector, target: Vector, scales: Vector) -> tuple[Vector, Vector]:
    """Scaled rotation [2, 2] and translation [2] of the least-squares similarity in the plane, as one of complex
    numbers."""
    share = scales[:, None] ** 2 / (scales**2).sum()
    middle, goal = (share * source).sum(axis=0), (share * target).sum(axis=0)
    a, b = np.sqrt(share[:, 0]) * ((source - middle) @ [1, 1j]), np.sqrt(share[:, 0]) * ((target - goal) @ [1, 1j])
    factor = np.vdot(a, b) / max(float(np.vdot(a, a).real), 1e-18)
    turn = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return turn, goal - turn @ middle
