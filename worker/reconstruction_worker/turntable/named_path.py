"""The poses of the file that `spec.turntable.pathFile` names."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.stages import BY_NAME, StageName
from reconstruction_api.turntable import PathCoordinates, PathFile

from ..stage import StageContext
from ..stage_files import TRANSFORMS
from .path_file import PathPose, read_path
from .path_place import path_file_of


def poses_of_file(context: StageContext) -> list[PathPose]:
    """None for other paths. Raises InvalidSpec where there is no such file, and what `read_path` raises."""
    named = context.spec.turntable.path_file if context.spec.turntable is not None else None
    if named is None:
        return []
    file = path_file_of(context.spec, context.camera_path)
    if file is None:
        raise missing(named)
    world = _world_from_provided(context) if named.coordinates is PathCoordinates.PROVIDED else None
    return read_path(file, shown_name(named), world)


def missing(named: PathFile) -> ReconstructionError:
    """There is no such file."""
    return ReconstructionError(
        "InvalidSpec",
        f"spec.turntable.pathFile: there is no entry {named.key!r} of ConfigMap {named.config_map_name!r}; in local "
        f"runs, no file {named.key!r} beside the job's YAML.",
        suggestion=f"Create it: kubectl create configmap {named.config_map_name} --from-file={named.key}=FILE; then "
        "raise spec.redo.render.",
        details={"field": "spec.turntable.pathFile"},
    )


def shown_name(named: PathFile) -> str:
    """In messages."""
    return f"{named.key} (spec.turntable.pathFile)"


def _world_from_provided(context: StageContext) -> NDArray[np.float64]:
    poses = context.of(StageName.POSES)
    registration = json.loads((poses / BY_NAME[StageName.POSES].document).read_text(encoding="utf-8"))
    if registration["method"] != "provided":
        raise ReconstructionError(
            "InvalidSpec",
            "spec.turntable.pathFile.coordinates is Provided, but the photos came without camera poses.",
            suggestion="Use coordinates Scene, those of the report's viewer and of poses/transforms.json.",
            details={"field": "spec.turntable.pathFile.coordinates"},
        )
    transforms = json.loads((poses / TRANSFORMS).read_text(encoding="utf-8"))
    return np.asarray(transforms["worldFromModel"], np.float64)
