"""How much a job has to do: what the time of each stage is in proportion to."""

from __future__ import annotations

from dataclasses import dataclass

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import Stage, StageName, graph_of, reused_stages

_TURNTABLE_PIXELS = 512 * 512


@dataclass(frozen=True)
class Work:
    """What a job has to do."""

    photos: int
    """Frames of videos included."""
    megapixels: float
    """Of one photo, as it is trained on."""
    steps: int
    frames: float
    """Of the turntable, in pictures of 512 x 512."""
    exports: int

    def units(self, stage: StageName) -> float:
        """What the time of a stage grows with."""
        match stage:
            case StageName.TRAIN:
                return float(self.steps)
            case StageName.RENDER:
                return self.frames
            case StageName.EXPORT:
                return float(self.exports)
            case StageName.INGEST | StageName.POSES | StageName.EVALUATE | StageName.MESH:
                return self.photos * self.megapixels
            case _:
                return 1.0


def work_of(spec: ReconstructionJobSpec, photos: int, side: int, *, on_gpu: bool) -> Work:
    """Of photos with a longer side of `side` pixels in the source."""
    long = min(side, spec.images.max_side_pixels)
    turntable = spec.turntable
    width, height = turntable.size if turntable is not None else (0, 0)
    return Work(
        photos=photos,
        megapixels=max(long * long * 0.75 / 1e6, 0.01),
        steps=spec.training.planned_steps(on_gpu=on_gpu),
        frames=turntable.frames * width * height / _TURNTABLE_PIXELS if turntable is not None else 0.0,
        exports=len(spec.exports),
    )


def stages_to_run(spec: ReconstructionJobSpec) -> tuple[Stage, ...]:
    """Those that the job computes; what it copies from another takes next to nothing."""
    copied = reused_stages(spec)
    return tuple(stage for stage in graph_of(spec) if stage.name not in copied)
