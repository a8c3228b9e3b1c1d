"""ReconstructionJobs as the commands see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.lifecycle import CancellationState
from reconstruction_api.names import API_VERSION, JOB_PLURAL
from reconstruction_api.status import Condition, ConditionType, ReconstructionJobStatus

from ..words import printable
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
        """Empty while the job names none and was not accepted."""
        return self.status.engine or str(self.spec.get("engine") or "")

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
    """A job from the API server's JSON; fields that a newer operator writes are left out."""
    metadata = document["metadata"]
    try:
        status = ReconstructionJobStatus.model_validate(_printable(document.get("status") or {}), extra="ignore")
    except ValidationError:
        raise ReconstructionError(
            "InternalError",
            f"This version of recon does not understand the status of '{metadata['name']}'.",
            suggestion="Install the version of the cluster's operator.",
        ) from None
    return Job(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata["generation"],
        spec=document.get("spec", {}),
        status=status,
    )


def _printable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _printable(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_printable(entry) for entry in value]
    return printable(value) if isinstance(value, str) else value


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
