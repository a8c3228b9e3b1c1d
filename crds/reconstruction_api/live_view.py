"""Pictures of a training as it goes, in the workspace: made for as long as somebody asks for them."""

from __future__ import annotations

from typing import Final

FOLDER: Final = "live"
"""In the workspace."""
WANTED: Final = "wanted"
"""Whoever looks touches this file."""
WANTED_SECONDS: Final = 30.0
"""For so long after that pictures are made."""
PICTURE: Final = "view.jpg"
"""The last one."""
