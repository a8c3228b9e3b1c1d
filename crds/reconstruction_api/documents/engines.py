"""`evaluate/engines.json` of a job with `spec.engines`: what each has come to, and which one's result is the job's."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from ..quality import Verdict
from .base import Document

FILE: Final = "engines.json"
FOLDER: Final = "engines"
"""Of the workspace and of the artifacts: below it each engine has a folder of its name."""


class EngineFailure(Document):
    """Why an engine has no result."""

    code: str
    """Of the catalogue."""
    stage: str
    """Stage in which it happened."""
    message: str = ""


class EngineStanding(Document):
    """One engine's result in numbers; what it has not come to is left out."""

    name: str
    verdict: Verdict | None = None
    psnr: float | None = None
    """Of the held-out views as the trained scene shows them, in decibels."""
    ssim: float | None = None
    lpips: float | None = None
    mesh_psnr: float | None = None
    """Of the textured mesh, where it has a surface."""
    mesh_coverage: float | None = None
    """Share of the held-out views where it has one."""
    faces: int | None = None
    seconds: float = 0
    """Running time of its stages."""
    peak_memory_bytes: int = 0
    """The most that a process of its has held."""
    kept_memory_bytes: int = 0
    """What was still held when its processes had ended, of the memory that was free before they began."""
    kept_gpu_memory_bytes: int | None = None
    """The same of the memory of GPUs; None where there is none, or its driver does not say."""
    failure: EngineFailure | None = None


class EnginesDocument(Document):
    best: str
    """The engine whose results are the job's."""
    why: str
    """Why it is that one, in words."""
    engines: list[EngineStanding] = Field(default_factory=list[EngineStanding])
    """In the order of `spec.engines`."""

    def named(self, name: str) -> EngineStanding | None:
        return next((each for each in self.engines if each.name == name), None)
