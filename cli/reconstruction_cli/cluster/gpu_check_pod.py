"""The pod that checks a GPU: what a profile gives to pods that train, without a job and without a workspace."""

from __future__ import annotations

from typing import Any, Final

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.names import ENV_GPU, GPU_PROMISED, GROUP
from reconstruction_api.pod_equipment import environment, literal, mounts, volumes
from reconstruction_api.pod_security import pod_security_context
from reconstruction_api.profile import ClusterProfileSpec

from .connection import Document
from .pod_logs import CONTAINER
from .profiles import Profile

LABEL_GPU_CHECK: Final = f"{GROUP}/gpu-check"
LONGEST_SECONDS: Final = 3600
"""After which the pod is ended, should nobody be there to remove it."""
HAS_NO_CHECK: Final = 93
"""Exit status of an image in which the check is not installed."""

_PROGRAM: Final = f"""
import importlib.util, runpy, sys
try:
    found = importlib.util.find_spec("reconstruction_worker.gpu_check")
except ModuleNotFoundError:
    found = None
if found is None:
    sys.exit({HAS_NO_CHECK})
runpy.run_module("reconstruction_worker.gpu_check", run_name="__main__", alter_sys=True)
"""


def image_of(profile: Profile, engine: str | None) -> str:
    """The image that runs an engine; where none is named, the default engine or the first. Raises EngineUnavailable."""
    defaults = profile.spec.defaults
    images = {each.name: each.image for each in profile.spec.engines}
    wanted = engine or (defaults.engine if defaults is not None else None) or profile.spec.engines[0].name
    if wanted not in images:
        known = ", ".join(images)
        raise ReconstructionError(
            "EngineUnavailable", f"{profile.full_name} has no engine '{wanted}'. It has: {known}."
        )
    return images[wanted]


def manifest(profile: Profile, image: str, name: str, arguments: tuple[str, ...]) -> Document:
    """The pod, placed and equipped as the profile asks for pods that train. Raises GPUUnavailable for a profile that
    asks for no device."""
    spec = profile.spec
    if not spec.gpu.names_device:
        raise ReconstructionError(
            "GPUUnavailable",
            f"{profile.full_name} asks for no GPU: spec.gpu.limits names no device.",
            suggestion="Name a profile that has one with --profile, or add it to spec.gpu.limits of this one, such as "
            "nvidia.com/gpu: 1.",
        )
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": LONGEST_SECONDS,
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security_context(spec),
        "containers": [_container(spec, image, arguments)],
        "volumes": volumes(spec),
    }
    optional = {
        "nodeSelector": dict(spec.gpu.node_selector),
        "tolerations": list(spec.gpu.tolerations),
        "runtimeClassName": spec.gpu.runtime_class_name,
        "serviceAccountName": spec.service_account_name,
        "imagePullSecrets": [{"name": each} for each in spec.image_pull_secrets],
    }
    pod |= {field: value for field, value in optional.items() if value}
    metadata = {"name": name, "labels": {LABEL_GPU_CHECK: "true", "app.kubernetes.io/part-of": "reconstruction"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod}


def _container(spec: ClusterProfileSpec, image: str, arguments: tuple[str, ...]) -> dict[str, Any]:
    variables = environment(spec) | {ENV_GPU: literal(ENV_GPU, GPU_PROMISED)}
    return {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": spec.image_pull_policy,
        "command": ["python3", "-c", _PROGRAM, *(argument.replace("$", "$$") for argument in arguments)],
        "env": list(variables.values()),
        "resources": {"requests": dict(spec.gpu.requests), "limits": dict(spec.gpu.limits)},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts(spec),
    }
