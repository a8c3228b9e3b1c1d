"""The program ffmpeg, which the worker's image holds only where somebody has put it there."""

from __future__ import annotations

import os
import shutil
from typing import Final

ENV_FFMPEG: Final = "RECONSTRUCTION_FFMPEG"
"""Environment variable with the path of the program, where it is not `ffmpeg` on the PATH."""


def ffmpeg() -> str | None:
    """The program, where there is one."""
    return os.environ.get(ENV_FFMPEG) or shutil.which("ffmpeg")
