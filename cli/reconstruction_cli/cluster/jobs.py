"""ReconstructionJobs as the commands see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.lifecycle import CancellationState
from reconstruction_api.names import API_VERSION, JOB_PLURAL
from reconstruction_api.status import Condition, ConditionType, ReconstructionJobStatus
from reconstruction_api.stored import read_status
from reconstruction_api.text import plain

from .connection import Cluster, Document


@dataclass(frozen=True)
class Job:
    """One ReconstructionJob."""

    namespace: str
    name: str
    uid: str
    generation: int
    spec: dict[str, Any]
    status: ReconstructionJobStatus

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def engine(self) -> str:
        return str(plain(self.spec.get("engine", "")))

    @property
    def is_current(self) -> bool:
        """Whether the operator has seen the spec as it is now."""
        return self.status.observed_generation == self.generation

    @property
    def succeeded(self) -> bool | None:
        """None while the job can still succeed."""
        condition = self.condition(ConditionType.SUCCEEDED)
        if condition is None or not self.is_current:
            return None
        return {"True": True, "False": False}.get(condition.status)

    @property
    def cancelled(self) -> bool:
        """Stopped for good, whatever its spec says."""
        noted = self.status.cancellation
        return noted is not None and noted.state is CancellationState.CONFIRMED

    def condition(self, kind: ConditionType) -> Condition | None:
        return next((condition for condition in self.status.conditions if condition.type == kind), None)


def parse(document: Document) -> Job:
    """A job from the API server's JSON, with its texts in one line each; what a newer operator writes and this version
    does not understand is left out."""
    metadata = document["metadata"]
    return Job(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata["generation"],
        spec=document.get("spec", {}),
        status=read_status(plain(document.get("status") or {})).status,
    )


def get_job(cluster: Cluster, name: str) -> Job:
    """Raises ObjectNotFound."""
    try:
        return parse(cluster.get(job_path(cluster.namespace, name)))
    except ReconstructionError as error:
        if error.code != "ObjectNotFound":
            raise
        raise missing(cluster.namespace, name) from None


def missing(namespace: str, name: str) -> ReconstructionError:
    return ReconstructionError("ObjectNotFound", f"There is no job '{name}' in namespace '{namespace}'.")


def jobs_path(namespace: str | None) -> str:
    """The collection of a namespace, or of all of them."""
    place = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{API_VERSION}{place}/{JOB_PLURAL}"


def job_path(namespace: str, name: str) -> str:
    return f"{jobs_path(namespace)}/{name}"
