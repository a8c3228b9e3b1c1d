"""What the operator must know of the engines that come with the worker, which it can't ask."""

from __future__ import annotations

from typing import Final

GPU_ONLY: Final = frozenset({"splatfacto"})
"""Engines that don't work without a GPU."""
