"""Digital surface model: the height of what is seen from straight above, as GeoTIFF of floating-point numbers."""

from __future__ import annotations

from pathlib import Path

import PIL

from reconstruction_api.formats import ExportFormat

from .checking import Content, reading
from .exporter import Exporter
from .map_raster import NOTHING, check_raster, map_view, write_raster
from .textured_model import Model

FILE = ExportFormat.DSM.file


def write(model: Model, folder: Path) -> list[Path]:
    """Write `dsm.tif`, north up; pixels without a surface are -9999."""
    view = map_view(model)
    write_raster(folder / FILE, view.heights, view.grid, model, nothing=f"{NOTHING:.0f}")
    return [folder / FILE]


def check(model: Model, folder: Path) -> Content:
    """Open `dsm.tif` again. Raises ExportFailed."""
    view = map_view(model)
    with reading(FILE):
        return check_raster(folder / FILE, view.heights, view.grid, model)


EXPORTER = Exporter(write, check, up="z", checked_by=f"Pillow {PIL.__version__}")
