"""Orthophoto: the textured model from straight above, as GeoTIFF with an alpha channel."""

from __future__ import annotations

from pathlib import Path

import PIL

from reconstruction_api.formats import ExportFormat

from .checking import Content, reading
from .exporter import Exporter
from .map_raster import check_raster, map_view, write_raster
from .textured_model import Model

FILE = ExportFormat.ORTHOPHOTO.file


def write(model: Model, folder: Path) -> list[Path]:
    """Write `orthophoto.tif`, north up."""
    view = map_view(model)
    write_raster(folder / FILE, view.colours, view.grid, model)
    return [folder / FILE]


def check(model: Model, folder: Path) -> Content:
    """Open `orthophoto.tif` again. Raises ExportFailed."""
    view = map_view(model)
    with reading(FILE):
        return check_raster(folder / FILE, view.colours, view.grid, model)


EXPORTER = Exporter(write, check, up="z", checked_by=f"Pillow {PIL.__version__}")
