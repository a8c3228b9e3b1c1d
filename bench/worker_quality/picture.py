"""One held-out view of each scene: the photo, ours, nerfstudio's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from .rows import OURS, PEER, Row

COLUMNS = ("held-out photo", OURS, PEER)
MAX_SIDE = 360


def draw(rows: Sequence[Row], renders: dict[str, tuple[Path, Path, Path]], file: Path) -> None:
    """`renders` are a photo and two renderings a scene; scenes whose files are gone are left out."""
    there = {scene: paths for scene, paths in renders.items() if all(path.exists() for path in paths)}
    if not there:
        return
    psnr = {(row.scene, row.method): row.psnr for row in rows}
    figure = Figure(figsize=(9, 3 * len(there)), layout="constrained")
    grid = figure.subplots(len(there), len(COLUMNS), squeeze=False)
    for line, (scene, paths) in zip(grid, there.items(), strict=True):
        for axes, column, path in zip(line, COLUMNS, paths, strict=True):
            with Image.open(path) as picture:
                picture.thumbnail((MAX_SIDE, MAX_SIDE))
                axes.imshow(picture)
            found = psnr.get((scene, column))
            axes.set_title(column if found is None else f"{column}: {found:.1f} dB", fontsize=9)
            axes.axis("off")
        line[0].set_title(f"{scene}: {COLUMNS[0]}", fontsize=9)
    figure.savefig(file, dpi=100, pil_kwargs={"quality": 85})
