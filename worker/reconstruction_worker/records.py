"""Records: proof, beside a stage's files, of what they were made from.

A stage's key is a digest of its settings, of the outputs of the stages it needs, of its code's version, for ingest of
the source's identity, and for an engine that asks for it of the versions of libraries. Where a record has the wanted
key and its outputs are still there, the stage is not run. A job that keeps an earlier plan wants the digest and the
code version of that plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from reconstruction_api.base import ApiModel
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import STAGES, Stage, StageName, digest, stage_settings

from .files import sha256_of, write_atomically
from .stage import folder_of

CODE_VERSIONS: Final[Mapping[StageName, int]] = {stage.name: stage.code_version for stage in STAGES}
"""Of this worker's code."""

ALWAYS_VERIFIED_BYTES: Final = 2**20
"""Outputs up to this size are compared by content before a stage is skipped; larger ones by size."""


class OutputFile(ApiModel):
    """A file that a stage left; `path` is relative to the workspace."""

    path: str
    size: int
    sha256: str


class StageRecord(ApiModel):
    """Content of `stages/<name>.json`."""

    stage: StageName
    key: str
    digest: str
    """`stage_digests` entry of the spec it was made for."""
    code_version: int
    inputs: dict[str, str] = Field(default_factory=dict)
    """Digest of the outputs of each stage that was read."""
    source: str | None = None
    """Identity of the source, for ingest."""
    outputs: list[OutputFile] = Field(default_factory=list)
    message: str = ""
    metrics: dict[str, str | int] = Field(default_factory=dict)
    seconds: float = 0
    peak_memory_bytes: int = 0
    completed: str = ""
    """When, RFC 3339."""

    @property
    def outputs_digest(self) -> str:
        """Digest of the names and contents of all outputs."""
        return digest([[file.path, file.sha256] for file in self.outputs])


def record_key(
    stage: Stage,
    spec: ReconstructionJobSpec,
    inputs: Mapping[str, str],
    source: str | None,
    code_version: int,
    libraries: Mapping[str, str],
) -> str:
    """What a stage's files depend on, as one digest. `libraries` are only those whose versions the result changes
    with."""
    document = {
        "stage": stage.name,
        "settings": stage_settings(stage, spec),
        "inputs": dict(inputs),
        "codeVersion": code_version,
        "source": source,
    }
    return digest(document | ({"libraries": dict(libraries)} if libraries else {}))


def read_record(workspace: Path, stage: StageName) -> StageRecord | None:
    """The record of a stage; None when there is none, or none that can be read. A newer worker may have written more
    into it."""
    try:
        return StageRecord.model_validate_json(_record_path(workspace, stage).read_bytes(), extra="ignore")
    except (FileNotFoundError, ValidationError):
        return None


def write_record(workspace: Path, record: StageRecord) -> None:
    """Written after all outputs, so that its presence vouches for them."""
    write_atomically(_record_path(workspace, record.stage), record.model_dump_json(by_alias=True, indent=1) + "\n")


def remove_record(workspace: Path, stage: StageName) -> None:
    """To be done before a stage's files are touched."""
    _record_path(workspace, stage).unlink(missing_ok=True)


def outputs_of(workspace: Path, stage: StageName) -> list[OutputFile]:
    """All files in a stage's folder with their checksums, ordered by path."""
    files = sorted(path for path in folder_of(workspace, stage).rglob("*") if path.is_file() and not path.is_symlink())
    return [
        OutputFile(path=path.relative_to(workspace).as_posix(), size=path.stat().st_size, sha256=sha256_of(path))
        for path in files
    ]


def damaged_output(workspace: Path, record: StageRecord, *, every_byte: bool = False) -> str | None:
    """Path of the first output that is missing or changed; None when all are as recorded."""
    for output in record.outputs:
        path = workspace / output.path
        if not path.is_file() or path.stat().st_size != output.size:
            return output.path
        if (every_byte or output.size <= ALWAYS_VERIFIED_BYTES) and sha256_of(path) != output.sha256:
            return output.path
    return None


def peak_memory_bytes(workspace: Path) -> int:
    """The most memory that any recorded stage has held."""
    records = (read_record(workspace, name) for name in StageName)
    return max((record.peak_memory_bytes for record in records if record), default=0)


def mark_started(workspace: Path, stage: StageName, key: str) -> None:
    """Remember which key the files in a stage's folder are being made for."""
    write_atomically(_marker_path(workspace, stage), key)


def started_key(workspace: Path, stage: StageName) -> str | None:
    """Key of an unfinished run of the stage."""
    try:
        return _marker_path(workspace, stage).read_text()
    except FileNotFoundError:
        return None


def clear_started(workspace: Path, stage: StageName) -> None:
    """The stage has ended, or what it left must not be resumed."""
    _marker_path(workspace, stage).unlink(missing_ok=True)


def _record_path(workspace: Path, stage: StageName) -> Path:
    return workspace / "stages" / f"{stage}.json"


def _marker_path(workspace: Path, stage: StageName) -> Path:
    return workspace / "stages" / f"{stage}.started"
