"""Puts a job's YAML on the cluster."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import click

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.validation import parse_job
from reconstruction_api.yaml_text import read

from .connection import APPLY_PATCH, FIELD_MANAGER, Cluster, Document
from .jobs import Job, job_path, named_job, parse

_WRITTEN_BY_SERVER: Final = (
    "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields",
    "resourceVersion", "selfLink", "uid",
)  # fmt: skip


def submit(cluster: Cluster, file: str, *, explicit_namespace: bool, force: bool, dry_run: bool) -> Job:
    """Check a file, apply it on the server, say what came of it. `file` "-" is standard input.

    Raises InvalidSpec with every mistake; FieldConflict unless `force`.
    """
    text = _text(file)
    manifest = parse_job(text)
    name, namespace = manifest.metadata.name, manifest.metadata.namespace or cluster.namespace
    if explicit_namespace and namespace != cluster.namespace:
        raise click.UsageError(
            f"{file} names namespace '{namespace}', the command line '{cluster.namespace}'. Leave one of them out."
        )
    cluster.namespace = namespace
    before = named_job(cluster, name)
    query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict", "force": str(force).lower()}
    if dry_run:
        query["dryRun"] = "All"
    answer = cluster.call(
        "PATCH", job_path(namespace, name), query=query, body=_to_apply(read(text).data), content_type=APPLY_PATCH
    )
    job = parse(answer.body)
    if answer.status == 201:
        outcome = "created"
    else:
        outcome = "unchanged" if before is not None and before.generation == job.generation else "changed"
    click.echo(f"{job.full_name} {outcome}{' (dry run: nothing was stored)' if dry_run else ''}.")
    if outcome == "unchanged" and job.succeeded is False:
        click.echo(f"It has failed. To run it again as it is: recon retry {name} -n {namespace}")
    return job


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ReconstructionError("InvalidSpec", f"{file} is not a text file.") from None


def _to_apply(document: dict[str, Any]) -> Document:
    """What the user wants; a file saved from the cluster also holds what only the server writes."""
    metadata = {key: value for key, value in document["metadata"].items() if key not in _WRITTEN_BY_SERVER}
    return {key: value for key, value in document.items() if key != "status"} | {"metadata": metadata}
