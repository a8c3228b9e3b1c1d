"""The training photos in memory, and random pixels of them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...geometry.rendering import Camera
from ..training.out_of_memory import DEVICE_SHARE, free_bytes
from ..training.scene_bounds import Bounds
from .keypoints import Keypoints
from .rays import CameraRig, Rays

BORDER_SHARE = 0.02
"""Width of the band of background around a masked object that is sampled like the object, in picture heights."""

BACKGROUND_SHARE = 0.05
"""Share of a batch that is taken from all pixels of masked photos, so that nothing grows in the empty background; not
needed where the visual hull keeps it empty."""

FEWEST_KEYPOINTS = 100
"""Known distances below which they are not used."""


class PhotoPixels:
    """All pixels of all training photos as one array of bytes.

    With masks most of a photo is background that says the same everywhere; pixels are then mostly drawn from the
    object and a band around it.
    """

    def __init__(
        self,
        cameras: Sequence[Camera],
        pictures: Sequence[NDArray[np.uint8]],
        bounds: Bounds,
        device: torch.device,
        seed: int,
        keypoints: Sequence[Keypoints] = (),
    ):
        """`pictures` are [H, W, 3] or [H, W, 4]; `keypoints` are sets of pixels of theirs."""
        channels = 4 if any(picture.shape[2] == 4 for picture in pictures) else 3
        sizes = [picture.shape[0] * picture.shape[1] for picture in pictures]
        self.starts = torch.tensor(np.cumsum([0, *sizes]))
        self.widths = torch.tensor([picture.shape[1] for picture in pictures])
        self.colours = torch.empty((sum(sizes), channels), dtype=torch.uint8)
        for start, picture in zip(self.starts.tolist(), pictures, strict=False):
            flat = torch.tensor(picture.reshape(-1, picture.shape[2]))
            target = self.colours[start : start + len(flat)]
            target[:, : flat.shape[1]] = flat
            target[:, flat.shape[1] :] = 255
        self.interesting = _interesting(pictures, self.starts) if channels == 4 else None
        self._add_keypoints(keypoints)
        self.rig = CameraRig(cameras, device)
        self.bounds = bounds.to(device)
        self.device = device
        self.random = torch.Generator().manual_seed(seed)
        """On the CPU, so that the same pixels are drawn on every device."""
        self._on_device = device.type == "cuda" and self.colours.nbytes <= DEVICE_SHARE * free_bytes(device)
        if self._on_device:
            self.colours, self.starts, self.widths = (
                tensor.to(device) for tensor in (self.colours, self.starts, self.widths)
            )

    def sample(self, count: int) -> tuple[Rays, Tensor]:
        """`count` random rays on the device and their pixels' colours [count, 3 or 4] in 0..1."""
        pixels, surface, reach = self._draw(count)
        if self._on_device:
            pixels = self._sent(pixels)
        views = torch.bucketize(pixels, self.starts, right=True) - 1
        within, widths = pixels - self.starts[views], self.widths[views]
        rows = within.div(widths, rounding_mode="floor")
        columns = within - rows * widths
        colours = self._sent(self.colours[pixels]) / 255
        views = self._sent(views)
        origins, directions = self.rig.rays(views, self._sent(columns), self._sent(rows))
        near, far = self.bounds.interval(origins, directions)
        # A ray that passes the box has nothing to see: an interval of no length.
        far = torch.maximum(far, near)
        rays = Rays(origins, directions, near, far, views[:, None], self.rig.log_exposures[views], surface, reach)
        return rays, colours

    def _add_keypoints(self, keypoints: Sequence[Keypoints]) -> None:
        self.keypoints: list[tuple[Tensor, Tensor, Keypoints]] = []
        """Of each set: indices of pixels [K], distances [K, 1], and the set."""
        for known in keypoints:
            if len(known) >= FEWEST_KEYPOINTS:
                views = torch.from_numpy(known.views)
                within = torch.from_numpy(known.rows) * self.widths[views] + torch.from_numpy(known.columns)
                self.keypoints.append((self.starts[views] + within, torch.from_numpy(known.distances)[:, None], known))

    def _draw(self, count: int) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Indices of pixels [count]; distances [count, 1] of what is there where they are known, and their reach."""
        if not self.keypoints:
            return self._draw_pixels(count), None, None
        shares = [int(count * known.share) for _, _, known in self.keypoints]
        rest = count - sum(shares)
        pixels, surface, reach = [self._draw_pixels(rest)], [torch.zeros(rest, 1)], [torch.zeros(rest, 1)]
        for (indices, distances, known), share in zip(self.keypoints, shares, strict=True):
            chosen = torch.randint(len(indices), (share,), generator=self.random)
            pixels.append(indices[chosen])
            surface.append(distances[chosen])
            reach.append(torch.full((share, 1), known.reach))
        return torch.cat(pixels), self._sent(torch.cat(surface)), self._sent(torch.cat(reach))

    def _sent(self, tensor: Tensor) -> Tensor:
        """A tensor on the device; the processor does not wait until it is there."""
        if tensor.device.type == self.device.type:
            return tensor
        return tensor.pin_memory().to(self.device, non_blocking=True)

    def _draw_pixels(self, count: int) -> Tensor:
        if self.interesting is None:
            return torch.randint(len(self.colours), (count,), generator=self.random)
        anywhere = 0 if self.bounds.hull else int(count * BACKGROUND_SHARE)
        chosen = torch.randint(len(self.interesting), (count - anywhere,), generator=self.random)
        others = torch.randint(len(self.colours), (anywhere,), generator=self.random)
        return torch.cat((self.interesting[chosen], others))


def _interesting(pictures: Sequence[NDArray[np.uint8]], starts: Tensor) -> Tensor:
    """Indices of the pixels of objects and their borders. Counted first: of large sets they take more memory than the
    pictures, which must not be needed twice."""
    found = torch.empty(sum(int(_object_and_border(picture).sum()) for picture in pictures), dtype=torch.int64)
    end = 0
    for start, picture in zip(starts.tolist(), pictures, strict=False):
        indices = start + np.flatnonzero(_object_and_border(picture))
        found[end : end + len(indices)] = torch.from_numpy(indices)
        end += len(indices)
    return found


def _object_and_border(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """[H, W]: the object's pixels and those near them; all when the picture has no mask or nothing in it."""
    if picture.shape[2] < 4 or not picture[:, :, 3].any():
        return np.ones(picture.shape[:2], np.bool_)
    reach = 2 * max(1, round(BORDER_SHARE * picture.shape[0])) + 1
    return cv2.dilate((picture[:, :, 3] > 0).astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
