"""`SPLAT`, the earlier name of `SplatPLY`."""

from .splat_ply import EXPORTER

__all__ = ["EXPORTER"]
