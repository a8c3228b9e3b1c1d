"""The object that cameras go round, and the table or floor that it stands on.

Photos of a turntable or of a figure on a table show the room as well. Where the cameras look inwards from a ring, what
they mean is in the middle of it; what carries it is the largest level plane below them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .cameras import project
from .convergence import convergence
from .mesh import Mesh, component_labels, face_cross
from .rendering import Camera

INWARD_DEGREES: Final = 30.0
"""Between a camera's axis and the direction to the middle of the ring."""
INWARD_SHARE: Final = 0.8
"""Cameras that must look inwards."""
LEVEL_DEGREES: Final = 30.0
"""Between a supporting plane's normal and the world's up."""
TRIALS: Final = 300
"""Triangles by which a plane is sought."""
ALIGNED: Final = 0.9
"""Cosine between a triangle's normal and the plane's, for the triangle to belong to it."""
PLANE_SHARE: Final = 0.08
"""Of the surface within the cameras' reach, that a supporting plane must have."""
REACH: Final = 1.3
"""Of the ring's radius: what is farther from its middle is not looked at."""
CLEARANCE_VOXELS: Final = 2.0
"""Above a supporting plane, within which the surface is the plane's."""
CENTRAL: Final = 0.35
"""Of the ring's radius: how far from its middle what is meant may be."""
BESIDE: Final = 0.1
"""Pieces that are so near the main one belong to it, as a share of its extent."""
WIDEST_GAP_DEGREES: Final = 100.0
"""Between neighbouring cameras of a ring, seen from its middle."""
LARGEST: Final = 0.6
"""Radius of a compact object as a share of the ring's."""
WHOLE_SHARE: Final = 0.6
"""Cameras in whose photos a compact object is whole."""


