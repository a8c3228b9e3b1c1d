"""The formats there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from reconstruction_api.job import Export, ExportFormat

from . import glb, obj, ply
from .checking import Content
from .textured_model import Model


@dataclass(frozen=True)
class Exporter:
    """How one format is written and checked. `write` and `check` take a model that is z up."""

    write: Callable[[Model, Path], list[Path]]
    check: Callable[[Model, Path], Content]
    media_types: Mapping[str, str]
    """Of each file, by its name."""
    up: str
    checked_by: str


def exporter_of(export: Export) -> Exporter:
    """Writer and check of a file as the spec wants it."""
    match export.format:
        case ExportFormat.GLB:
            write = partial(glb.write, compression=export.compression)
            check = partial(glb.check, compression=export.compression)
            return Exporter(write, check, {glb.FILE: glb.MEDIA_TYPE}, "y", glb.CHECKED_BY)
        case ExportFormat.OBJ:
            return Exporter(obj.write, obj.check, obj.MEDIA_TYPES, "y", obj.CHECKED_BY)
        case ExportFormat.PLY:
            return Exporter(ply.write, ply.check, {ply.FILE: ply.MEDIA_TYPE}, "z", ply.CHECKED_BY)
