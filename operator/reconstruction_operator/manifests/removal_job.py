"""The Job that removes something of an ended job, without a queue, for it does next to nothing.

What was published is removed by a pod like the one that has published it, without the workspace, which may be gone;
parts of the workspace by one that has nothing else.
"""

from __future__ import annotations

from typing import Any

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.lifecycle import Removal
from reconstruction_api.names import LABEL_CLASS, LABEL_QUEUE, REMOVAL
from reconstruction_api.profile import ClusterProfileSpec
from reconstruction_api.stages import ResourceClass
from reconstruction_api.status import ClassRun

from ..model import JobView
from .child_job import child_job
from .child_names import removal_job_name

_SECONDS = 3600
_WORKSPACE = "workspace"


def removal_job(
    job: JobView, spec: ReconstructionJobSpec, profile: ClusterProfileSpec, what: Removal, attempt: int
) -> dict[str, Any]:
    """A batch/v1 Job."""
    published = what is Removal.PUBLISHED
    run = ClassRun(
        resource_class=ResourceClass.DELIVER,
        digest=what.value,
        attempt=attempt,
        job_name=removal_job_name(job.key.name, job.uid, what, attempt),
    )
    document = child_job(
        job,
        spec if published else spec.model_copy(update={"destination": None}),
        run,
        profile,
        digest_label=what.value,
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
    if published:
        container["command"] = ["python3", "-m", "reconstruction_worker.unpublish"]
        container["volumeMounts"] = [each for each in container["volumeMounts"] if each["name"] != _WORKSPACE]
        pod["volumes"] = [each for each in pod["volumes"] if each["name"] != _WORKSPACE]
    else:
        container["command"] = ["python3", "-m", "reconstruction_worker.tidying", what.value]
    return document
