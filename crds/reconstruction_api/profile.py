"""`ReconstructionProfile` and `ClusterReconstructionProfile`: what the platform team decides for its users."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from .base import ApiModel, DNSLabel, DNSSubdomain
from .names import SOURCE_PATH, WORKSPACE_PATH
from .rules import KeyedBy, Rule

Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|[KMGTPE]i?)?$", max_length=32)] | int
"""An amount as Kubernetes writes it: `500m`, `4`, `16Gi`."""


class EngineImage(ApiModel):
    """An engine that jobs may name, and the image that runs it."""

    name: DNSLabel
    """Name of the engine, as in a job's spec.engine."""
    image: str = Field(min_length=1, max_length=512)
    """Container image with the worker and this engine."""


class ClassResources(ApiModel):
    """Hardware and placement of the pods of one resource class."""

    requests: dict[str, Quantity] = Field(default_factory=dict, max_length=16)
    """Resources the scheduler sets aside, as in a pod."""
    limits: dict[str, Quantity] = Field(default_factory=dict, max_length=16)
    """Most a pod may use, as in a pod; ask for GPUs here (`nvidia.com/gpu: 1`)."""
    node_selector: dict[str, str] = Field(default_factory=dict, max_length=16)
    """Labels a node must have."""
    tolerations: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]], max_length=16)
    """Taints that are accepted, as in a pod."""
    runtime_class_name: DNSSubdomain | None = None
    """RuntimeClass of the pods, such as `nvidia`."""


class Workspace(ApiModel):
    """The volume that a job's stages share."""

    size: str = Field(default="100Gi", pattern=r"^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$")
    """Size of the volume claim."""
    storage_class_name: DNSSubdomain | None = None
    """StorageClass of the claim; the cluster's default when unset."""
    access_modes: list[str] = Field(default_factory=lambda: ["ReadWriteOnce"], min_length=1, max_length=4)
    """Access modes of the claim. ReadWriteOnce keeps a job's pods on one node where the volume demands it."""


class ProfileSpec(ApiModel):
    """What the platform team decides: images, hardware, storage. Users name a profile and never write pod specs."""

    engines: Annotated[list[EngineImage], KeyedBy("name")] = Field(min_length=1, max_length=32)
    """Engines that jobs may use, each with its image."""
    image_pull_policy: str = Field(default="IfNotPresent", pattern="^(Always|IfNotPresent|Never)$")
    """When images are pulled."""
    image_pull_secrets: list[DNSSubdomain] = Field(default_factory=list[DNSSubdomain], max_length=8)
    """Secrets for pulling images; they must exist in the job's namespace."""
    cpu: ClassResources = Field(default_factory=ClassResources)
    """Pods that prepare photos and poses, and that deliver."""
    gpu: ClassResources = Field(default_factory=ClassResources)
    """Pods that train, evaluate and make the mesh."""
    shared_memory: str = Field(default="8Gi", pattern=r"^[0-9]+(Ki|Mi|Gi)$")
    """Size limit of /dev/shm."""
    workspace: Workspace = Field(default_factory=Workspace)
    """The volume that a job's stages share."""
    service_account_name: DNSSubdomain | None = None
    """ServiceAccount of the pods, in the job's namespace; it needs no rights. `default` when unset."""
    termination_grace_seconds: int = Field(default=60, ge=5, le=3600)
    """Time a pod has to write its checkpoint when asked to stop."""


class HostPath(ApiModel):
    """A folder of the node, mounted read-only into worker pods."""

    rules: ClassVar = (
        Rule(
            f"mountPath must not hide {WORKSPACE_PATH} or {SOURCE_PATH}, where the job's own volumes are",
            cel=f"!(self.mountPath in ['{WORKSPACE_PATH}', '{SOURCE_PATH}'])",
            holds=lambda folder: folder.mount_path not in (WORKSPACE_PATH, SOURCE_PATH),
            field="mountPath",
        ),
    )

    path: str = Field(pattern="^/.+", max_length=1024)
    """Folder on the node."""
    mount_path: str = Field(pattern="^/.+", max_length=1024)
    """Where the pods see it."""


class ClusterProfileSpec(ProfileSpec):
    """A profile for every namespace. Only it may mount folders of the node: its authors run the cluster."""

    rules: ClassVar = (
        Rule(
            "environment: names that begin with RECONSTRUCTION_ are the operator's own",
            cel="!has(self.environment) || self.environment.all(name, !name.startsWith('RECONSTRUCTION_'))",
            holds=lambda spec: not any(name.startswith("RECONSTRUCTION_") for name in spec.environment),
            field="environment",
        ),
    )

    host_paths: Annotated[list[HostPath], KeyedBy("mount_path")] = Field(default_factory=list[HostPath], max_length=8)
    """Folders of the node for development clusters, such as a Python environment instead of a large image."""
    environment: dict[str, str] = Field(default_factory=dict, max_length=32)
    """Environment variables of worker pods."""
