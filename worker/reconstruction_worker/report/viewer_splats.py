"""The Gaussians as the page's viewer reads them: SPZ in base64, in levels of detail for devices that draw fewer."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..exporters.spz import write_upright
from ..geometry.contribution import contributions
from ..geometry.gaussian_sets import chosen, z_order
from ..geometry.gaussians import Gaussians
from ..geometry.harmonics import DEGREES, basis
from ..geometry.rendering import Camera

LEVELS: Final = (25_000, 50_000, 100_000, 200_000, 400_000)
"""Gaussians that a device draws, as many as it can in time. The last is how many there are in a page, of about 20 bytes
each, where the mesh leaves room for them; of more, those are kept that are seen most."""
BYTES_EACH: Final = 27
"""Of the page, for each Gaussian: what it takes in SPZ, in base64."""
COARSE: Final = 100_000
"""Gaussians that a phone draws at most."""
LARGEST: Final = 3.0
"""By how much a Gaussian grows that stands in for others."""
EYES: Final = 24
"""Cameras from which colours are averaged."""


def splats_document(gaussians: Gaussians, cameras: Sequence[Camera], most: int | None = None) -> dict[str, Any]:
    """`gaussians` are in world units, z up; the page holds `most` of them, or as many as the last level says. Colours
    are the same from all sides: what the cameras see on average.

    The first Gaussians of the file are a coarse level, the first of them and more a finer one.
    """
    ranked = _ranked(contributions(gaussians, cameras), min(most or LEVELS[-1], LEVELS[-1]))
    parts = [part for part in np.split(ranked, LEVELS) if len(part)]
    kept = chosen(gaussians, np.concatenate([part[z_order(gaussians.means[part])] for part in parts]))
    with TemporaryDirectory() as folder:
        file = Path(folder) / "splats.spz"
        write_upright(replace(kept, harmonics=_constant(kept, cameras)), file)
        data = base64.b64encode(file.read_bytes()).decode()
    levels = _levels(kept, [len(part) for part in parts])
    return {"count": len(kept), "coarse": min(COARSE, len(kept)), "levels": levels, "data": data}


def _ranked(contribution: NDArray[np.float32], most: int) -> NDArray[np.int64]:
    """Those that are seen most, as many as a page holds, so that of the first each number stands for all: drawn by lot,
    with chances as their contributions (Efraimidis and Spirakis 2006)."""
    kept = np.argsort(-contribution, kind="stable")[:most]
    lots = np.log(np.random.default_rng(0).uniform(1e-12, 1, len(kept))) / np.maximum(contribution[kept], 1e-6)
    return kept[np.argsort(-lots, kind="stable")]


def _levels(gaussians: Gaussians, sizes: list[int]) -> list[dict[str, float]]:
    """How many Gaussians each level has, and how much larger they have to be to cover as much as all."""
    covered = np.cumsum(gaussians.opacities * np.sort(gaussians.scales, axis=1)[:, 1:].prod(axis=1, dtype=np.float64))
    ends = np.cumsum(sizes)
    growth = np.minimum(np.sqrt(covered[-1] / np.maximum(covered[ends - 1], 1e-30)), LARGEST)
    return [{"count": int(end), "growth": round(float(factor), 3)} for end, factor in zip(ends, growth, strict=True)]


def _constant(gaussians: Gaussians, cameras: Sequence[Camera]) -> NDArray[np.float32]:
    """Harmonics of the colours that the cameras see on average. [N, 1, 3]"""
    degree = DEGREES[gaussians.harmonics.shape[1]]
    if degree == 0 or not cameras:
        return gaussians.harmonics[:, :1]
    total = np.zeros((len(gaussians), gaussians.harmonics.shape[1]))
    for index in np.unique(np.linspace(0, len(cameras) - 1, EYES).astype(int)):
        away = gaussians.means - cameras[index].camera_to_world[:3, 3]
        total += basis(away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-12), degree)
    total /= total[:, :1]  # the first is the same from everywhere
    return np.einsum("nk,nkc->nc", total, gaussians.harmonics)[:, None].astype(np.float32)
