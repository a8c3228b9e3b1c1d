"""The sparse points for people: those worth showing, and a picture of them with the cameras."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..geometry.cameras import project
from ..geometry.orbit import orbit_camera
from ..geometry.rendering import Camera
from ..geometry.scene import Scene

MAX_POINTS = 150_000
"""Of the page; of more every so many is taken."""
FAR = 1.5
"""Points are left out that lie farther from the middle of all than so many times the extent of most (96 of 100)."""
PANEL, GAP, LINE = 640, 12, 26
BACKGROUND, INK, CAMERA = (240, 241, 244), (40, 46, 56), (36, 87, 214)
SIDES = (("from the front", 25, 25), ("from above", 0, 89))
"""Name, turn from the front and elevation in degrees."""
PYRAMID = 0.05
"""Depth of a camera's pyramid, as a share of the picture's extent."""


def worth_showing(points: NDArray[Any]) -> NDArray[Any]:
    """Without stray ones far outside, and not more than a page can hold. `points` have `position` and `colour`."""
    if len(points) == 0:
        return points
    low, high = np.percentile(points["position"], (2, 98), axis=0)
    near = (np.abs(points["position"] - (low + high) / 2) <= FAR * np.maximum(high - low, 1e-6)).all(axis=1)
    kept = points[near]
    return kept[:: -(-len(kept) // MAX_POINTS)] if len(kept) else points[:0]


def picture_of(points: NDArray[Any], scene: Scene) -> Image.Image:
    """The points and all cameras, from the front and from above, side by side."""
    positions = points["position"].astype(np.float64)
    known = np.concatenate([positions, [view.camera.camera_to_world[:3, 3] for view in scene.views]])
    depth = PYRAMID * float(np.linalg.norm(known.max(axis=0) - known.min(axis=0)))
    edges = np.concatenate([_pyramid(view.camera, depth) for view in scene.views])
    framed = np.concatenate([positions, edges.reshape(-1, 3)])
    sheet = Image.new("RGB", (2 * PANEL + 3 * GAP, PANEL + 2 * GAP + LINE), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for column, (name, turn, elevation) in enumerate(SIDES):
        camera = orbit_camera(framed, turn, elevation, PANEL)
        panel = _points(camera, positions, points["colour"])
        lines = ImageDraw.Draw(panel)
        for edge in edges:
            start, end = project(camera, edge)[0].tolist()
            lines.line([tuple(start), tuple(end)], CAMERA, 1)
        left = GAP + column * (PANEL + GAP)
        sheet.paste(panel, (left, GAP))
        draw.text((left + PANEL / 2, GAP + PANEL + LINE / 2), name, INK, ImageFont.load_default(size=15), anchor="mm")
    return sheet


def _points(camera: Camera, positions: NDArray[np.float64], colours: NDArray[np.uint8]) -> Image.Image:
    """Each point as a square of two by two pixels, near ones over far ones."""
    picture = np.full((camera.height, camera.width, 3), BACKGROUND, np.uint8)
    if len(positions):
        pixels, depth = project(camera, positions)
        order = np.argsort(-depth)
        column, row = np.floor(pixels[order]).astype(np.int64).T
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            x, y = column + dx, row + dy
            inside = (x >= 0) & (x < camera.width) & (y >= 0) & (y < camera.height)
            picture[y[inside], x[inside]] = colours[order][inside]
    return Image.fromarray(picture)


def _pyramid(camera: Camera, depth: float) -> NDArray[np.float64]:
    """The edges of what a camera sees up to a distance, by their ends. [8, 2, 3]"""
    pose = camera.camera_to_world
    x, y = depth * camera.width / 2 / camera.fx, depth * camera.height / 2 / camera.fy
    corners = [pose[:3, :3] @ (side_x * x, side_y * y, -depth) + pose[:3, 3] for side_x, side_y in _AROUND]
    eye = pose[:3, 3]
    return np.array([(eye, corner) for corner in corners] + list(zip(corners, corners[1:] + corners[:1], strict=True)))


_AROUND = ((-1, 1), (1, 1), (1, -1), (-1, -1))
