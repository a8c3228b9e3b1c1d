"""How well the cameras fit the GPS positions of the photos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..geometry.gps import GeoAlignment, align_to_gps, local_positions
from .findings import Findings


@dataclass(frozen=True)
class GpsFit:
    """`located` of the registered photos have a GPS position; without `alignment` these are too few, too near
    each other, or do not agree with the cameras."""

    located: int
    alignment: GeoAlignment | None


def gps_fit(findings: Findings) -> GpsFit:
    """Compare the cameras with the GPS positions of `dataset.json`."""
    gps = {Path(photo["name"]).stem: photo.get("gps") for photo in findings.photos()}
    known = [gps.get(Path(name).stem) for name in findings.registered()]
    gps_positions = [
        (float(position[0]), float(position[1]), float(position[2])) if position else None for position in known
    ]
    positions = [np.asarray(frame["transform_matrix"])[:3, 3] for frame in findings.transforms.get("frames", [])]
    located = sum(position is not None for position in gps_positions)
    return GpsFit(located, align_to_gps(np.array(positions), local_positions(gps_positions)) if located else None)
