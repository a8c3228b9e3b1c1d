"""The formats there are: each of the API's has a module of its name here, with an `EXPORTER`."""

from __future__ import annotations

import re
from importlib import import_module

from reconstruction_api.formats import ExportFormat

from .exporter import Exporter


def exporter_of(wanted: ExportFormat) -> Exporter:
    """How files of a format are written and checked. Its libraries are imported here."""
    exporter = import_module(f".{module_of(wanted)}", __package__).EXPORTER
    assert isinstance(exporter, Exporter)
    return exporter


def module_of(wanted: ExportFormat) -> str:
    """Name of a format's module: `GLB` is in `glb`, `CompressedSplatPLY` in `compressed_splat_ply`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", wanted.value).lower()
