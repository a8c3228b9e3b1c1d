"""One held-out view of each scene: the photo, and what each method made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from .rows import OURS, PEER, SPLATS, Row

PHOTO = "held-out photo"
COLUMNS = (PHOTO, OURS, SPLATS, PEER)
MAX_SIDE = 360


def draw(rows: Sequence[Row], renders: Mapping[str, Mapping[str, Path]], file: Path) -> None:
    """`renders` are files by scene and column; scenes without their photo are left out, other files that are gone leave
    their place empty."""
    there = {scene: paths for scene, paths in renders.items() if paths[PHOTO].exists()}
    if not there:
        return
    psnr = {(row.scene, row.method): row.psnr for row in rows}
    figure = Figure(figsize=(12, 3 * len(there)), layout="constrained")
    grid = figure.subplots(len(there), len(COLUMNS), squeeze=False)
    for line, (scene, paths) in zip(grid, there.items(), strict=True):
        for axes, column in zip(line, COLUMNS, strict=True):
            axes.axis("off")
            if not paths[column].exists():
                continue
            with Image.open(paths[column]) as picture:
                picture.thumbnail((MAX_SIDE, MAX_SIDE))
                axes.imshow(picture)
            found = psnr.get((scene, column))
            axes.set_title(column if found is None else f"{column}: {found:.1f} dB", fontsize=9)
        line[0].set_title(f"{scene}: {PHOTO}", fontsize=9)
    figure.savefig(file, dpi=100, pil_kwargs={"quality": 85})
