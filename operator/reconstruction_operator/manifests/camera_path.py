"""The ConfigMap entry of `spec.turntable.pathFile`, in the pods that render the turntable.

The volume is optional: without the ConfigMap, or the entry, the stage says what is missing, and a turntable that was
rendered before stays.
"""

from __future__ import annotations

from typing import Any

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.names import CAMERA_PATH_PATH
from reconstruction_api.stages import BY_NAME, ResourceClass, StageName
from reconstruction_api.turntable import PathFile

_VOLUME = "camera-path"
_MODE = 0o444


def camera_path_volumes(spec: ReconstructionJobSpec, resource_class: ResourceClass) -> list[dict[str, Any]]:
    """With that one entry; none for other paths, and for pods that do not render."""
    file = _file(spec, resource_class)
    if file is None:
        return []
    items = [{"key": file.key, "path": file.key}]
    config = {"name": file.config_map_name, "items": items, "optional": True, "defaultMode": _MODE}
    return [{"name": _VOLUME, "configMap": config}]


def camera_path_mounts(spec: ReconstructionJobSpec, resource_class: ResourceClass) -> list[dict[str, Any]]:
    """Where the container sees it."""
    there = _file(spec, resource_class) is not None
    return [{"name": _VOLUME, "mountPath": CAMERA_PATH_PATH, "readOnly": True}] if there else []


def _file(spec: ReconstructionJobSpec, resource_class: ResourceClass) -> PathFile | None:
    renders = resource_class is BY_NAME[StageName.RENDER].resource_class
    return spec.turntable.path_file if renders and spec.turntable is not None else None
