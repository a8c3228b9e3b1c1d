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
    places = [(float(place[0]), float(place[1]), float(place[2])) if place else None for place in known]
    positions = [np.asarray(frame["transform_matrix"])[:3, 3] for frame in findings.transforms.get("frames", [])]
    located = sum(place is not None for place in places)
    return GpsFit(located, align_to_gps(np.array(positions), local_positions(places)) if located else None)
