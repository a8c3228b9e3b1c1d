"""Reads a job's YAML, and finds its photos on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import Source
from reconstruction_api.manifests import JobManifest
from reconstruction_api.validation import parse_job


def read_job(path: Path) -> JobManifest:
    """The job in a YAML file. Raises InvalidSpec."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ReconstructionError("InvalidSpec", f"{path} is not a text file.") from None
    return parse_job(text)


def local_source(source: Source, job_file: Path, volumes: Mapping[str, Path]) -> Path | None:
    """Where a job's photos are on this machine; None when they have to be fetched. A relative path is meant from the
    YAML's folder; claims are found by `volumes`. Raises SourceNotFound."""
    from reconstruction_worker.ingest.sources import below_claim

    if source.persistent_volume_claim is not None:
        claim = source.persistent_volume_claim
        if claim.claim_name not in volumes:
            raise ReconstructionError(
                "SourceNotFound",
                f"spec.source: claim '{claim.claim_name}' is on a cluster, not on this machine.",
                suggestion=f"Say which folder stands for it: --volume {claim.claim_name}=DIR",
            )
        return below_claim(volumes[claim.claim_name], claim)
    assert source.uri is not None
    address = urlsplit(source.uri)
    if address.scheme == "file":
        return Path(unquote(address.path))
    if "://" in source.uri:
        return None
    return job_file.resolve().parent / Path(source.uri).expanduser()


def parse_volumes(pairs: tuple[str, ...]) -> dict[str, Path]:
    """`CLAIM=DIR` options. Raises a usage error."""
    volumes: dict[str, Path] = {}
    for pair in pairs:
        claim, separator, folder = pair.partition("=")
        if not (claim and separator and folder):
            raise click.UsageError(f"--volume {pair}: expected CLAIM=DIR, such as photos=./photos.")
        volumes[claim] = Path(folder).expanduser()
    return volumes


def check_engine(name: str) -> None:
    """Raises EngineUnavailable when no such engine is installed, naming those that are."""
    from reconstruction_worker.engines.registry import available, unavailable

    if name not in (known := available()):
        raise unavailable(name, list(known))
