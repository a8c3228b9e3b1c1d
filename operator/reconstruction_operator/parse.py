"""From Kubernetes objects as JSON to what the operator remembers of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from reconstruction_api.names import (
    LABEL_ATTEMPT,
    LABEL_CLASS,
    LABEL_DIGEST,
    LABEL_JOB,
    LABEL_JOB_UID,
    LABEL_QUEUE,
)
from reconstruction_api.stages import ResourceClass
from reconstruction_api.text import MESSAGE_LIMIT, one_line

from .manifests.pod import CONTAINER
from .model import ChildJob, Claim, Container, JobKey, Pod, ProfileView
from .times import parse_time

Document = dict[str, Any]
LABEL_CHILD_JOB = "batch.kubernetes.io/job-name"


def labels(document: Document) -> dict[str, str]:
    return document["metadata"].get("labels") or {}


def parent_key(document: Document) -> JobKey | None:
    """The ReconstructionJob that the object says it belongs to."""
    name = labels(document).get(LABEL_JOB)
    return JobKey(document["metadata"]["namespace"], name) if name else None


def profile(document: Document) -> ProfileView:
    metadata = document["metadata"]
    return ProfileView(
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        generation=metadata.get("generation", 0),
        spec=document.get("spec") or {},
        uid=metadata.get("uid", ""),
    )


def concurrency(document: Document) -> tuple[int | None, int | None]:
    """How many jobs of a profile may run at the same time: in all, and of each namespace."""
    limits = (document.get("spec") or {}).get("limits") or {}
    jobs, of_namespace = limits.get("maxConcurrentJobs"), limits.get("maxConcurrentJobsPerNamespace")
    return jobs if isinstance(jobs, int) else None, of_namespace if isinstance(of_namespace, int) else None


def child_job(document: Document) -> ChildJob:
    metadata, status, marks = document["metadata"], document.get("status") or {}, labels(document)
    conditions = {each["type"]: each for each in status.get("conditions") or [] if each.get("status") == "True"}
    end = conditions.get("Complete") or conditions.get("Failed") or {}
    return ChildJob(
        name=metadata["name"],
        uid=metadata["uid"],
        parent_uid=marks.get(LABEL_JOB_UID, ""),
        resource_class=_resource_class(marks.get(LABEL_CLASS)),
        digest=marks.get(LABEL_DIGEST, ""),
        attempt=int(marks[LABEL_ATTEMPT]) if marks.get(LABEL_ATTEMPT, "").isdigit() else 0,
        succeeded="Complete" in conditions,
        failed="Failed" in conditions,
        reason=_text(end, "reason"),
        message=_text(end, "message"),
        deleting="deletionTimestamp" in metadata,
        suspended=bool((document.get("spec") or {}).get("suspend")),
        queue=marks.get(LABEL_QUEUE, ""),
        created=parse_time(metadata.get("creationTimestamp")),
        ended=parse_time(end.get("lastTransitionTime")),
    )


def pod(document: Document) -> Pod:
    metadata, status = document["metadata"], document.get("status") or {}
    marks = labels(document)
    conditions = {each["type"]: each for each in status.get("conditions") or []}
    scheduled = conditions.get("PodScheduled") or {}
    disruption = conditions.get("DisruptionTarget") or {}
    disrupted = disruption.get("status") == "True"
    return Pod(
        name=metadata["name"],
        uid=metadata["uid"],
        parent_uid=marks.get(LABEL_JOB_UID, ""),
        job_name=marks.get(LABEL_CHILD_JOB, ""),
        phase=status.get("phase", "Pending"),
        reason=_text(status, "reason"),
        message=(_text(disruption, "message") if disrupted else "") or _text(status, "message"),
        deleting="deletionTimestamp" in metadata,
        deadline_seconds=(document.get("spec") or {}).get("activeDeadlineSeconds"),
        stop_by=parse_time(metadata.get("deletionTimestamp")),
        node=(document.get("spec") or {}).get("nodeName", ""),
        disrupted=disrupted,
        scheduled=_scheduled(scheduled, document),
        unscheduled_reason=_text(scheduled, "reason") if scheduled.get("status") == "False" else "",
        unscheduled_message=_text(scheduled, "message") if scheduled.get("status") == "False" else "",
        created=parse_time(metadata.get("creationTimestamp")),
        container=_container(status),
        accompanied=_is_accompanied(status),
    )


def claim(document: Document) -> Claim:
    metadata = document["metadata"]
    owners = [owner["uid"] for owner in metadata.get("ownerReferences") or [] if owner.get("controller")]
    return Claim(
        name=metadata["name"],
        uid=metadata["uid"],
        parent_uid=owners[0] if owners else "",
        job_name=labels(document).get(LABEL_JOB, ""),
        phase=(document.get("status") or {}).get("phase", "Pending"),
        volume=(document.get("spec") or {}).get("volumeName", ""),
        deleting="deletionTimestamp" in metadata,
        created=parse_time(metadata.get("creationTimestamp")),
    )


def _scheduled(condition: Document, document: Document) -> datetime | None:
    if condition.get("status") == "True":
        return parse_time(condition.get("lastTransitionTime"))
    if (document.get("spec") or {}).get("nodeName"):
        return parse_time(document["metadata"].get("creationTimestamp"))
    return None


def _is_accompanied(status: Document) -> bool:
    """Init containers that run beside the others (restartPolicy Always) are listed apart."""
    listed = [*(status.get("containerStatuses") or []), *(status.get("initContainerStatuses") or [])]
    return any(each.get("name") != CONTAINER and (each.get("state") or {}).get("running") for each in listed)


def _container(status: Document) -> Container:
    found = next((each for each in status.get("containerStatuses") or [] if each.get("name") == CONTAINER), None)
    state = (found or {}).get("state") or {}
    if ended := state.get("terminated"):
        return Container(
            started=parse_time(ended.get("startedAt")),
            ended=parse_time(ended.get("finishedAt")),
            exit_code=ended.get("exitCode"),
            reason=_text(ended, "reason"),
            message=ended.get("message") or "",
        )
    if running := state.get("running"):
        return Container(started=parse_time(running.get("startedAt")))
    waiting = state.get("waiting") or {}
    return Container(
        image=(found or {}).get("image", ""),
        waiting_reason=_text(waiting, "reason"),
        waiting_message=_text(waiting, "message"),
    )


def _text(document: Document, name: str) -> str:
    """Anybody with the right to write a pod's status may have written it."""
    return one_line(document.get(name) or "", MESSAGE_LIMIT)


def _resource_class(text: str | None) -> ResourceClass | None:
    try:
        return ResourceClass(text) if text else None
    except ValueError:
        return None
