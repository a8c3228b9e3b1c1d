"""A hall with boxes in it, photographed all around by cameras whose poses are known: as everything is flat, hundreds of
large photos are made in a minute or two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from demo_photos.cameras import look_at

Array = NDArray[np.float64]

HALL: Final = np.array([[-6.0, 0.0, -4.0], [6.0, 4.0, 4.0]])
"""Lower and upper corner in metres, y up; the same of what stands in it."""
BOXES: Final = (
    np.array([[-2.4, 0.0, -1.0], [-1.0, 1.3, 0.3]]),
    np.array([[0.9, 0.0, 0.1], [2.1, 0.8, 1.3]]),
    np.array([[-0.4, 0.0, -1.9], [0.4, 2.0, -1.1]]),
)
FOCAL: Final = 0.85
"""Relative to the width of the photos, which are 4 by 3."""
NEAR: Final = 0.05
"""Metres in front of the camera where the picture begins."""


@dataclass(frozen=True)
class Side:
    """A rectangle from `corner` [3] along `u` and `v` [3], which are not of unit length, and what is on it."""

    corner: Array
    u: Array
    v: Array
    texture: NDArray[np.uint8]

    @property
    def middle(self) -> Array:
        return self.corner + (self.u + self.v) / 2


@dataclass(frozen=True)
class Hall:
    """`photograph` shows it as a pinhole camera sees it."""

    pixels_per_metre: int = 320
    seed: int = 3

    def photograph(self, pose: Array, width: int) -> NDArray[np.uint8]:
        """[3/4 width, width, 3] from a camera-to-world matrix [4, 4] with OpenGL axes. What is farther away is painted
        over."""
        picture = np.zeros((3 * width // 4, width, 3), np.uint8)
        intrinsics = np.array([[FOCAL * width, 0, width / 2], [0, FOCAL * width, picture.shape[0] / 2], [0, 0, 1]])
        camera_from_world = np.linalg.inv(pose @ np.diag([1.0, -1, -1, 1]))[:3].astype(np.float64)
        walls, boxes = self._sides
        for sides in (walls, *sorted(boxes, key=lambda box: -_distance(box, pose[:3, 3]))):
            for side in sorted(sides, key=lambda side: -_distance([side], pose[:3, 3])):
                _paint(picture, side, intrinsics, camera_from_world)
        return picture

    @cached_property
    def _sides(self) -> tuple[list[Side], list[list[Side]]]:
        generator = np.random.default_rng(self.seed)
        walls, *boxes = (list(_sides(box, self.pixels_per_metre, generator)) for box in (HALL, *BOXES))
        return walls, boxes


def _distance(sides: list[Side], eye: Array) -> float:
    return float(np.linalg.norm(np.mean([side.middle for side in sides], axis=0) - eye))


def _sides(box: Array, per_metre: int, generator: np.random.Generator) -> Iterator[Side]:
    size = box[1] - box[0]
    for axis in range(3):
        first, second = (np.eye(3)[other] * size[other] for other in range(3) if other != axis)
        height, width = (int(np.ceil(np.linalg.norm(edge) * per_metre)) for edge in (second, first))
        for end in range(2):
            corner = box[0] + end * np.eye(3)[axis] * size[axis]
            yield Side(corner, first, second, _texture(generator, height, width, per_metre))


def _texture(generator: np.random.Generator, height: int, width: int, largest: int) -> NDArray[np.uint8]:
    """[height, width, 3] with detail of every size up to `largest` pixels, the smaller the fainter, as in photos (Field
    1987)."""
    colours = np.zeros((height, width, 3), np.float32)
    pixels = largest
    while pixels >= 2:
        cells = (height // pixels + 2, width // pixels + 2, 3)
        noise = generator.normal(size=cells).astype(np.float32)
        colours += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) * np.float32(pixels**0.5)
        pixels //= 2
    base = generator.uniform(90, 165, 3)
    return np.clip(base + 45 * colours / colours.std(), 0, 255).astype(np.uint8)


def _paint(picture: NDArray[np.uint8], side: Side, intrinsics: Array, camera_from_world: Array) -> None:
    height, width = side.texture.shape[:2]
    rotation, shift = camera_from_world[:, :3], camera_from_world[:, 3]
    corners = np.array([side.corner, side.corner + side.u, side.corner + side.u + side.v, side.corner + side.v])
    outline = _in_front(corners @ rotation.T + shift)
    if len(outline) < 3:
        return
    projected = outline @ intrinsics.T
    # Pixel centres are whole numbers in OpenCV.
    edge = projected[:, :2] / projected[:, 2:] - 0.5
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, np.round(edge.clip(-1e5, 1e5) * 16).astype(np.int32), [255.0], shift=4)
    if not mask.any():
        return
    plane = np.stack([rotation @ side.u / width, rotation @ side.v / height, rotation @ side.corner + shift], axis=1)
    centres = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    back = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1.0]])
    seen = cv2.warpPerspective(
        side.texture, back @ intrinsics @ plane @ centres, mask.shape[::-1], borderMode=cv2.BORDER_REPLICATE
    )
    cv2.copyTo(seen, mask, picture)


def _in_front(polygon: Array) -> Array:
    """The part of a polygon [N, 3] beyond z = NEAR (Sutherland and Hodgman 1974)."""
    kept: list[Array] = []
    for first, second in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if first[2] >= NEAR:
            kept.append(first)
        if (first[2] >= NEAR) != (second[2] >= NEAR):
            kept.append(first + (second - first) * (NEAR - first[2]) / (second[2] - first[2]))
    return np.array(kept).reshape(-1, 3)


def around_hall(count: int) -> list[Array]:
    """Camera-to-world matrices [4, 4] (OpenGL axes) of somebody who walks around the boxes and looks at them, then once
    more and looks at the walls, holding the camera higher and lower in turns."""
    inwards = count // 2
    poses = []
    for number in range(count):
        looks_in = number < inwards
        share = number / inwards if looks_in else (number - inwards) / (count - inwards)
        x, z = np.cos(2 * np.pi * share), np.sin(2 * np.pi * share)
        height = 1.2 + 0.9 * (number % 2)
        if looks_in:
            poses.append(look_at(np.array([4.6 * x, height, 2.9 * z]), np.array([0.0, 0.8, 0.0])))
        else:
            poses.append(look_at(np.array([3.2 * x, height, 2.0 * z]), np.array([9 * x, 1.4, 6 * z])))
    return poses


def intrinsics(width: int) -> dict[str, float]:
    """Of photos so wide, as `transforms.json` has them."""
    height = 3 * width // 4
    return {"fl_x": FOCAL * width, "fl_y": FOCAL * width, "cx": width / 2, "cy": height / 2, "w": width, "h": height}
