"""The photos that are trained on, as bytes: 100 of 960 x 720 pixels take 0.2 GB."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...geometry.rendering import Camera
from ..gaussians.shot import Shot
from ..training.out_of_memory import DEVICE_SHARE, free_bytes

OPAQUE = 255


@dataclass(frozen=True)
class Photo:
    """At one size."""

    shot: Shot
    planes: Tensor  # [3, H, W] uint8, premultiplied
    alpha: Tensor  # [H, W] uint8


class Photos:
    """All of them, at their size and, where `smaller` is less than one, at so many times the pixels a side too."""

    def __init__(
        self, cameras: Sequence[Camera], pictures: Iterable[NDArray[np.uint8]], smaller: float, device: torch.device
    ):
        """`pictures` are [H, W, 3], or [H, W, 4] and not premultiplied; of the cameras' sizes."""
        self._device = device
        self._stay_on_device = device.type == "cuda" and _bytes(cameras, smaller) <= DEVICE_SHARE * free_bytes(device)
        self._opaque: dict[tuple[int, int], Tensor] = {}
        self._whole: list[Photo] = []
        self._small: list[Photo] = []
        for camera, picture in zip(cameras, pictures, strict=True):
            premultiplied = _premultiplied(picture)
            self._whole.append(self._photo(camera, premultiplied))
            if smaller < 1:
                less = camera.scaled(smaller)
                small = cv2.resize(premultiplied, (less.width, less.height), interpolation=cv2.INTER_AREA)
                self._small.append(self._photo(less, np.asarray(small, np.uint8)))

    def __len__(self) -> int:
        return len(self._whole)

    @property
    def have_small_ones(self) -> bool:
        return bool(self._small)

    def at(self, index: int, *, small: bool) -> Photo:
        """One of them; small where it is asked for and there are small ones."""
        return (self._small if small and self._small else self._whole)[index]

    def _photo(self, camera: Camera, picture: NDArray[np.uint8]) -> Photo:
        planes = self._within_reach(np.ascontiguousarray(picture[..., :3].transpose(2, 0, 1)))
        if picture.shape[2] == 4:
            return Photo(Shot.of(camera), planes, self._within_reach(np.ascontiguousarray(picture[..., 3])))
        size = picture.shape[:2]
        if size not in self._opaque:  # one for all photos of a size
            self._opaque[size] = self._within_reach(np.full(size, OPAQUE, np.uint8))
        return Photo(Shot.of(camera), planes, self._opaque[size])

    def _within_reach(self, bytes_: NDArray[np.uint8]) -> Tensor:
        """On the device where all fit, else where they get there from without waiting."""
        tensor = torch.from_numpy(bytes_)
        if self._device.type == "cpu":
            return tensor
        return tensor.to(self._device) if self._stay_on_device else tensor.pin_memory()


def _bytes(cameras: Sequence[Camera], smaller: float) -> int:
    """What all photos take, in both sizes; about what opaque ones share is counted for each."""
    pixels = sum(camera.width * camera.height for camera in cameras)
    return round(4 * pixels * (1 + smaller**2 if smaller < 1 else 1))


def _premultiplied(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if picture.shape[2] == 3 or (picture[..., 3] == OPAQUE).all():
        return picture[..., :3]
    alpha = picture[..., 3:].astype(np.uint16)
    colours = (picture[..., :3] * alpha + OPAQUE // 2) // OPAQUE
    return np.concatenate([colours, alpha], axis=-1).astype(np.uint8)
