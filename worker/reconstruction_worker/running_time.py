"""How long a job has worked in a workspace, over all its runs there: `stages/running-time.json`.

As in a cluster, what counts is the time of stages as the spec wants them now: a stage whose settings have changed
starts over, and so does its time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from reconstruction_api.stages import StageName

from .files import write_json


class RunningTime:
    """Seconds by stage; each with the digest that the spec gave the stage while it ran."""

    def __init__(self, workspace: Path, digests: Mapping[StageName, str]):
        self._path = workspace / "stages" / "running-time.json"
        self._digests = digests
        self._seconds = _read(self._path, digests)

    @property
    def seconds(self) -> float:
        """Of all stages."""
        return sum(self._seconds.values())

    def add(self, stage: StageName, seconds: float) -> None:
        """More of a stage's time; later runs know of it."""
        self._seconds[stage] = self._seconds.get(stage, 0.0) + seconds
        write_json(
            self._path,
            {
                name.value: {"digest": self._digests[name], "seconds": round(spent, 3)}
                for name, spent in self._seconds.items()
            },
        )


def _read(path: Path, digests: Mapping[StageName, str]) -> dict[StageName, float]:
    """Nothing where the file is missing or damaged: time is then counted from here on."""
    try:
        entries = json.loads(path.read_text())
        return {
            name: float(entries[name.value]["seconds"])
            for name, digest in digests.items()
            if name.value in entries and entries[name.value]["digest"] == digest
        }
    except (OSError, ValueError, TypeError, KeyError):
        return {}
