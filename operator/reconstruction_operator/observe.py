"""From what the operator remembers to what a decision about one job may look at."""

from __future__ import annotations

import json

from pydantic import ValidationError

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.status import ReconstructionJobStatus
from reconstruction_api.worker import ProgressUpdate

from .model import JobKey, JobView, Observed, Policy, ProfileView
from .policies.accept import describe
from .store import Store, StoredJob


def observe(store: Store, key: JobKey, live: ProgressUpdate | None, policy: Policy) -> Observed | None:
    """None when there is no such job."""
    stored = store.jobs.get(key)
    if stored is None:
        return None
    namespace, name = key.namespace, stored.profile_name
    return Observed(
        job=job_view(stored),
        profile=store.profiles.get((namespace, name)) or store.profiles.get(("", name)),
        profile_names=_profile_names(store.profiles, namespace),
        child_jobs=store.child_jobs(key, stored.uid),
        pods=store.pods(key, stored.uid),
        claim=store.claim(key),
        explanations=store.explanations(key),
        refusal=store.refusal(key),
        live=live,
        policy=policy,
    )


def job_view(stored: StoredJob) -> JobView:
    """Unknown fields, written by a newer version of the operator, are left alone."""
    raw_status = json.loads(stored.status)
    spec, mistake = None, ""
    try:
        spec = ReconstructionJobSpec.model_validate_json(stored.spec, extra="ignore")
    except ValidationError as error:
        mistake = f"spec.{describe(error)}"
    return JobView(
        key=stored.key,
        uid=stored.uid,
        generation=stored.generation,
        resource_version=stored.resource_version,
        deleting=stored.deleting,
        spec=spec,
        spec_error=mistake,
        status=ReconstructionJobStatus.model_validate(raw_status, extra="ignore"),
        raw_status=raw_status,
    )


def _profile_names(profiles: dict[tuple[str, str], ProfileView], namespace: str) -> tuple[str, ...]:
    return tuple(sorted({name for place, name in profiles if place in ("", namespace)}))
