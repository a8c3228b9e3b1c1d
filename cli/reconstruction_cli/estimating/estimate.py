"""Time, cost, memory and disk of a job with a profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.mesh import TextureSource
from reconstruction_api.profile import ProfileSpec
from reconstruction_api.stages import ResourceClass, Stage
from reconstruction_api.training import Device

from .rates import Rate, Sample, rate_of
from .work import Work, stages_to_run, work_of

_BYTES_A_PIXEL: Final = 0.6
"""Of a photo as JPEG; what ingest keeps of it is PNG, and so is its copy without distortion, of 1.5 bytes each."""
_STORED_BYTES: Final = 2 * 1.5 + _BYTES_A_PIXEL
_LARGER_SIDE: Final = 1600
"""Of the copies that cameras are estimated from, where the photos that are trained on are smaller."""
_FEATURE_BYTES: Final = 8192 * 152 + 300_000
_TRAINED_BYTES: Final = 300 << 20
"""A checkpoint."""
_RESULT_BYTES: Final = 60 << 20
_FRAME_BYTES: Final = 150_000
"""A frame of 512 x 512 as PNG, and once more in the archive."""


@dataclass(frozen=True)
class Estimate:
    """For one profile, or none."""

    profile: str
    on_gpu: bool
    stages: Sequence[tuple[Stage, Rate]]
    disk_bytes: int
    cost: float | None
    """In the profile's currency; None where it has no prices."""
    currency: str

    @property
    def seconds(self) -> float:
        return sum(rate.seconds for _, rate in self.stages)

    @property
    def memory_bytes(self) -> int:
        return max(rate.memory_bytes for _, rate in self.stages)

    @property
    def measured(self) -> bool:
        """Whether all of it is."""
        return all(rate.jobs for _, rate in self.stages)


def estimate(
    spec: ReconstructionJobSpec,
    photos: int,
    side: int,
    samples: Sequence[Sample],
    profile: ProfileSpec | None = None,
    name: str = "",
    *,
    gpu_here: bool = False,
) -> Estimate:
    """Of a job with its defaults filled in. Without a profile the job runs on this machine, which may have a GPU."""
    offered = profile.gpu.names_device if profile is not None else gpu_here
    on_gpu = offered and spec.training.device is not Device.CPU
    work = work_of(spec, photos, side, on_gpu=on_gpu)
    stages = [(stage, rate_of(stage.name, work, samples, on_gpu=on_gpu)) for stage in stages_to_run(spec)]
    cost, currency = _cost(stages, profile)
    return Estimate(name, on_gpu, stages, _disk(spec, work, side), cost, currency)


def _cost(stages: Sequence[tuple[Stage, Rate]], profile: ProfileSpec | None) -> tuple[float | None, str]:
    if profile is None or profile.prices is None:
        return None, ""
    prices = profile.prices
    hour = {each: float(prices.cpu_hour) for each in ResourceClass}
    hour[ResourceClass.RECONSTRUCT] = float(prices.gpu_hour)
    return sum(hour[stage.resource_class] * rate.seconds / 3600 for stage, rate in stages), prices.currency


def _disk(spec: ReconstructionJobSpec, work: Work, side: int) -> int:
    """Of the workspace, when all stages have run; photos have a longer side of `side` pixels in the source."""
    trained = min(side, spec.images.max_side_pixels)
    each = _STORED_BYTES * work.megapixels * 1e6 + _FEATURE_BYTES
    if min(side, _LARGER_SIDE) > trained:
        each += _jpeg(min(side, _LARGER_SIDE))
    if side > trained and spec.mesh.chosen_texture_source is TextureSource.ORIGINAL:
        each += _jpeg(side)
    photos = work.photos * each
    texture = 12 * spec.mesh.chosen_texture_pages * spec.mesh.texture_size**2
    checkpoints = (spec.training.keep_checkpoints + 1) * _TRAINED_BYTES
    return round(photos + texture + checkpoints + _RESULT_BYTES + 2 * work.frames * _FRAME_BYTES)


def _jpeg(side: int) -> float:
    """A photo of four by three with a longer side of so many pixels."""
    return _BYTES_A_PIXEL * 0.75 * side**2
