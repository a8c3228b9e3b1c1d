"""Reads a job's YAML, and finds its photos on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import click

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.manifests import JobManifest
from reconstruction_api.source import Source
from reconstruction_api.training import Device
from reconstruction_api.validation import parse_job

if TYPE_CHECKING:
    from reconstruction_worker.stage import Delivery


def read_job(path: Path) -> JobManifest:
    """The job in a YAML file. Raises InvalidSpec."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ReconstructionError("InvalidSpec", f"{path} is not a text file.") from None
    return parse_job(text)


@dataclass(frozen=True)
class LocalFolders:
    """Where things of a job are on this machine."""

    job_file: Path
    """The YAML; a relative path in it is meant from its folder."""
    volumes: Mapping[str, Path]
    """Folders that stand for volume claims."""
    jobs: Mapping[str, Path]
    """Results of other jobs."""
    results: Path
    """Where other jobs have left their results, each below its name, unless `jobs` says otherwise."""


def local_source(source: Source, folders: LocalFolders) -> Path | None:
    """Where a job's photos are on this machine, or the workspace of the job that it builds on; None when they have to
    be fetched. Raises SourceNotFound or DependencyNotReady."""
    from reconstruction_worker.ingest.sources import below_claim

    if source.job_ref is not None:
        return _workspace_of(source.job_ref.name, folders)
    if source.persistent_volume_claim is not None:
        claim = source.persistent_volume_claim
        if claim.claim_name not in folders.volumes:
            raise ReconstructionError(
                "SourceNotFound",
                f"spec.source: claim '{claim.claim_name}' is on a cluster, not on this machine.",
                suggestion=f"Say which folder stands for it: --volume {claim.claim_name}=DIR",
            )
        return below_claim(folders.volumes[claim.claim_name], claim)
    assert source.uri is not None
    address = urlsplit(source.uri)
    if address.scheme == "file":
        return Path(unquote(address.path))
    if "://" in source.uri:
        return None
    return folders.job_file.resolve().parent / Path(source.uri).expanduser()


def local_delivery(job: JobManifest, folders: LocalFolders) -> Delivery | None:
    """Whose results are published, and where a claim or a path of spec.destination is on this machine. Raises
    DestinationNotFound."""
    from reconstruction_worker.stage import Delivery

    destination = job.spec.destination
    if destination is None:
        return None
    folder: Path | None = None
    if (claim := destination.persistent_volume_claim) is not None:
        if claim.claim_name not in folders.volumes:
            raise ReconstructionError(
                "DestinationNotFound",
                f"spec.destination: claim '{claim.claim_name}' is on a cluster, not on this machine.",
                suggestion=f"Say which folder stands for it: --volume {claim.claim_name}=DIR",
            )
        folder = folders.volumes[claim.claim_name].absolute()
    elif destination.uri is not None and "://" not in destination.uri:
        folder = folders.job_file.resolve().parent / Path(destination.uri).expanduser()
    return Delivery(
        namespace=job.metadata.namespace or "default",
        name=job.metadata.name,
        folder=str(folder) if folder is not None else None,
    )


def _workspace_of(name: str, folders: LocalFolders) -> Path:
    """Of another job that was run here."""
    out = folders.jobs.get(name, folders.results / name)
    if (out / "workspace").is_dir():
        return out / "workspace"
    raise ReconstructionError(
        "DependencyNotReady",
        f"spec.source.jobRef: job '{name}' was not run here; {out} holds no results.",
        suggestion=f"Run it first, or say where its results are: --job {name}=DIR",
    )


def parse_folders(option: str, what: str, pairs: tuple[str, ...]) -> dict[str, Path]:
    """Options like `--volume CLAIM=DIR`. Raises a usage error."""
    folders: dict[str, Path] = {}
    for pair in pairs:
        name, separator, folder = pair.partition("=")
        if not (name and separator and folder):
            raise click.UsageError(f"--{option} {pair}: expected {what}=DIR, such as photos=./photos.")
        folders[name] = Path(folder).expanduser()
    return folders


def check_engine(name: str) -> None:
    """Raises EngineUnavailable when no such engine is installed, naming those that are."""
    from reconstruction_worker.engines.registry import available, unavailable

    if name not in (known := available()):
        raise unavailable(name, list(known))


def check_camera_path(spec: ReconstructionJobSpec, job_file: Path) -> None:
    """Raises InvalidSpec or InvalidPoses where the turntable's camera goes by a file that is not there or has a
    mistake: hours may pass until a frame is rendered."""
    if spec.turntable is None or spec.turntable.path_file is None:
        return
    from reconstruction_worker.turntable.named_path import missing, shown_name
    from reconstruction_worker.turntable.path_file import read_path
    from reconstruction_worker.turntable.path_place import path_file_of

    named = spec.turntable.path_file
    if (file := path_file_of(spec, job_file.resolve().parent)) is None:
        raise missing(named)
    read_path(file, shown_name(named))


def check_hardware(spec: ReconstructionJobSpec) -> None:
    """Raises GPUUnavailable, HostOutOfMemory or WeightsUnavailable for a job that needs what this machine does not
    have, EngineUnavailable where only the installed libraries are missing something, and InvalidSpec for one that asks
    an engine for what it can't do: hours may pass until training finds out."""
    from reconstruction_worker.engines.graphics import check_image
    from reconstruction_worker.engines.registry import engine_spec
    from reconstruction_worker.engines.requirements import check_job, check_machine
    from reconstruction_worker.poses.choose_network import check_spec

    check_spec(spec)
    for engine in map(engine_spec, spec.all_engines):
        check_job(spec, engine)
        check_machine(engine)
        if engine.needs_gpu or (spec.training.device is Device.CUDA and engine.uses_gpu):
            from reconstruction_worker.engines.training.device import choose_device  # takes seconds: it imports torch

            choose_device(spec.training.device, engine)
        check_image(spec.training.device, engine, promised=False)
