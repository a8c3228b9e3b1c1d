"""Where the demo's camera stands: three arcs in front of the face, held by a slightly unsteady hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FIELD_OF_VIEW_DEGREES = 40.0
AZIMUTH_DEGREES = 65.0
ELEVATIONS_DEGREES = (-20.0, 6.0, 32.0)
SEED = 7


@dataclass(frozen=True)
class View:
    """A pinhole camera with square pixels and its centre in the middle of the image. `camera_to_world` is [4, 4], axes
    OpenGL (x right, y up, z backward), in the units of the scan."""

    camera_to_world: NDArray[np.float64]
    focal: float
    size: int


def look_at(eye: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Camera-to-world matrix [4, 4] of an upright camera in a world with y up."""
    backward = (eye - target) / np.linalg.norm(eye - target)
    right = np.cross([0.0, 1.0, 0.0], backward)
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3] = np.stack([right, np.cross(backward, right), backward, eye], axis=1)
    return matrix


def arc_views(count: int, size: int, centre: NDArray[np.float64], radius: float) -> list[View]:
    """`count` views of an object with its front towards +z, in serpentine rows from below to above. The pictures
    are filled by it, not by the sphere of `radius` around `centre` that holds it: a head is slimmer than that."""
    generator = np.random.default_rng(SEED)
    half_angle = np.radians(FIELD_OF_VIEW_DEGREES / 2)
    rows = np.array_split(np.arange(count), len(ELEVATIONS_DEGREES))
    views: list[View] = []
    for row, (members, elevation) in enumerate(zip(rows, ELEVATIONS_DEGREES, strict=True)):
        azimuths = np.linspace(-AZIMUTH_DEGREES, AZIMUTH_DEGREES, len(members)) * (-1) ** row
        for azimuth in azimuths:
            a, e = np.radians(generator.normal((azimuth, elevation), 1.5))
            distance = radius / np.sin(half_angle) * generator.uniform(0.87, 0.97)
            direction = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
            target = centre + generator.normal(0, 0.02 * radius, 3)
            pose = look_at(centre + distance * direction, target)
            views.append(View(pose, size / 2 / np.tan(half_angle), size))
    return views
