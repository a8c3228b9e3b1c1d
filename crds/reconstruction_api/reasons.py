"""Reasons of conditions and events that more than one part knows: written by the operator, looked for by others.

Other reasons are the operator's own; where something failed, the reason is the code of the catalogue (`errors`).
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """A reason never changes its name: alerts and scripts of users hold it."""

    PAUSED = "Paused"
    """Of Suspended: spec.pauseAfter names a stage that is done."""
    SUSPENDED = "Suspended"
    """Of Suspended: spec.suspend is true."""
    SOFT_DEADLINE_EXCEEDED = "SoftDeadlineExceeded"
    """Of Suspended: spec.softDeadlineSeconds have passed."""
    RETRYING = "Retrying"
    """Of Succeeded: an attempt has failed, and another one follows."""
    QUALITY_PASSED = "QualityPassed"
    """Of Validated."""
    QUALITY_WARNING = "QualityWarning"
    """Of Validated: between the bar for a warning and the one for a pass."""
    QUALITY_FAILED = "QualityFailed"
    """Of Validated: below the bar."""
    GPU = "GPU"
    """Of TrainedOnGPU: the message names it."""
    CPU_REQUESTED = "CPURequested"
    """Of TrainedOnGPU: spec.training.device is CPU."""
    NO_GPU_IN_PROFILE = "NoGPUInProfile"
    """Of TrainedOnGPU: spec.training.device is Auto, and the profile asks for no device."""
    NO_GPU_FOUND = "NoGPUFound"
    """Of TrainedOnGPU: spec.training.device is Auto, and the pod's node had none that could be used."""
    STARTED = "Started"
    """Event: the job has begun to run."""
