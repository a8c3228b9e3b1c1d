"""The rasteriser for CPUs: its results are the same bits for any number of threads."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from .backward import SUMS, slopes_of_pairs
from .chain_rule import slopes_of_gaussians
from .conventions import TILE_PIXELS
from .forward import draw, draw_depths
from .parameters import MEANS, NAMES, OPACITIES, ROTATIONS, SCALES, Parameters
from .picture_kernels import BORDER, WINDOW, compose, into_tiles, similarity, slopes_of_picture
from .projection import COLUMNS, DEPTH, project
from .rasteriser import SSIM_SHARE, Comparison, Shown, Slopes, Target
from .shot import Shot
from .tiles import pair_up, sort_by_tile

Array = NDArray[np.float32]

FIRST_ROOM = 10_000
"""Pairs of Gaussians and tiles that there is room for at first."""
GROWTH = 1.5

SSIM_WINDOW = np.ascontiguousarray(cv2.getGaussianKernel(WINDOW, 1.5, cv2.CV_32F)[:, 0])


@dataclass(frozen=True)
class _Flat:
    """Gaussians before a camera, from front to back, with the tiles that they touch; see `tiles`."""

    ids: NDArray[np.int64]
    flat: Array
    firsts: NDArray[np.int64]
    starts: NDArray[np.int64]
    order: NDArray[np.int32]
    places: NDArray[np.int32]


@dataclass(frozen=True)
class _Drawn:
    """Tiles; see `forward.draw`."""

    colours: Array
    rests: Array
    lasts: NDArray[np.int64]


class _Room:
    """Arrays for the comparison of pictures of one size."""

    def __init__(self, shot: Shot):
        height, width, tiles = shot.height, shot.width, shot.tiles
        bordered = (height + 2 * BORDER, width + 2 * BORDER)
        self.ours, self.theirs = (np.zeros((3, *bordered), np.float32) for _ in range(2))
        self.slopes = np.zeros((3, 3, *bordered), np.float32)
        self.by_ours = np.empty((3, height, width), np.float32)
        self.similarities, self.differences = np.empty(3 * height, np.float32), np.empty((3 * height, 2), np.float32)
        self.by_colours = np.empty((tiles, 3, TILE_PIXELS), np.float32)
        self.by_rests, self.errors = (np.empty((tiles, TILE_PIXELS), np.float32) for _ in range(2))
        self.by_gains = np.empty((tiles, 3), np.float32)


class NumbaRasteriser:
    """A `Rasteriser`. It keeps its large arrays from picture to picture."""

    def __init__(self, *, antialiased: bool):
        self.antialiased = antialiased
        self._rooms: dict[tuple[int, int], _Room] = {}
        self._make_room(FIRST_ROOM)

    def show(self, gaussians: Parameters, shot: Shot, degree: int) -> Shown:
        flat = self._flattened(gaussians, shot, degree)
        drawn = self._drawn(flat, shot)
        depths = np.empty((shot.tiles, TILE_PIXELS), np.float32)
        draw_depths(shot.tiles, flat.flat, flat.starts, flat.order, shot.across, depths)
        return Shown(
            shot.picture(drawn.colours),
            1 - shot.picture(drawn.rests[:, None])[..., 0],
            shot.picture(depths[:, None])[..., 0],
        )

    def compare(self, gaussians: Parameters, shot: Shot, target: Target, degree: int, slopes: Slopes) -> Comparison:
        flat = self._flattened(gaussians, shot, degree)
        drawn = self._drawn(flat, shot)
        key = (shot.height, shot.width)
        room = self._rooms.get(key) or self._rooms.setdefault(key, _Room(shot))
        loss, error = self._against(target, shot, drawn, room)
        sums = self._room_for_sums
        slopes_of_pairs(
            shot.tiles, flat.flat, flat.starts, flat.order, drawn.lasts, shot.across, shot.width, shot.height,
            drawn.colours, drawn.rests, room.by_colours, room.by_rests, room.errors, sums,
        )  # fmt: skip
        shape = (gaussians[name].numpy() for name in (MEANS, SCALES, ROTATIONS, OPACITIES))
        slopes_of_gaussians(
            len(flat.ids), flat.ids, flat.firsts, flat.places, sums, flat.flat, *shape, degree, self.antialiased,
            shot.to_camera, shot.shift, shot.eye, shot.lens, *(slopes.by[name].numpy() for name in NAMES),
            slopes.shown.numpy(),
        )  # fmt: skip
        return Comparison(loss, error, torch.from_numpy(flat.ids), room.by_gains.sum(axis=0, dtype=np.float64))

    def _flattened(self, gaussians: Parameters, shot: Shot, degree: int) -> _Flat:
        count = len(gaussians[MEANS])
        values, tiles = np.empty((count, COLUMNS), np.float32), np.empty((count, 4), np.int32)
        project(
            count, *(gaussians[name].numpy() for name in NAMES), degree, self.antialiased,
            shot.to_camera, shot.shift, shot.eye, shot.lens, values, tiles,
        )  # fmt: skip
        seen = np.flatnonzero(tiles[:, 1])
        ids = seen[np.argsort(values[seen, DEPTH], kind="stable")]
        flat, tiles = values[ids], tiles[ids]
        firsts = np.empty(len(ids) + 1, np.int64)
        found = np.empty(1, np.int64)
        while True:
            starts = np.zeros(shot.tiles + 1, np.int64)
            pair_up(flat, tiles, shot.across, self._splats, self._tiles, starts, firsts, found)
            if found[0] >= 0:
                break
            self._make_room(round(GROWTH * len(self._splats)))
        sort_by_tile(int(found[0]), self._splats, self._tiles, starts, self._order, self._places)
        return _Flat(ids, flat, firsts, starts, self._order, self._places)

    def _drawn(self, flat: _Flat, shot: Shot) -> _Drawn:
        tiles = shot.tiles
        drawn = _Drawn(
            np.empty((tiles, 3, TILE_PIXELS), np.float32),
            np.empty((tiles, TILE_PIXELS), np.float32),
            np.empty(tiles, np.int64),
        )
        draw(tiles, flat.flat, flat.starts, flat.order, drawn.lasts, shot.across, drawn.colours, drawn.rests)
        return drawn

    def _against(self, target: Target, shot: Shot, drawn: _Drawn, room: _Room) -> tuple[float, float]:
        """Loss and mean square error; the slopes by the tiles are left in the room."""
        height, width, across = shot.height, shot.width, shot.across
        values = 3 * height * width
        pictures = (room.ours, room.theirs)
        compose(
            shot.tiles, across, width, height, drawn.colours, drawn.rests, target.planes.numpy(), target.alpha.numpy(),
            target.background, target.gains, *pictures,
        )  # fmt: skip
        similarity(3 * height, height, width, *pictures, SSIM_WINDOW, room.slopes, room.similarities)
        shares = np.float32((1 - SSIM_SHARE) / values), np.float32(SSIM_SHARE / values)
        slopes_of_picture(
            3 * height, height, width, *pictures, SSIM_WINDOW, room.slopes, *shares, room.by_ours, room.differences
        )
        into_tiles(
            shot.tiles, across, width, height, *pictures, room.by_ours, target.background, target.gains, drawn.colours,
            room.by_colours, room.by_rests, room.errors, room.by_gains,
        )  # fmt: skip
        absolute, squared = room.differences.sum(axis=0, dtype=np.float64) / values
        ssim = room.similarities.sum(dtype=np.float64) / values
        return float((1 - SSIM_SHARE) * absolute + SSIM_SHARE * (1 - ssim)), float(squared)

    @property
    def _room_for_sums(self) -> Array:
        """Made when something is first compared: a field that is only shown does not need it."""
        if self._sums is None:
            self._sums = np.empty((len(self._splats), SUMS), np.float32)
        return self._sums

    def _make_room(self, pairs: int) -> None:
        self._splats, self._tiles, self._order, self._places = (np.empty(pairs, np.int32) for _ in range(4))
        self._sums: Array | None = None
