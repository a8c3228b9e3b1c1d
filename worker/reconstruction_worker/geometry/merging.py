"""The same scene in fewer Gaussians: what nobody sees is left out, and neighbours that are alike become one.

Of two Gaussians the one has the mean and covariance of both (moments weighted by what each adds to the photos' views)
and as much opacity over its extent as they have together; which pairs go first is decided by how much is seen of the
lesser one, how far apart they are for their sizes, and how different their colours.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from .contribution import covariance
from .gaussian_sets import chosen
from .gaussians import Gaussians
from .harmonics import CONSTANT

UNSEEN: Final = 1e-3
"""Share of all contributions that those may have together that are left out and not merged."""
NEIGHBOURS: Final = 4
ALIKE: Final = 0.1
"""Added to distance and difference of colours, so that of equal neighbours those go first that are seen least."""
COLOUR_WEIGHT: Final = 2.0
"""Of a difference of colours from 0 to 1, beside a distance in sizes."""
AT_ONCE: Final = 6
"""At most every so many are merged before neighbours are looked for again."""
MOST_OPAQUE: Final = 0.99


def reduced(gaussians: Gaussians, contribution: NDArray[np.floating], count: int) -> Gaussians:
    """At most `count` of them. `contribution` [N] is what each adds to the views."""
    rising = np.argsort(contribution, kind="stable")
    sums = np.cumsum(contribution[rising], dtype=np.float64)
    unseen = min(int((sums <= UNSEEN * sums[-1]).sum()), max(len(gaussians) - count, 0))
    kept = np.sort(rising[unseen:])
    result, weights = chosen(gaussians, kept), contribution[kept].astype(np.float64) + 1e-9
    while len(result) > count:
        covariances = covariance(result).astype(np.float64)
        first, second = _pairs(result, covariances, weights, len(result) - count)
        result, weights = _merged(result, covariances, weights, first, second)
    return result


def _pairs(
    gaussians: Gaussians, covariances: NDArray[np.float64], weights: NDArray[np.float64], wanted: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Neighbours each of which is the other's best match, the best first: at least one pair, no Gaussian twice."""
    near = np.asarray(KDTree(gaussians.means).query(gaussians.means, k=NEIGHBOURS + 1)[1])
    one, other = np.repeat(np.arange(len(near)), NEIGHBOURS + 1), near.ravel()
    one, other = np.concatenate([one, other]), np.concatenate([other, one])
    one, other = one[one != other], other[one != other]
    sizes = np.sqrt(np.trace(covariances, axis1=1, axis2=2))
    apart = np.linalg.norm(gaussians.means[one] - gaussians.means[other], axis=1) / (sizes[one] + sizes[other] + 1e-12)
    colours = np.abs(gaussians.harmonics[one, 0] - gaussians.harmonics[other, 0]).sum(axis=1) * CONSTANT
    cost = np.minimum(weights[one], weights[other]) * (apart + COLOUR_WEIGHT * colours + ALIKE)
    order = np.lexsort((np.minimum(one, other), cost))
    one, other = one[order], other[order]
    best = np.empty(len(near), np.int64)
    asking, position = np.unique(one, return_index=True)
    best[asking] = other[position]
    own_cost = np.full(len(near), np.inf)
    own_cost[asking] = cost[order][position]
    dear = np.partition(own_cost, min(wanted, len(near)) - 1)[min(wanted, len(near)) - 1]  # others can go before it
    mutual = (best[best[one]] == one) & (best[one] == other) & (one < other) & (cost[order] <= dear)
    kept = np.flatnonzero(mutual)
    kept = np.sort(kept[np.unique(one[kept], return_index=True)[1]])[: min(wanted, max(1, len(near) // AT_ONCE))]
    return one[kept], other[kept]


def _merged(
    gaussians: Gaussians,
    covariances: NDArray[np.float64],
    weights: NDArray[np.float64],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
) -> tuple[Gaussians, NDArray[np.float64]]:
    """All that are in no pair, and one for each pair; with their weights."""
    share = (weights[first] / (weights[first] + weights[second]))[:, None]
    mean = share * gaussians.means[first] + (1 - share) * gaussians.means[second]
    spread = np.zeros((len(first), 3, 3))
    for index, part in ((first, share), (second, 1 - share)):
        away = gaussians.means[index] - mean
        spread += part[..., None] * (covariances[index] + away[:, :, None] * away[:, None, :])
    variances, axes = np.linalg.eigh(spread)
    axes[np.linalg.det(axes) < 0, :, 0] *= -1
    scales = np.sqrt(np.maximum(variances, 1e-14))
    cover = _cover(gaussians.opacities, gaussians.scales)
    opacity = (cover[first] + cover[second]) / _cover(np.ones(len(first)), scales)
    parts = share[..., None]
    rest = np.ones(len(gaussians), bool)
    rest[first] = rest[second] = False

    def joined(values: NDArray[np.float32], new: NDArray[np.floating]) -> NDArray[np.float32]:
        return np.concatenate([values[rest], new.astype(np.float32)])

    result = replace(
        gaussians,
        means=joined(gaussians.means, mean),
        scales=joined(gaussians.scales, scales),
        rotations=joined(gaussians.rotations, np.roll(Rotation.from_matrix(axes).as_quat(), 1, axis=1)),
        opacities=joined(gaussians.opacities, np.minimum(opacity, MOST_OPAQUE)),
        harmonics=joined(
            gaussians.harmonics, parts * gaussians.harmonics[first] + (1 - parts) * gaussians.harmonics[second]
        ),
    )
    return result, np.concatenate([weights[rest], weights[first] + weights[second]])


def _cover(opacities: NDArray[np.floating], scales: NDArray[np.floating]) -> NDArray[np.float64]:
    """Opacity times the area that a Gaussian shows from its flat side."""
    return opacities * np.sort(scales, axis=1)[:, 1:].prod(axis=1, dtype=np.float64)
