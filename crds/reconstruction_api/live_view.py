"""How a training is followed in its workspace: its history, and pictures for as long as somebody asks for them."""

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

HISTORY: Final = "history.jsonl"
"""In the folder of the stage `train`, one JSON object a line."""
CURVE: Final = ("step", "loss", "psnr", "heldOutPsnr")
"""Of a line, what curves show."""
