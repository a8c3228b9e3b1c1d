"""What finished jobs of a cluster took, as their status says it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.metric_names import Metric
from reconstruction_api.stages import StageName, reused_stages
from reconstruction_api.status import ConditionType, ReconstructionJobStatus, StageState, StageStatus
from reconstruction_api.stored import read_status

from .rates import Sample
from .work import work_of

if TYPE_CHECKING:
    from ..cluster.commands.options import Target

_CPU: Final = "CPU"


@dataclass(frozen=True)
class ClusterJobs:
    """The jobs that a cluster was asked for."""

    documents: tuple[dict[str, Any], ...] = ()
    said: str = ""
    """A line about them; empty where no cluster was asked."""

    def samples(self, engine: str, *, on_gpu: bool) -> list[Sample]:
        """Of the finished jobs of an engine, on this kind of hardware."""
        return [sample for document in self.documents for sample in samples_of(document, engine, on_gpu=on_gpu)]


def cluster_jobs(target: Target, wanted: bool | None) -> ClusterJobs:
    """The jobs of the namespace. With `wanted` None a cluster is only asked where a kubeconfig leads to one, and one
    that does not answer is no failure."""
    if wanted is False or (wanted is None and not _has_cluster(target)):
        return ClusterJobs()
    from ..cluster.connection import connect
    from ..cluster.jobs import jobs_path

    try:
        cluster = connect(target)
        found = tuple(item for page in cluster.pages(jobs_path(cluster.namespace)) for item in page["items"])
    except ReconstructionError as error:
        if wanted:
            raise
        return ClusterJobs(said=f"No finished jobs of a cluster: {error.message}")
    count = sum(_has_finished(read_status(each.get("status")).status) for each in found)
    return ClusterJobs(found, f"{count} finished job{'' if count == 1 else 's'} in namespace {cluster.namespace}")


def samples_of(job: Mapping[str, Any], engine: str, *, on_gpu: bool) -> Iterable[Sample]:
    """Nothing of a job that has not finished, or with another engine, or on other hardware. A stage counts that was
    computed at once: what a job copies, or was interrupted in, tells nothing."""
    status = read_status(job.get("status")).status
    metrics = status.metrics or {}
    device, photos = metrics.get(Metric.DEVICE), metrics.get(Metric.IMAGES)
    if not _has_finished(status) or status.engine != engine or device is None or (device != _CPU) != on_gpu:
        return
    try:
        spec = ReconstructionJobSpec.model_validate({**job["spec"], "engine": engine}, extra="ignore")
    except (KeyError, ValidationError):  # of another release
        return
    work = work_of(spec, int(photos or 0), spec.images.max_side_pixels, on_gpu=on_gpu)
    copied, known = reused_stages(spec), {name.value for name in StageName}
    for stage in status.stages:
        seconds = _seconds(stage)
        if stage.name not in known or stage.name in copied or seconds <= 0:
            continue
        name = StageName(stage.name)
        steps = metrics.get(Metric.STEPS)
        units = float(steps) if name is StageName.TRAIN and steps else work.units(name)
        yield Sample(name, seconds, units, int(metrics.get(Metric.PEAK_MEMORY_BYTES) or 0))


def _has_finished(status: ReconstructionJobStatus) -> bool:
    return any(each.type == ConditionType.SUCCEEDED and each.status == "True" for each in status.conditions)


def _seconds(stage: StageStatus) -> float:
    """0 where it is not known, or was not done in one go."""
    if stage.state is not StageState.SUCCEEDED or (stage.attempt or 1) > 1:
        return 0.0
    if stage.start_time is None or stage.completion_time is None:
        return 0.0
    start, end = (datetime.fromisoformat(each) for each in (stage.start_time, stage.completion_time))
    return (end - start).total_seconds()


def _has_cluster(target: Target) -> bool:
    if importlib.util.find_spec("kubernetes") is None:
        return False
    if target.kubeconfig or target.context or target.namespace:
        return True
    named = os.environ.get("KUBECONFIG", "").split(os.pathsep)
    return any(Path(each).is_file() for each in (named if any(named) else [Path.home() / ".kube" / "config"]))
