"""The formats there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconstruction_api.job import ExportFormat

from . import glb, obj, ply
from .checking import Content
from .model import Model


@dataclass(frozen=True)
class Exporter:
    """How one format is written and checked. `write` and `check` take a model that is z up."""

    write: Callable[[Model, Path], list[Path]]
    check: Callable[[Model, Path], Content]
    media_types: Mapping[str, str]
    """Of each file, by its name."""
    up: str
    checked_by: str


EXPORTERS: Final[Mapping[ExportFormat, Exporter]] = {
    ExportFormat.GLB: Exporter(glb.write, glb.check, {glb.FILE: glb.MEDIA_TYPE}, "y", glb.CHECKED_BY),
    ExportFormat.OBJ: Exporter(obj.write, obj.check, obj.MEDIA_TYPES, "y", obj.CHECKED_BY),
    ExportFormat.PLY: Exporter(ply.write, ply.check, {ply.FILE: ply.MEDIA_TYPE}, "z", ply.CHECKED_BY),
}
