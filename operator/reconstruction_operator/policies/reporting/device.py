"""What a job was trained on: nobody should have to guess why a training took a day."""

from __future__ import annotations

from reconstruction_api.metric_names import Metric
from reconstruction_api.reasons import Reason
from reconstruction_api.training import Device

from ..control.hardware import offers_gpu
from ..control.situation import Situation

CPU = "CPU"
"""Value of the metric where no GPU was used."""


def trained_on_gpu(situation: Situation, metrics: dict[str, str | int]) -> tuple[bool, str, str] | None:
    """Status, reason and message of the condition; None until a worker has said what it trained on."""
    device, acceptance = metrics.get(Metric.DEVICE), situation.acceptance
    if not isinstance(device, str) or acceptance.planned is None:
        return None
    if device != CPU:
        return True, Reason.GPU, f"Trained on {device}."
    if acceptance.planned.spec.training.device is Device.CPU:
        return False, Reason.CPU_REQUESTED, "Trained on the CPU, as spec.training.device says."
    fell_back = "spec.training.device is Auto: trained on the CPU, for"
    if acceptance.profile is None or not offers_gpu(acceptance.profile):
        return False, Reason.NO_GPU_IN_PROFILE, f"{fell_back} the profile gives its pods no GPU."
    return False, Reason.NO_GPU_FOUND, f"{fell_back} the pod found no GPU that it can use."
