"""Whether a profile has the hardware that a job can't do without."""

from __future__ import annotations

from reconstruction_api.engines import CPU_ONLY, GPU_ONLY
from reconstruction_api.job import Device, ReconstructionJobSpec
from reconstruction_api.profile import ProfileSpec
from reconstruction_api.stages import StageName, graph_of


def missing_gpu(spec: ReconstructionJobSpec, profile: ProfileSpec, name: str) -> str:
    """Why no GPU is there for a job that needs one; empty when there may be one, or none is needed."""
    if not trains(spec):
        return ""
    engine = next(each for each in profile.engines if each.name == spec.chosen_engine)
    gpu_only = engine.gpu_only if engine.gpu_only is not None else engine.name in GPU_ONLY
    if gpu_only and spec.training.device is Device.CPU:
        return f"spec.training.device: {engine.name!r} works on a GPU only; clear the field, or choose another engine."
    if offers_gpu(profile) or engine.name in CPU_ONLY:
        return ""
    if gpu_only:
        return f"spec.engine: {engine.name!r} works on a GPU only, and profile {name!r} gives its pods none."
    if spec.training.device is Device.CUDA:
        return f"spec.training.device: profile {name!r} gives its pods no GPU; clear the field to train on the CPU."
    return ""


def trains(spec: ReconstructionJobSpec) -> bool:
    """Whether training is among the job's stages."""
    return any(stage.name is StageName.TRAIN for stage in graph_of(spec))


def offers_gpu(profile: ProfileSpec) -> bool:
    """Whether pods that train may find a GPU. Devices are resources with a domain (`nvidia.com/gpu`); a runtime class
    may bring them without asking."""
    return profile.gpu.runtime_class_name is not None or profile.gpu.names_device
