"""The turntable inside the page: some of its frames in one picture, which a script plays."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image

from reconstruction_api.stages import StageName

from ..turntable.frames import frame_file
from .findings import Document, Findings

MOST_FRAMES: Final = 48
SIDE: Final = 360
"""Longer side of a frame, in pixels."""
COLUMNS: Final = 8
QUALITY: Final = 78


def player(findings: Findings) -> Document | None:
    """`url` of a picture with `frames` of `width` x `height` in rows of `columns`, transparent where they are, and the
    `seconds` that the whole film takes. None without a turntable."""
    turntable, spec = findings.turntable, findings.spec.turntable
    if turntable is None or spec is None:
        return None
    chosen = _chosen(findings.folder(StageName.RENDER), turntable.frames)
    if len(chosen) < 2:
        return None
    scale = min(1.0, SIDE / max(turntable.width, turntable.height))
    width, height = max(1, round(turntable.width * scale)), max(1, round(turntable.height * scale))
    rows = -(-len(chosen) // COLUMNS)
    sheet = Image.new("RGBA", (width * min(COLUMNS, len(chosen)), height * rows))
    for index, path in enumerate(chosen):
        with Image.open(path) as frame:
            small = frame.convert("RGBA").resize((width, height), Image.Resampling.LANCZOS)
        sheet.paste(small, (index % COLUMNS * width, index // COLUMNS * height))
    data = BytesIO()
    sheet.save(data, "WEBP", quality=QUALITY, method=4)
    return {
        "url": "data:image/webp;base64," + base64.b64encode(data.getvalue()).decode(),
        "columns": COLUMNS,
        "frames": len(chosen),
        "width": width,
        "height": height,
        "seconds": round(turntable.frames / spec.frames_per_second, 2),
    }


def _chosen(folder: Path, frames: int) -> list[Path]:
    """Some of the frames, evenly taken."""
    count = min(frames, MOST_FRAMES)
    paths = [frame_file(folder, index * frames // count) for index in range(count)]
    return [path for path in paths if path.is_file()]
