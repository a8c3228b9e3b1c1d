"""What is reconstructed: real photos where they are on this machine, and a scene whose shape is known."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo import layout

from ..worker_quality.scenes import DATASETS
from . import still_life

WORK = layout.ROOT / "out" / "bench-surface"


@dataclass(frozen=True)
class PhotoSet:
    """Photos with how they are to be used."""

    name: str
    folder: str = ""
    """Below the folder of data sets; empty for the scene that is made here."""
    spec: dict[str, Any] = field(default_factory=dict)
    """What the job asks for beside engine, time and size."""

    @property
    def known(self) -> bool:
        """Whether its shape is known."""
        return not self.folder

    def photos(self) -> Path | None:
        """Makes or finds them; None where they are not on this machine."""
        if self.folder:
            found = DATASETS / self.folder
            return found if found.is_dir() else None
        made = WORK / f"{self.name}-photos"
        if not (made / "transforms.json").exists():
            shutil.rmtree(made, ignore_errors=True)
            still_life.write(made)
        return made


SETS = (
    PhotoSet("monstree", "monstree"),
    PhotoSet("dino", "dino", {"poses": {"up": "Left"}}),
    PhotoSet("beach", "drone_brighton_beach/images_960"),
    PhotoSet("lund", "opensfm_lund/images_960"),
    PhotoSet("still-life"),
)
