"""The formats there are: each of the API's has a module of its name here, with an `EXPORTER`."""

from __future__ import annotations

from importlib import import_module

from reconstruction_api.formats import ExportFormat

from .exporter import Exporter


def exporter_of(wanted: ExportFormat) -> Exporter:
    """How files of a format are written and checked. Its libraries are imported here."""
    exporter = import_module(f".{wanted.value.lower()}", __package__).EXPORTER
    assert isinstance(exporter, Exporter)
    return exporter
