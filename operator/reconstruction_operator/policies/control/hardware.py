"""Whether a profile has the hardware that a job can't do without."""

from __future__ import annotations

from reconstruction_api.engines import CPU_ONLY, GPU_ONLY
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.profile import EngineImage, ProfileSpec
from reconstruction_api.stage_table import listed
from reconstruction_api.stages import StageName, graph_of
from reconstruction_api.training import Device


def missing_gpu(spec: ReconstructionJobSpec, profile: ProfileSpec, name: str) -> str:
    """Why no GPU is there for a job that needs one; empty when there may be one, or none is needed."""
    if not trains(spec):
        return ""
    return next(filter(None, (_missing_for(engine, spec, profile, name) for engine in engines_of(spec, profile))), "")


def images_apart(spec: ReconstructionJobSpec, profile: ProfileSpec, name: str) -> str:
    """Why several engines can't share a pod; empty where they can."""
    first, *others = engines_of(spec, profile)
    other = next((each for each in others if each.image != first.image), None)
    if other is None:
        return ""
    return (
        f"spec.engines: profile {name!r} has an image for {first.name!r} and another one for {other.name!r}, and the "
        "engines of a job run in one pod. Create a job for each, or ask for one image that has both."
    )


def engines_of(spec: ReconstructionJobSpec, profile: ProfileSpec) -> list[EngineImage]:
    """What the profile says of the job's engines, all of which it offers."""
    offered = {each.name: each for each in profile.engines}
    return [offered[name] for name in spec.all_engines]


def engine_field(spec: ReconstructionJobSpec) -> str:
    """The field of the spec that names what runs."""
    return "engine" if spec.engines is None else "engines"


def _missing_for(engine: EngineImage, spec: ReconstructionJobSpec, profile: ProfileSpec, name: str) -> str:
    gpu_only = _gpu_only(engine)
    if gpu_only and spec.training.device is Device.CPU:
        return f"spec.training.device: {engine.name!r} works on a GPU only; clear the field, or {_instead(profile)}."
    if offers_gpu(profile) or engine.name in CPU_ONLY:
        return ""
    if gpu_only:
        return (
            f"spec.{engine_field(spec)}: {engine.name!r} works on a GPU only, and profile {name!r} gives its pods "
            f"none; {_instead(profile)}."
        )
    if spec.training.device is Device.CUDA:
        return f"spec.training.device: profile {name!r} gives its pods no GPU; clear the field to train on the CPU."
    return ""


def _instead(profile: ProfileSpec) -> str:
    """Which of the profile's engines work without a GPU, as far as it is known here."""
    able = [each.name for each in profile.engines if not _gpu_only(each)]
    return f"choose {listed(able)}" if able else "choose another profile"


def _gpu_only(engine: EngineImage) -> bool:
    return engine.gpu_only if engine.gpu_only is not None else engine.name in GPU_ONLY


def trains(spec: ReconstructionJobSpec) -> bool:
    """Whether training is among the job's stages."""
    return any(stage.name is StageName.TRAIN for stage in graph_of(spec))


def offers_gpu(profile: ProfileSpec) -> bool:
    """Whether pods that train may find a GPU. Devices are resources with a domain (`nvidia.com/gpu`); a runtime class
    may bring them without asking."""
    return profile.gpu.runtime_class_name is not None or profile.gpu.names_device
