"""The three kinds as whole objects, as they stand in a YAML file."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from .base import ApiModel, DNSLabel, DNSSubdomain
from .job import ReconstructionJobSpec
from .lifecycle import CANCELLATION_RULES, ENGINE_RULES
from .names import MAX_JOB_NAME
from .profile import ClusterProfileSpec, ProfileSpec
from .rules import Rule


class Metadata(ApiModel):
    """What identifies an object. What else Kubernetes keeps there (uid, managedFields, ...) is ignored."""

    model_config = ConfigDict(extra="ignore")

    name: DNSSubdomain
    """Name of the object, unique in its namespace."""
    namespace: DNSLabel | None = None
    """Namespace of the object; the current one when unset."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels to find the object by."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Notes on the object."""


class Manifest(ApiModel):
    """What all kinds have in common."""

    api_version: Literal["reconstruction.dev/v1alpha1"]
    """Group and version of this API."""
    metadata: Metadata
    """What identifies the object."""
    status: dict[str, Any] | None = None
    """Written by the operator; ignored in a file."""


class JobManifest(Manifest):
    """A 3D reconstruction: photos in, 3D assets out."""

    rules: ClassVar = (
        Rule(
            f"metadata.name must be at most {MAX_JOB_NAME} characters, so that the names of its pods fit",
            cel=f"self.metadata.name.size() <= {MAX_JOB_NAME}",
            holds=lambda manifest: len(manifest.metadata.name) <= MAX_JOB_NAME,
        ),
        Rule(
            "spec.source.jobRef.name is the job's own metadata.name; name another job",
            cel="!has(self.spec.source.jobRef) || self.spec.source.jobRef.name != self.metadata.name",
            holds=lambda manifest: (
                manifest.spec.source.job_ref is None or manifest.spec.source.job_ref.name != manifest.metadata.name
            ),
        ),
        *CANCELLATION_RULES,
        *ENGINE_RULES,
    )

    kind: Literal["ReconstructionJob"]
    """ReconstructionJob."""
    spec: ReconstructionJobSpec
    """What is wanted."""


class ProfileManifest(Manifest):
    """What the platform team decides for the jobs of one namespace: images, hardware, storage."""

    kind: Literal["ReconstructionProfile"]
    """ReconstructionProfile."""
    spec: ProfileSpec
    """What the platform team decides."""


class ClusterProfileManifest(Manifest):
    """What the platform team decides for the jobs of every namespace: images, hardware, storage."""

    kind: Literal["ClusterReconstructionProfile"]
    """ClusterReconstructionProfile."""
    spec: ClusterProfileSpec
    """What the platform team decides."""
