"""How many metres a unit of the world has: what the stage `poses` found, unless the job knows a distance
(`spec.poses.knownDistance`), which is looked at by the stages that write results, so that nothing is trained again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.job import ReconstructionJobSpec

Document = dict[str, Any]


def metres_per_unit(found: float | None, spec: ReconstructionJobSpec) -> float | None:
    """Of the result; `found` is what the stage `poses` wrote. None where nobody knows."""
    known = spec.poses.known_distance
    return found if known is None else known.metres_per_unit


def in_known_scale(transforms: Document, spec: ReconstructionJobSpec) -> Document:
    """The document of `transforms.json` with the job's own scale."""
    if spec.poses.known_distance is None or not transforms:
        return transforms
    scale = metres_per_unit(None, spec)
    place = transforms.get("georeference")
    if place is not None:
        matrix = with_scale(np.asarray(place["metresFromWorld"], np.float64), scale)
        transforms = {**transforms, "georeference": {**place, "metresFromWorld": matrix.tolist()}}
    return {**transforms, "metresPerUnit": scale}


def with_scale(similarity: NDArray[np.float64], scale: float | None) -> NDArray[np.float64]:
    """A similarity [4, 4] with another scale, which leaves where it takes the origin; the same where that is None."""
    result = similarity.copy()
    if scale is not None:
        result[:3, :3] *= scale / np.cbrt(np.linalg.det(similarity[:3, :3]))
    return result