@dataclass(frozen=True)
class Plane:
    """What an object stands on. What is above has a positive height."""

    normal: NDArray[np.float64]  # [3] unit, upwards
    offset: float

    def height(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of points [..., 3] above the plane."""
        return points @ self.normal - self.offset


@dataclass(frozen=True)
class Subject:
    """What the cameras mean."""

    box: NDArray[np.float64]  # [2, 3] around it, from the plane on
    plane: Plane | None
    faces: NDArray[np.bool_]  # [F] of the surface that it was found in
    doubt: str
    """Why it may not be what is wanted; empty where all speaks for it."""


@dataclass(frozen=True)
class Ring:
    """Cameras that look at one place."""

    middle: NDArray[np.float64]  # [3]
    radius: float


def find_subject(mesh: Mesh, cameras: list[Camera], voxel: float) -> Subject | str:
    """What cameras go round, in a coarse surface of all that they show; `voxel` is how fine it is. A sentence that says
    why there is none where there is none."""
    ring = ring_of(cameras)
    if isinstance(ring, str):
        return ring
    middles = mesh.vertices[mesh.faces].mean(axis=1)
    near = np.linalg.norm(middles - ring.middle, axis=1) < REACH * ring.radius
    if not near.any():
        return "there is no surface where the cameras look"
    plane = _plane(mesh, near, ring, cameras, voxel)
    free = near.copy()
    if plane is not None:
        free &= plane.height(mesh.vertices[mesh.faces]).min(axis=1) > CLEARANCE_VOXELS * voxel
    found = _pieces(mesh, free, ring)
    if found is None:
        return "nothing stands where the cameras look"
    points = mesh.vertices[mesh.faces[found]].reshape(-1, 3)
    if plane is not None:
        low = points[points @ plane.normal <= np.quantile(points @ plane.normal, 0.05)]
        points = np.concatenate([points, low - plane.height(low)[:, None] * plane.normal])
    box = np.stack([points.min(axis=0), points.max(axis=0)])
    return Subject(box, plane, found, _doubt(box, plane, ring, cameras))


def ring_of(cameras: list[Camera]) -> Ring | str:
    """What cameras look at, where most look at one place; else a sentence that says how many do."""
    centres = np.array([camera.camera_to_world[:3, 3] for camera in cameras])
    forward = -np.array([camera.camera_to_world[:3, 2] for camera in cameras])
    middle = convergence(centres, forward)
    away = middle - centres
    radius = float(np.median(np.linalg.norm(away, axis=1)))
    cosine = (away * forward).sum(axis=1) / np.maximum(np.linalg.norm(away, axis=1), 1e-12)
    inwards = float((cosine > np.cos(np.radians(INWARD_DEGREES))).mean())
    if inwards < INWARD_SHARE or radius <= 0:
        return f"{inwards:.0%} of the cameras look at one place"
    return Ring(middle, radius)


def _plane(mesh: Mesh, near: NDArray[np.bool_], ring: Ring, cameras: list[Camera], voxel: float) -> Plane | None:
    """The level plane with the most surface that all cameras, and the middle of the ring, are above."""
    cross = face_cross(mesh)[near]
    areas = np.linalg.norm(cross, axis=1)
    normals = cross / np.maximum(areas, 1e-20)[:, None]
    middles = mesh.vertices[mesh.faces[near]].mean(axis=1)
    centres = np.array([camera.camera_to_world[:3, 3] for camera in cameras])
    level = np.flatnonzero(normals[:, 2] > np.cos(np.radians(LEVEL_DEGREES)))
    if len(level) == 0:
        return None
    chosen = np.random.default_rng(0).choice(level, TRIALS, p=areas[level] / areas[level].sum())
    best, most = None, 0.0
    for trial in chosen:
        candidate = Plane(normals[trial], float(middles[trial] @ normals[trial]))
        for _ in range(2):  # through what belongs to it, then once more
            part = (np.abs(candidate.height(middles)) < 2 * voxel) & (normals @ candidate.normal > ALIGNED)
            if areas[part].sum() <= most:
                break
            candidate = _fitted(middles[part], areas[part])
        else:
            below = (candidate.height(centres) > 0).mean() > 0.95
            if below and candidate.height(ring.middle) > -CENTRAL * ring.radius:
                best, most = candidate, float(areas[part].sum())
    return best if most >= PLANE_SHARE * areas.sum() else None


def _fitted(points: NDArray[np.float64], areas: NDArray[np.float64]) -> Plane:
    """Through points [N, 3], each with a weight [N]."""
    middle = np.average(points, axis=0, weights=areas)
    away = points - middle
    normal = np.linalg.eigh((away * areas[:, None]).T @ away)[1][:, 0]
    normal = normal if normal[2] >= 0 else -normal
    return Plane(normal, float(middle @ normal))


def _pieces(mesh: Mesh, free: NDArray[np.bool_], ring: Ring) -> NDArray[np.bool_] | None:
    """The piece in the middle of the ring, with those that are beside it; None where there is none. [F]"""
    if not free.any():
        return None
    part = Mesh(mesh.vertices, mesh.faces[free])
    count, labels = component_labels(part)
    areas = np.linalg.norm(face_cross(part), axis=1)
    corners = part.vertices[part.faces]
    away = np.linalg.norm(corners.mean(axis=1) - ring.middle, axis=1) / (CENTRAL * ring.radius)
    meant = np.bincount(labels, weights=areas * np.exp(-(away**2)), minlength=count)
    low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
    np.minimum.at(low, labels, corners.min(axis=1))
    np.maximum.at(high, labels, corners.max(axis=1))
    main = int(meant.argmax())
    margin = BESIDE * float((high[main] - low[main]).max())
    inside = ((low >= low[main] - margin) & (high <= high[main] + margin)).all(axis=1)
    found = np.zeros(len(free), np.bool_)
    found[free] = inside[labels]
    return found


def _doubt(box: NDArray[np.float64], plane: Plane | None, ring: Ring, cameras: list[Camera]) -> str:
    if plane is None:
        return "there is no table or floor below the object"
    gap, _ = widest_gap(np.array([camera.camera_to_world[:3, 3] for camera in cameras]), ring.middle, plane.normal)
    if gap > WIDEST_GAP_DEGREES:
        return f"the cameras leave out {gap:.0f} degrees of the way round"
    radius = float(np.linalg.norm(np.ptp(box, axis=0))) / 2
    if radius > LARGEST * ring.radius:
        return "what is in the middle is not small beside the cameras' distance"
    corners = np.array([[box[i, 0], box[j, 1], box[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    whole = float(np.mean([_shows(camera, corners) for camera in cameras]))
    if whole < WHOLE_SHARE:
        return f"only {whole:.0%} of the photos show all of what is in the middle"
    return ""


def widest_gap(
    centres: NDArray[np.float64], middle: NDArray[np.float64], axis: NDArray[np.float64]
) -> tuple[float, float]:
    """Largest angle between neighbouring cameras about an axis, and the direction of its middle, counter-clockwise from
    what of x is across the axis; in degrees."""
    along = np.array([1.0, 0, 0] if abs(axis[0]) < 0.9 else [0, 1.0, 0])
    side = along - axis * float(along @ axis)
    side /= np.linalg.norm(side)
    away = centres - middle
    angles = np.sort(np.degrees(np.arctan2(away @ np.cross(axis, side), away @ side)))
    gaps = np.diff(np.append(angles, angles[0] + 360))
    widest = int(gaps.argmax())
    return float(gaps[widest]), float(angles[widest] + gaps[widest] / 2)


def _shows(camera: Camera, corners: NDArray[np.float64]) -> bool:
    pixels, depth = project(camera, corners)
    return bool((depth > 0).all() and (pixels >= 0).all() and (pixels <= (camera.width, camera.height)).all())
