"""What a profile allows a job to ask for, and how long it lets it run."""

from __future__ import annotations

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.profile import ProfileSpec
from reconstruction_api.training import Device

from .hardware import engine_field, engines_of, offers_gpu, trains


def excess(spec: ReconstructionJobSpec, profile: ProfileSpec, name: str) -> tuple[str, str] | None:
    """Code and message of the first thing that the job asks for and the profile does not allow."""
    for engine in engines_of(spec, profile):
        if engine.license is not None and engine.license not in profile.accepted_licenses:
            accepted = ", ".join(profile.accepted_licenses) or "none"
            return "LicenseNotAccepted", (
                f"spec.{engine_field(spec)}: the licence of {engine.name!r} is {engine.license!r}; profile {name!r} "
                f"accepts {accepted}."
            )
    problem = (
        _too_many_steps(spec, profile)
        or _above("activeDeadlineSeconds", spec.active_deadline_seconds, profile.limits.max_active_deadline_seconds)
        or _not_offered("queueName", "queue", spec.queue_name, profile.queue_names)
        or _not_offered("priorityClassName", "priority class", spec.priority_class_name, profile.priority_class_names)
    )
    return ("LimitExceeded", problem.format(profile=f"profile {name!r}")) if problem else None


def deadline_seconds(spec: ReconstructionJobSpec, profile: ProfileSpec | None) -> int | None:
    """How long the job may run."""
    if spec.active_deadline_seconds is not None or profile is None:
        return spec.active_deadline_seconds
    return profile.limits.max_active_deadline_seconds


def _too_many_steps(spec: ReconstructionJobSpec, profile: ProfileSpec) -> str:
    """Where the job names no number, the one that the worker takes on the hardware that the profile gives it."""
    if not trains(spec):
        return ""
    on_gpu = spec.training.device is not Device.CPU and offers_gpu(profile)
    steps, most = spec.training.planned_steps(on_gpu=on_gpu), profile.limits.max_steps
    if spec.training.steps is not None or most is None or steps <= most:
        return _above("training.steps", spec.training.steps, most)
    device = "GPU" if on_gpu else "CPU"
    return (
        f"spec.training.steps: a training on a {device} that names no number takes {steps} steps, more than the {most} "
        "that {profile} allows. Set it."
    )


def _above(field: str, value: int | None, most: int | None) -> str:
    if value is None or most is None or value <= most:
        return ""
    return f"spec.{field}: {value} is more than the {most} that {{profile}} allows."


def _not_offered(field: str, noun: str, value: str | None, offered: list[str]) -> str:
    if value is None or value in offered:
        return ""
    return f"spec.{field}: {{profile}} offers no {noun} {value!r}. It offers: {', '.join(offered) or 'none'}."
