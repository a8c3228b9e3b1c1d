"""Where the file of `spec.turntable.pathFile` is: below a mounted ConfigMap, or beside a local run's YAML."""

from __future__ import annotations

from pathlib import Path

from reconstruction_api.job import ReconstructionJobSpec


def path_file_of(spec: ReconstructionJobSpec, folder: Path | None) -> Path | None:
    """None where the job names no such file, or it is not in `folder`. Keys of ConfigMaps lead nowhere else: they hold
    no slash, and neither `.` nor `..` is a file."""
    named = spec.turntable.path_file if spec.turntable is not None else None
    if named is None or folder is None:
        return None
    file = folder / named.key
    return file if file.is_file() else None
