"""The worker's half of a format: how its files are written and opened again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..geometry.gaussians import Gaussians
from .checking import Content
from .textured_model import Model


@dataclass(frozen=True)
class Exporter:
    """`write` returns the files, the format's own first; `check` opens them again with another reader than the writer
    and raises ExportFailed. Both take a model that is z up, or the Gaussians where the format holds those; of a
    format that is `compressible` also `compression`."""

    write: Callable[..., list[Path]]  # (model, folder: Path, [compression: Compression])
    check: Callable[..., Content]
    up: str
    """Axis that points up in the file: `y` or `z`."""
    checked_by: str

    def written(self, model: Model | Gaussians, folder: Path, **options: object) -> tuple[list[Path], Content]:
        """The files, and what the reader found in them."""
        return self.write(model, folder, **options), self.check(model, folder, **options)
