"""The Gaussians that an engine has trained, read back from a published PLY, which holds them in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.exports import Export, SplatRegion
from reconstruction_api.formats import ExportFormat

from ..exporters.gaussian_values import opacities_of, ply_comments
from ..geometry.gaussians import Gaussians
from .earlier_set import gone

IN_FULL: Final = (ExportFormat.SPLAT_PLY, ExportFormat.SPLAT)


def gaussians_for(export: Export, published: Sequence[Export]) -> Export | None:
    """The published entry that has the Gaussians of a wanted one: of the same region, as few or all. None where there
    is none."""
    region = export.splats or SplatRegion.ALL
    there = [each for each in published if each.format in IN_FULL and (each.splats or SplatRegion.ALL) is region]
    as_few = [each for each in there if each.max_splats == export.max_splats]
    every = [each for each in there if each.max_splats is None]
    return next(iter([*as_few, *every]), None)


def check_count(export: Export, gaussians: Gaussians) -> None:
    """Raises InputsRemoved where there are more than the entry may have: which to leave out only the photos say."""
    if export.max_splats is not None and len(gaussians) > export.max_splats:
        raise gone(
            f"the workspace is gone: spec.exports, entry {export.label}, needs the camera poses, to choose "
            f"{export.max_splats:,} of the {len(gaussians):,} Gaussians that were published"
        )


def read_gaussians(path: Path) -> Gaussians:
    """As `exporters.splat_ply` writes them, whose header says which numbers a Gaussian has."""
    header, _, binary = path.read_bytes().partition(b"end_header\n")
    lines = header.decode("ascii").splitlines()
    names = [line.split()[2] for line in lines if line.startswith("property ")]
    table = np.frombuffer(binary, "<f4").reshape(-1, len(names))

    def columns(prefix: str) -> NDArray[np.float32]:
        return np.ascontiguousarray(table[:, [at for at, name in enumerate(names) if name.startswith(prefix)]])

    rest = columns("f_rest_").reshape(len(table), 3, -1).transpose(0, 2, 1)
    found = Gaussians(
        means=np.ascontiguousarray(table[:, [names.index(axis) for axis in "xyz"]]),
        scales=np.exp(columns("scale_")),
        rotations=columns("rot_"),
        opacities=opacities_of(columns("opacity")[:, 0]),
        harmonics=np.concatenate([columns("f_dc_")[:, None], rest], axis=1),
    )
    antialiased = replace(found, antialiased=True)
    return antialiased if set(ply_comments(antialiased)) <= set(lines) else found
