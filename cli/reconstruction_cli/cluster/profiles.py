"""The profiles of the platform team."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.names import (
    API_VERSION,
    CLUSTER_PROFILE_KIND,
    CLUSTER_PROFILE_PLURAL,
    PROFILE_KIND,
    PROFILE_PLURAL,
)
from reconstruction_api.profile import ClusterProfileSpec

from .connection import Cluster, Document


@dataclass(frozen=True)
class Profile:
    """A profile as it is now."""

    kind: str
    name: str
    spec: ClusterProfileSpec

    @property
    def full_name(self) -> str:
        return f"{self.kind} '{self.name}'"


def get_profile(cluster: Cluster, name: str) -> Profile:
    """The profile that jobs of the namespace get by a name: the namespace's own goes before the cluster's. Raises
    ProfileNotFound, InvalidSpec for one that this version does not understand, and what `Cluster` raises."""
    places = [
        (PROFILE_KIND, f"/apis/{API_VERSION}/namespaces/{cluster.namespace}/{PROFILE_PLURAL}"),
        (CLUSTER_PROFILE_KIND, f"/apis/{API_VERSION}/{CLUSTER_PROFILE_PLURAL}"),
    ]
    for kind, path in places:
        document = _read(cluster, f"{path}/{name}")
        if document is not None:
            return Profile(kind, name, _spec(document, f"{kind} '{name}'"))
    names = sorted(
        {item["metadata"]["name"] for _, path in places for page in cluster.pages(path) for item in page["items"]}
    )
    known = f"There are: {', '.join(names)}." if names else "There are none."
    raise ReconstructionError(
        "ProfileNotFound", f"There is no profile '{name}' for namespace '{cluster.namespace}'. {known}"
    )


def _read(cluster: Cluster, path: str) -> Document | None:
    try:
        return cluster.get(path)
    except ReconstructionError as error:
        if error.code != "ObjectNotFound":
            raise
        return None


def _spec(document: Document, full_name: str) -> ClusterProfileSpec:
    try:
        return ClusterProfileSpec.model_validate(document["spec"], extra="ignore")
    except (KeyError, ValidationError):
        raise ReconstructionError(
            "InvalidSpec",
            f"{full_name} was written for another release, and can't be read by this one.",
            suggestion="Use the recon of the release that the cluster has.",
        ) from None
