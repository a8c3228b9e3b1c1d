"""ReconstructionJobs as the commands see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.lifecycle import CancellationState
from reconstruction_api.names import API_VERSION, JOB_PLURAL
from reconstruction_api.short_id import is_short_id, short_id
from reconstruction_api.status import Condition, ConditionType, ReconstructionJobStatus
from reconstruction_api.stored import read_status
from reconstruction_api.text import plain
from reconstruction_api.worker import Progress

from .connection import Cluster, Document

_METADATA_ONLY: Final = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


@dataclass(frozen=True)
class Job:
    """One ReconstructionJob."""

    namespace: str
    name: str
    uid: str
    generation: int
    spec: dict[str, Any]
    status: ReconstructionJobStatus
    live: Progress | None = None
    """The running stage's numbers from elsewhere than the status."""

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def engine(self) -> str:
        """Empty while the job names none and was not accepted."""
        return str(plain(self.status.engine or self.spec.get("engine") or ""))

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
    """The job of that name or short id in the namespace. Raises ObjectNotFound and AmbiguousName."""
    named = named_job(cluster, name)
    if is_short_id(name):
        names = _names_by_id(cluster, name, optional=named is not None)
        meant = [f"job '{each}' by its short id" for each in names if each != name]
        if named is not None and meant:
            meant.insert(0, f"job '{name}' by its name")
        if len(meant) > 1:
            raise ReconstructionError("AmbiguousName", f"'{name}' matches {', or '.join(meant)}.")
        if named is None and names:
            named = named_job(cluster, names[0])
    if named is None:
        raise missing(cluster.namespace, name)
    return named


def named_job(cluster: Cluster, name: str) -> Job | None:
    """The job of that name; None when there is none."""
    try:
        return parse(cluster.get(job_path(cluster.namespace, name)))
    except ReconstructionError as error:
        if error.code != "ObjectNotFound":
            raise
        return None


def _names_by_id(cluster: Cluster, wanted: str, *, optional: bool) -> list[str]:
    """Names of the jobs with a short id. `optional` is for users who may read single jobs only."""
    try:
        pages = list(cluster.pages(jobs_path(cluster.namespace), {}, accept=_METADATA_ONLY))
    except ReconstructionError as error:
        if optional and error.code == "ClusterAccessDenied":
            return []
        raise
    metadata = [item["metadata"] for page in pages for item in page["items"]]
    return [each["name"] for each in metadata if short_id(each["uid"]) == wanted]


def missing(namespace: str, name: str) -> ReconstructionError:
    return ReconstructionError("ObjectNotFound", f"There is no job '{name}' in namespace '{namespace}'.")


def jobs_path(namespace: str | None) -> str:
    """The collection of a namespace, or of all of them."""
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{API_VERSION}{scope}/{JOB_PLURAL}"


def job_path(namespace: str, name: str) -> str:
    return f"{jobs_path(namespace)}/{name}"
