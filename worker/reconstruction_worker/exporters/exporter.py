"""The worker's half of a format: how its files are written and opened again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reconstruction_api.exports import Export

from ..geometry.gaussians import Gaussians
from .checking import Content
from .style import style_of
from .textured_model import Model


@dataclass(frozen=True)
class Exporter:
    """`write` returns the files, the format's own first; `check` opens them again with another reader than the writer
    and raises ExportFailed. Both take a model that is z up, or the Gaussians where the format holds those, and an empty
    folder; of a format that is `styled` also the `Style`."""

    write: Callable[..., list[Path]]  # (model, folder: Path, [style: Style])
    check: Callable[..., Content]
    up: str
    """Axis that points up in the file: `y` or `z`."""
    checked_by: str
    styled: bool = False
    """Whether the files refer to each other, or can be written in several ways. A format that is not has a single file,
    which gets the entry's name afterwards."""

    def written(self, model: Model | Gaussians, folder: Path, export: Export) -> tuple[list[Path], Content]:
        """The files in an empty folder, named as the entry wants them, and what the reader found in them."""
        if self.styled:
            style = style_of(export)
            return self.write(model, folder, style), self.check(model, folder, style)
        paths, content = self.write(model, folder), self.check(model, folder)
        if export.name is not None:
            (path,) = paths
            paths = [path.rename(folder / f"{export.name}{export.format.suffix}")]
        return paths, content
