"""The Job that removes what a job has published: a pod like the one that has published it, without the workspace, which
may be gone, and without a queue, for it does next to nothing."""

from __future__ import annotations

from typing import Any

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.names import LABEL_CLASS, LABEL_QUEUE, REMOVAL
from reconstruction_api.profile import ClusterProfileSpec
from reconstruction_api.stages import ResourceClass
from reconstruction_api.status import ClassRun

from ..model import JobView
from .child_job import child_job
from .child_names import removal_job_name

_SECONDS = 3600
_WORKSPACE = "workspace"


def removal_job(job: JobView, spec: ReconstructionJobSpec, profile: ClusterProfileSpec, attempt: int) -> dict[str, Any]:
    """A batch/v1 Job."""
    run = ClassRun(
        resource_class=ResourceClass.DELIVER,
        digest=REMOVAL,
        attempt=attempt,
        job_name=removal_job_name(job.key.name, job.uid, attempt),
    )
    document = child_job(
        job,
        spec,
        run,
        profile,
        digest_label=REMOVAL,
        source_claim=None,
        progress_url=None,
        remaining_seconds=_SECONDS,
    )
    document["spec"].pop("suspend", None)
    for marks in (document["metadata"]["labels"], document["spec"]["template"]["metadata"]["labels"]):
        marks[LABEL_CLASS] = REMOVAL
        marks.pop(LABEL_QUEUE, None)
    pod = document["spec"]["template"]["spec"]
    container = pod["containers"][0]
    container["command"] = ["python3", "-m", "reconstruction_worker.unpublish"]
    container["volumeMounts"] = [each for each in container["volumeMounts"] if each["name"] != _WORKSPACE]
    pod["volumes"] = [each for each in pod["volumes"] if each["name"] != _WORKSPACE]
    return document
