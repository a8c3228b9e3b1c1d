"""Seconds that a stage takes for a unit of its work: measured on finished jobs, or guessed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from reconstruction_api.documents.manifest import FILE as MANIFEST_FILE
from reconstruction_api.documents.manifest import ManifestDocument
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName

from .work import Work, work_of

GUESSED_CPU: Final[dict[StageName, tuple[float, float]]] = {
    StageName.INGEST: (1.0, 0.15),
    StageName.POSES: (5.0, 2.0),
    StageName.TRAIN: (5.0, 0.1),
    StageName.EVALUATE: (2.0, 0.1),
    StageName.MESH: (10.0, 2.0),
    StageName.TEXTURE: (15.0, 0.0),
    StageName.EXPORT: (0.0, 2.0),
    StageName.RENDER: (5.0, 0.06),
    StageName.REPORT: (10.0, 0.0),
    StageName.BUNDLE: (3.0, 0.0),
    StageName.PUBLISH: (5.0, 0.0),
}
"""Seconds at all, and for each unit of `Work`, on two processors without a GPU: rounded from docs/benchmarks.md."""
GUESSED_GPU: Final[dict[StageName, tuple[float, float]]] = {
    **GUESSED_CPU,
    StageName.TRAIN: (20.0, 0.015),
    StageName.EVALUATE: (2.0, 0.02),
    StageName.MESH: (10.0, 1.0),
}
"""The same with one; nobody has measured it here."""
GUESSED_MEMORY: Final[dict[StageName, int]] = {
    StageName.POSES: 700 << 20,
    StageName.TRAIN: 2 << 30,
    StageName.MESH: 2 << 30,
    StageName.TEXTURE: 1 << 30,
}
"""Peak of a stage's process in bytes; of others 500 MiB."""
_USUAL_MEMORY: Final = 500 << 20


@dataclass(frozen=True)
class Sample:
    """What one finished job took for one stage."""

    stage: StageName
    seconds: float
    units: float
    memory_bytes: int = 0


@dataclass(frozen=True)
class Rate:
    """Of one stage."""

    seconds: float
    """For the work that it was asked for."""
    memory_bytes: int
    jobs: int
    """Finished jobs that it was measured on; 0 where it is a guess."""


def rate_of(stage: StageName, work: Work, samples: Iterable[Sample], *, on_gpu: bool) -> Rate:
    """For a job's work: the median of what finished jobs took for a unit of theirs."""
    known = [sample for sample in samples if sample.stage is stage and sample.seconds > 0]
    memory = max((sample.memory_bytes for sample in known), default=0) or GUESSED_MEMORY.get(stage, _USUAL_MEMORY)
    if known:
        each = median(sample.seconds / max(sample.units, 1e-9) for sample in known)
        return Rate(each * work.units(stage), memory, len(known))
    start, each = (GUESSED_GPU if on_gpu else GUESSED_CPU).get(stage, (5.0, 0.0))
    return Rate(start + each * work.units(stage), memory, 0)


def samples_in(folder: Path, engine: str, *, on_gpu: bool) -> list[Sample]:
    """Of the jobs of an engine that have finished in result folders below `folder`, on this kind of hardware."""
    found: list[Sample] = []
    for file in sorted(folder.glob(f"*/{MANIFEST_FILE}")):
        try:
            found += _samples_of(ManifestDocument.read(file), engine, on_gpu=on_gpu)
        except (OSError, ValueError):
            continue  # of another release, or no manifest at all
    return found


def _samples_of(manifest: ManifestDocument, engine: str, *, on_gpu: bool) -> list[Sample]:
    trained = manifest.engine
    if trained is None or trained.name != engine or (trained.device == "cuda") != on_gpu:
        return []
    settings = {"source": {"uri": "photos"}, **manifest.settings, "engine": engine}
    spec = ReconstructionJobSpec.model_validate(settings, extra="ignore")
    work = work_of(spec, manifest.photos.used, spec.images.max_side_pixels, on_gpu=on_gpu)
    found: list[Sample] = []
    for stage in manifest.stages:
        name = StageName(stage.name)
        units = float(trained.steps) if name is StageName.TRAIN and trained.steps else work.units(name)
        found.append(Sample(name, stage.seconds, units, stage.peak_memory_bytes))
    return found
