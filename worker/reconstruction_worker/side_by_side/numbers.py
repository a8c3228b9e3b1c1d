"""What an engine's workspace says of its result, in numbers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from reconstruction_api.base import ApiModel
from reconstruction_api.documents.engines import EngineFailure, EnginesDocument, EngineStanding
from reconstruction_api.documents.quality import FILE as QUALITY_FILE
from reconstruction_api.documents.quality import QualityDocument
from reconstruction_api.metric_names import ENGINE_FAILURE, ENGINE_SECONDS, Metric, of_engine
from reconstruction_api.stages import StageName

from ..files import write_atomically
from ..records import StageRecord, read_record
from ..stage import folder_of
from .failed import read_failed
from .held import Held
from .workspaces import APART, workspace_of

MEMORY_FILE: Final = "memory.json"
_CPU: Final = "CPU"


class KeptMemory(ApiModel):
    """The most that was still held after a process of the engine's had ended, in bytes."""

    memory: int = 0
    gpu: int | None = None


def add_kept(own: Path, kept: Held) -> None:
    """After one more of the engine's processes."""
    before = read_kept(own)
    gpu = kept.gpu if before.gpu is None else max(before.gpu, kept.gpu or 0)
    most = KeptMemory(memory=max(before.memory, kept.memory), gpu=gpu)
    write_atomically(own / MEMORY_FILE, most.model_dump_json() + "\n")


def read_kept(own: Path) -> KeptMemory:
    try:
        return KeptMemory.model_validate_json((own / MEMORY_FILE).read_bytes(), extra="ignore")
    except (FileNotFoundError, ValidationError):
        return KeptMemory()


def standing_of(own: Path, name: str) -> EngineStanding:
    """Of the engine with this workspace. What it has measured counts as well where it failed by that."""
    records = [record for stage in APART[:-1] if (record := read_record(own, stage)) is not None]
    end, kept = read_failed(own), read_kept(own)
    known = {
        "name": name,
        "seconds": round(sum(record.seconds for record in records), 1),
        "peak_memory_bytes": max((record.peak_memory_bytes for record in records), default=0),
        "kept_memory_bytes": kept.memory,
        "kept_gpu_memory_bytes": kept.gpu,
    }
    faces = next((record.metrics.get(Metric.FACES) for record in records if record.stage is StageName.MESH), None)
    if isinstance(faces, int):
        known["faces"] = faces
    quality = _quality(own)
    if quality is not None:
        mesh = quality.mesh
        measured = {
            "verdict": quality.verdict,
            "psnr": quality.psnr,
            "ssim": quality.ssim,
            "lpips": quality.lpips,
            "mesh_psnr": mesh.psnr if mesh is not None else None,
            "mesh_coverage": mesh.coverage if mesh is not None else None,
        }
        known |= {key: value for key, value in measured.items() if value is not None}
    if end is not None and end.stage is not StageName.EXPORT:  # which is said where files are delivered
        failure = end.failure
        known["failure"] = EngineFailure(code=failure.code, stage=end.stage, message=failure.message)
    return EngineStanding.model_validate(known)


def _quality(own: Path) -> QualityDocument | None:
    """Of the present evaluation: what an earlier one has left says nothing of this one."""
    end = read_failed(own)
    if read_record(own, StageName.EVALUATE) is None and (end is None or end.stage is not StageName.EVALUATE):
        return None
    try:
        return QualityDocument.read_if_there(folder_of(own, StageName.EVALUATE) / QUALITY_FILE)
    except ValueError:
        return None


def metrics_of(workspace: Path, document: EnginesDocument) -> dict[str, str | int]:
    """For `status.metrics`: the best one's as those of the job, and some of each under its name."""
    own = workspace_of(workspace, document.best)
    numbers: dict[str, str | int] = {}
    for stage in APART[:-1]:
        record = read_record(own, stage)
        numbers |= record.metrics if record is not None else {}
    trained = (read_record(workspace_of(workspace, each.name), StageName.TRAIN) for each in document.engines)
    numbers[Metric.DEVICE] = device_of(record for record in trained if record is not None)
    numbers[Metric.BEST_ENGINE] = document.best
    for each in document.engines:
        own_numbers: dict[str, str | int | None] = {
            Metric.PSNR: None if each.psnr is None else f"{each.psnr:.2f}",
            Metric.SSIM: None if each.ssim is None else f"{each.ssim:.3f}",
            Metric.MESH_PSNR: None if each.mesh_psnr is None else f"{each.mesh_psnr:.2f}",
            Metric.QUALITY_VERDICT: None if each.verdict is None else str(each.verdict),
            ENGINE_SECONDS: round(each.seconds),
            ENGINE_FAILURE: None if each.failure is None else each.failure.code,
        }
        numbers |= {of_engine(each.name, name): value for name, value in own_numbers.items() if value is not None}
    return numbers


def device_of(records: Iterable[StageRecord]) -> str:
    """What trained: a GPU, if any engine has used one."""
    devices = [str(record.metrics[Metric.DEVICE]) for record in records if Metric.DEVICE in record.metrics]
    return next((device for device in devices if device != _CPU), _CPU)
