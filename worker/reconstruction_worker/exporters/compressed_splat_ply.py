"""Gaussians as PLY in 16 bytes each, with a byte for each coefficient of the harmonics above the constant ones, in
PlayCanvas' layout that most splat viewers read. Written here, checked by gsply.

Gaussians are put in the order of a space-filling curve, and each 256 of them share the bounds within which their
numbers are whole steps: positions and logarithms of sizes in 11, 10 and 11 bits, colours in 8 bits, rotations in 3
times 10 bits.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.formats import ExportFormat

from ..geometry.gaussian_sets import chosen, z_order
from ..geometry.gaussians import Gaussians
from ..geometry.harmonics import CONSTANT
from .checking import Content, reading
from .exporter import Exporter
from .gaussian_values import Rounding, compare_gaussians, log_scales, opacities_of, ply_comments
from .smallest_three import LIMIT, kept
from .smallest_three import rounding as turn_rounding

FILE = ExportFormat.COMPRESSED_SPLAT_PLY.file
BLOCK: Final = 256
"""Gaussians that share their bounds."""
SMALLEST: Final = -20.0
"""Natural logarithm of a size; viewers take smaller ones for this."""
REACH: Final = 4.0
"""Coefficients above the constant ones are stored within this distance of 0."""
_WIDE: Final = np.array([2047, 1023, 2047], np.uint64)  # steps of three numbers in 32 bits
_BOUNDS: Final = ("_x", "_y", "_z"), ("_scale_x", "_scale_y", "_scale_z"), ("_r", "_g", "_b")


def write(gaussians: Gaussians, folder: Path) -> list[Path]:
    """Write `splats.compressed.ply`, z up."""
    stored = _storable(gaussians)
    bounds, vertices = [], np.empty((len(stored), 4), "<u4")
    for column, values in ((0, stored.means), (2, log_scales(stored)), (3, _colours(stored))):
        low, high = _bounds(values)
        bounds += [low, high]
        share = (values - _each(low, values)) / np.maximum(_each(high - low, values), 1e-12)
        if column == 3:
            packed = _packed(np.c_[share, stored.opacities] * 255, np.full(4, 255), (24, 16, 8, 0))
        else:
            packed = _packed(share * _WIDE, _WIDE, (21, 11, 0))
        vertices[:, column] = packed
    largest, others = kept(stored.rotations)
    steps = (others / (2 * LIMIT) + 0.5) * 1023
    vertices[:, 1] = _packed(np.c_[largest, steps], np.array([3, 1023, 1023, 1023]), (30, 20, 10, 0))
    rest = stored.harmonics[:, 1:].transpose(0, 2, 1).reshape(len(stored), -1)  # channel by channel
    coefficients = np.clip((rest / (2 * REACH) + 0.5) * 256, 0, 255).astype(np.uint8)
    path = folder / FILE
    path.write_bytes(
        _header(stored, len(bounds[0]), coefficients.shape[1])
        + np.concatenate(bounds, axis=1).astype("<f4").tobytes()
        + vertices.tobytes()
        + coefficients.tobytes()
    )
    return [path]


def check(gaussians: Gaussians, folder: Path) -> Content:
    """Open `splats.compressed.ply` again. Raises ExportFailed."""
    from gsply import plyread

    stored = _storable(gaussians)
    with reading(FILE):
        data = plyread(folder / FILE)
        harmonics = np.concatenate([data.sh0[:, None], data.shN.reshape(len(data.sh0), -1, 3)], axis=1)
        found = replace(
            stored,  # for what the reader does not tell
            means=data.means,
            scales=np.exp(data.scales),
            rotations=data.quats,
            opacities=opacities_of(data.opacities),
            harmonics=harmonics,
        )
    rounding = Rounding(
        position=_step(stored.means, _WIDE),
        log_scale=_step(log_scales(stored), _WIDE) + 1e-5,
        turn=turn_rounding(2 * LIMIT / 1023),
        opacity=0.6 / 255,
        colour=_step(_colours(stored), np.full(3, 255))[:, None] / CONSTANT,
        harmonics=REACH / 255 * 1.1,
    )
    return compare_gaussians(FILE, found, stored, rounding)


def _storable(gaussians: Gaussians) -> Gaussians:
    """In the file's order, without what its numbers can't say."""
    ordered = chosen(gaussians, z_order(gaussians.means))
    harmonics = ordered.harmonics.copy()
    harmonics[:, 1:] = np.clip(harmonics[:, 1:], -REACH, REACH)
    return replace(ordered, scales=np.maximum(ordered.scales, np.float32(np.exp(SMALLEST))), harmonics=harmonics)


def _colours(gaussians: Gaussians) -> NDArray[np.float32]:
    """The constant part of the colour, 0..1 where it can be shown. [N, 3]"""
    return gaussians.harmonics[:, 0] * np.float32(CONSTANT) + np.float32(0.5)


def _bounds(values: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Lower and upper ends of each block. [N, 3] -> [B, 3] each"""
    starts = np.arange(0, len(values), BLOCK)
    return np.minimum.reduceat(values, starts, axis=0), np.maximum.reduceat(values, starts, axis=0)


def _each(of_blocks: NDArray[np.floating], values: NDArray[np.floating]) -> NDArray[np.floating]:
    """A block's numbers for each of its Gaussians. [B, 3] -> [N, 3]"""
    return np.repeat(of_blocks, BLOCK, axis=0)[: len(values)]


def _step(values: NDArray[np.floating], steps: NDArray[np.integer]) -> NDArray[np.floating]:
    """Half a step within a block's bounds, and a little for single precision. [N, 3]"""
    low, high = _bounds(values)
    return _each(high - low, values) / steps * 0.51 + 1e-6 * np.abs(values).max(initial=0)


def _packed(values: NDArray[np.floating], most: NDArray[np.integer], shifts: tuple[int, ...]) -> NDArray[np.uint64]:
    """Numbers rounded and shifted into 32 bits. [N, K] -> [N]"""
    whole = np.clip(np.floor(values + 0.5), 0, most).astype(np.uint64)
    return np.bitwise_or.reduce(whole << np.array(shifts, np.uint64), axis=1)


def _header(gaussians: Gaussians, blocks: int, coefficients: int) -> bytes:
    count = len(gaussians)
    lines = ["ply", "format binary_little_endian 1.0", *ply_comments(gaussians), f"element chunk {blocks}"]
    for group in _BOUNDS:
        lines += [f"property float {end}{name}" for end in ("min", "max") for name in group]
    lines += [f"element vertex {count}"]
    lines += [f"property uint packed_{name}" for name in ("position", "rotation", "scale", "color")]
    if coefficients:
        lines += [f"element sh {count}", *(f"property uchar f_rest_{index}" for index in range(coefficients))]
    return "\n".join([*lines, "end_header", ""]).encode()


EXPORTER = Exporter(write, check, up="z", checked_by=f"gsply {version('gsply')}")
