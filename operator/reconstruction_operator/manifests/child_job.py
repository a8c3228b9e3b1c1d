"""The child Job: one attempt of one resource class.

A child Job never retries a failure (backoffLimit 0): counting attempts and waiting between them is the parent's. Pods
that end with the condition DisruptionTarget (preempted, evicted, drained, node lost) are replaced by Kubernetes within
the same Job and attempt, even while no operator runs, and only after the old pod has ended: two pods never share the
workspace. The parent also owns the Job's life time; it has no TTL of its own. With a queue the Job is created
suspended, and Kueue lets it start.
"""

from __future__ import annotations

from typing import Any

from reconstruction_api.destination import Destination
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.names import LABEL_ATTEMPT, LABEL_CLASS, LABEL_DIGEST, LABEL_QUEUE
from reconstruction_api.plan import JobPlan
from reconstruction_api.profile import ClusterProfileSpec
from reconstruction_api.status import ClassRun

from ..model import JobView
from .allowances import queue_of
from .metadata import labels, owner
from .pod import identity_labels, pod_spec


def child_job(
    job: JobView,
    spec: ReconstructionJobSpec,
    run: ClassRun,
    profile: ClusterProfileSpec,
    *,
    digest_label: str,
    source_claim: str | None,
    progress_url: str | None,
    remaining_seconds: int | None,
    plan: JobPlan | None = None,
    earlier: Destination | None = None,
) -> dict[str, Any]:
    """A batch/v1 Job. `source_claim` is what the source is on, if it is on a volume; `remaining_seconds` is what is
    left of spec.activeDeadlineSeconds; `earlier` is where the published results are that the pod builds on, if not at
    spec.destination."""
    marks = labels(job) | {
        LABEL_CLASS: run.resource_class.value,
        LABEL_DIGEST: digest_label,
        LABEL_ATTEMPT: str(run.attempt),
    }
    queue = queue_of(spec, profile)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": run.job_name,
            "namespace": job.key.namespace,
            "labels": marks | ({LABEL_QUEUE: queue} if queue else {}),
            "ownerReferences": [owner(job)],
        },
        "spec": {
            **({"suspend": True} if queue else {}),
            "backoffLimit": 0,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {
                "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
            },
            "template": {
                "metadata": {"labels": marks | identity_labels(profile)},
                "spec": pod_spec(job, spec, run, profile, source_claim, progress_url, remaining_seconds, plan, earlier),
            },
        },
    }
