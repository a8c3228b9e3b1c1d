"""How well the cameras fit the GPS positions of the photos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..geometry.gps import GeoAlignment, align_to_gps
from ..geometry.gps_accuracy import deviations_of
from ..geometry.local_positions import Gps, local_positions
from .findings import Findings

UP = np.array([0.0, 0.0, 1.0])
"""Of the world that the poses are in."""


@dataclass(frozen=True)
class GpsFit:
    """`located` of the registered photos have a GPS position; without `alignment` these are too few, too near
    each other, or do not agree with the cameras."""

    located: int
    alignment: GeoAlignment | None


def gps_fit(findings: Findings) -> GpsFit:
    """Compare the cameras with the GPS positions of `dataset.json`."""
    photos = {Path(photo["name"]).stem: photo for photo in findings.photos()}
    shown = [photos.get(Path(name).stem, {}) for name in findings.registered()]
    known = [photo.get("gps") for photo in shown]
    deviations = deviations_of([photo.get("gpsDeviation") for photo in shown])
    gps_positions: list[Gps | None] = [
        (float(at[0]), float(at[1]), None if at[2] is None else float(at[2])) if at else None for at in known
    ]
    positions = [np.asarray(frame["transform_matrix"])[:3, 3] for frame in findings.transforms.get("frames", [])]
    located = sum(position is not None for position in gps_positions)
    if not located:
        return GpsFit(0, None)
    by_gimbal = findings.transforms.get("upFrom") == "gimbal"
    local = local_positions(gps_positions)
    return GpsFit(located, align_to_gps(np.array(positions), local, UP, deviations, up_is_measured=by_gimbal))
