"""Reads what an estimate is asked about, and prints it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from statistics import median

import click
import yaml

from reconstruction_api.defaults import completed, filled, values_of
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.manifests import JobManifest
from reconstruction_api.names import CLUSTER_PROFILE_KIND, PROFILE_KIND
from reconstruction_api.profile import ClusterProfileSpec, ProfileSpec

from ..cluster.commands.options import Target
from ..jobs import LocalFolders, local_source, parse_folders, read_job
from ..new_job import look_at
from .cluster_jobs import cluster_jobs
from .estimate import estimate
from .rates import samples_in
from .words import lines_of, warnings_of

_USUAL_SIDE = 4000
"""Pixels of photos that nobody has looked at."""


def print_estimates(
    job_file: Path,
    profiles: tuple[Path, ...],
    count: int | None,
    volumes: tuple[str, ...],
    results: Path,
    target: Target,
    *,
    in_cluster: bool | None,
) -> None:
    """For each profile, or for this machine where none is named. Raises InvalidSpec, a usage error where nobody says
    how many photos there are, and, where a cluster is to be asked by all means, what keeps it from answering."""
    job = read_job(job_file)
    photos, side, said = _photos(job, job_file, count, volumes)
    click.echo(said)
    elsewhere = cluster_jobs(target, in_cluster)
    if elsewhere.said:
        click.echo(elsewhere.said)
    for name, profile in [_profile(path) for path in profiles] or [("", None)]:
        spec = _completed(job.spec, profile)
        gpu = profile.gpu.names_device if profile is not None else _gpu_here()
        for engine in spec.all_engines:
            single = spec.for_engine(engine) if spec.engines is not None else spec
            samples = [*samples_in(results, engine, on_gpu=gpu), *elsewhere.samples(engine, on_gpu=gpu)]
            found = estimate(single, photos, side, samples, profile, name, gpu_here=gpu)
            if spec.engines is not None:
                click.echo(f"\nAlone with {engine}, one of {len(spec.engines)} that run one after the other:")
            click.echo("\n" + "\n".join(lines_of(found)))
            if profile is not None:
                limits = [profile.cpu.limits.get("memory"), profile.gpu.limits.get("memory")]
                for line in warnings_of(found, profile.workspace.size, limits):
                    click.echo(f"  ! {line}")


def _photos(job: JobManifest, job_file: Path, count: int | None, volumes: tuple[str, ...]) -> tuple[int, int, str]:
    """How many, the longer side in pixels, and a line about them."""
    if count is not None:
        return count, _USUAL_SIDE, f"{count} photos, as --photos says; of {_USUAL_SIDE} pixels (a guess)"
    folders = LocalFolders(job_file, parse_folders("volume", "CLAIM", volumes), {}, Path("out"))
    place = local_source(job.spec.source, folders) if job.spec.source.job_ref is None else None
    if place is None or not place.exists():
        raise click.UsageError("The photos are not on this machine: say how many there are with --photos.")
    found = look_at(place)
    frames = found.videos * job.spec.images.video_frames
    line = "; ".join(found.lines())
    return found.count + frames, round(median(found.long_sides)), f"{line} (measured)"


def _profile(file: Path) -> tuple[str, ProfileSpec]:
    """Name and content. Raises InvalidSpec."""
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        kind, name = document["kind"], document["metadata"]["name"]
        if kind not in (PROFILE_KIND, CLUSTER_PROFILE_KIND):
            raise ValueError(kind)
        return name, ClusterProfileSpec.model_validate(document["spec"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        raise ReconstructionError(
            "InvalidSpec",
            f"{file} is no profile that can be read.",
            suggestion=f"Name the YAML of a {PROFILE_KIND} or {CLUSTER_PROFILE_KIND}.",
        ) from None


def _completed(spec: ReconstructionJobSpec, profile: ProfileSpec | None) -> ReconstructionJobSpec:
    defaults = profile.defaults if profile is not None else None
    return completed(spec, filled(spec, values_of(defaults)))


def _gpu_here() -> bool:
    """Whether the driver's files are there: PyTorch takes seconds to import."""
    return Path("/dev/nvidia0").exists() and importlib.util.find_spec("torch") is not None
