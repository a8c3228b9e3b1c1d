"""`ReconstructionProfile` and `ClusterReconstructionProfile`: what the platform team decides for its users."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

from .base import AbsolutePath, ApiModel, DecimalString, DNSLabel, DNSSubdomain, LabelValue, Quantity, SecretKey, Size
from .defaults import DEFAULTS_RULES, JobDefaults
from .destination import WhoOverwrites, unknown_placeholders
from .names import ADDED_PATH, CREDENTIALS_PATH, DESTINATION_PATH, SOURCE_PATH, WEIGHTS_PATH, WORKSPACE_PATH
from .network import ENTRY_PATTERN, Allowed
from .rules import KeyedBy, Rule

LicenseName = Annotated[str, Field(min_length=1, max_length=100)]
"""SPDX identifier, or the name that an engine gives its licence."""

FREE_LICENSES = ("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT")
"""Allow commercial use without further conditions than to name the authors."""

_SECRETS_PATH: Final = CREDENTIALS_PATH.rpartition("/")[0]
_OWN_PREFIX: Final = "RECONSTRUCTION_"
_VARIABLE: Final = "^[A-Za-z_.-][A-Za-z0-9_.-]*$"


class EngineImage(ApiModel):
    """An engine that jobs may name, and the image that runs it."""

    name: DNSLabel
    """Name of the engine, as in a job's spec.engine."""
    image: str = Field(min_length=1, max_length=512)
    """Container image with the worker and this engine."""
    license: LicenseName | None = None
    """Licence of the engine, as in acceptedLicenses; jobs with an engine whose licence is not accepted are refused at
    once. Where unset the worker checks the one that the engine declares."""
    gpu_only: bool | None = None
    """Whether the engine works on a GPU only: jobs with it are refused at once where `gpu` asks for none. Need not be
    set for the engines that come with the worker."""


class Toleration(TypedDict, total=False):
    """A taint that is accepted, as in a pod."""

    __pydantic_config__ = ConfigDict(extra="forbid", use_attribute_docstrings=True)  # pyright: ignore

    key: Annotated[str, Field(max_length=316)]
    """Key of the taint; every taint when unset and `operator` is Exists."""
    operator: Literal["Exists", "Equal"]
    """`Exists` accepts any value, `Equal` the one given; Equal when unset."""
    value: LabelValue
    """Value of the taint."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]
    """Effect that is accepted; every effect when unset."""
    tolerationSeconds: Annotated[int, Field(ge=0, le=31_536_000)]
    """How long a NoExecute taint is accepted; forever when unset."""


class ClassResources(ApiModel):
    """Hardware and placement of the pods of one resource class."""

    requests: dict[str, Quantity] = Field(default_factory=dict, max_length=16)
    """Resources the scheduler sets aside, as in a pod."""
    limits: dict[str, Quantity] = Field(default_factory=dict, max_length=16)
    """Most a pod may use, as in a pod; ask for GPUs here (`nvidia.com/gpu: 1`)."""
    node_selector: dict[str, LabelValue] = Field(default_factory=dict, max_length=16)
    """Labels a node must have."""
    tolerations: list[Toleration] = Field(default_factory=list[Toleration], max_length=16)
    """Taints that are accepted, as in a pod."""
    runtime_class_name: DNSSubdomain | None = None
    """RuntimeClass of the pods, such as `nvidia`."""

    @property
    def names_device(self) -> bool:
        """Whether pods ask for a device: a resource with a domain, such as `nvidia.com/gpu`."""
        return any("/" in resource for resource in (*self.requests, *self.limits))


AccessMode = Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"]


class Workspace(ApiModel):
    """The volume that a job's stages share."""

    size: Size = "100Gi"
    """Size of the volume claim."""
    storage_class_name: DNSSubdomain | None = None
    """StorageClass of the claim; the cluster's default when unset."""
    access_modes: list[AccessMode] = Field(default_factory=lambda: ["ReadWriteOnce"], min_length=1, max_length=4)
    """Access modes of the claim. ReadWriteOnce keeps a job's pods on one node where the volume demands it."""
    placement: Literal["WithGPU", "Any"] = "WithGPU"
    """Where the pod that uses the volume first may run, and with it where the volume is made. `WithGPU`: where `gpu`
    asks for a device, pods that need none run on the nodes of `gpu` as well (its nodeSelector and tolerations, not the
    device), so that the volume can be reached from there. `Any`: on the nodes of `cpu`; right where every node reaches
    every volume."""
    zones: Annotated[list[LabelValue], Field(max_length=16)] = Field(default_factory=list[str])
    """Zones (node label `topology.kubernetes.io/zone`) in which all pods of a job run, and so its volume; any zone when
    empty."""


class WeightsVolume(ApiModel):
    """Where the weights of neural networks are: exactly one of `claimName` and `image` (docs/weights.md)."""

    rules: ClassVar = (
        Rule(
            "set exactly one of claimName and image",
            cel="has(self.claimName) != has(self.image)",
            holds=lambda volume: (volume.claim_name is None) != (volume.image is None),
        ),
    )

    claim_name: DNSSubdomain | None = None
    """Volume claim in the job's namespace. Pods mount it read-only; pods on several nodes need one that is ReadOnlyMany
    or ReadWriteMany."""
    image: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    """Container image that holds nothing but the weights, mounted as an image volume: for Kubernetes from 1.35 on.
    Named with its digest, it pins the weights."""


class Prices(ApiModel):
    """What hardware costs, for `recon estimate`: nothing is billed by them."""

    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", max_length=3)]
    """Three letters, such as `EUR` (ISO 4217)."""
    cpu_hour: DecimalString
    """An hour of a pod of `cpu`."""
    gpu_hour: DecimalString
    """An hour of a pod of `gpu`."""


class Limits(ApiModel):
    """The most that jobs of a profile may use. What is unset is not limited."""

    max_concurrent_jobs: int | None = Field(default=None, ge=0, le=100_000)
    """Jobs of this profile that run at the same time; others wait for their turn. Holds at once when changed, for jobs
    that have not started."""
    max_concurrent_jobs_per_namespace: int | None = Field(default=None, ge=0, le=100_000)
    """The same for the jobs of each namespace."""
    max_steps: int | None = Field(default=None, ge=1, le=1_000_000)
    """Most that a job's training.steps may be; where that is unset, what it stands for on this profile's hardware."""
    max_active_deadline_seconds: int | None = Field(default=None, ge=1, le=31_536_000)
    """Most that a job's activeDeadlineSeconds may be; also the deadline of jobs that set none."""
    max_images: int | None = Field(default=None, ge=2, le=100_000)
    """Most photos a job may have."""
    max_file_size: Size | None = None
    """A photo that is larger is left out (200M when unset)."""
    max_set_size: Size | None = None
    """A source that is larger in all fails the job (20G when unset)."""


AllowedAddress = Annotated[str, Field(pattern=ENTRY_PATTERN, max_length=253)]
"""A network (`10.1.0.0/16`, `10.1.2.3`), a name (`minio.storage.svc`) or a domain (`.example.org`)."""


class Network(ApiModel):
    """What worker pods may connect to."""

    rules: ClassVar = (
        Rule(
            "allow lists networks such as 10.1.0.0/16 or fd12::/64, names of hosts, and domains such as .example.org",
            holds=lambda network: _can_be_allowed(network.allow),
            field="allow",
        ),
    )

    allow: list[AllowedAddress] = Field(default_factory=list[AllowedAddress], max_length=64)
    """Private networks (`10.1.0.0/16`, `10.1.2.3`), names (`minio.storage.svc`) and domains (`.example.org`) that
    storage of jobs may be at, besides public addresses. Storage inside the cluster needs an entry. A name allows the
    private addresses that it leads to; addresses of the node or the cloud (loopback, link-local, metadata) only a
    network of nothing else allows."""


_PREFIX: Final = r"^(s3|gs|az|https|pvc)://[^/?#@\\\s{}][^?#@\\\s]*$"


class Destinations(ApiModel):
    """Where results of jobs may be published."""

    rules: ClassVar = (
        Rule(
            "prefixes are addresses such as s3://assets/{namespace}/, with nothing but {namespace}, {name} and {uid} "
            "in braces",
            cel="!has(self.prefixes) || self.prefixes.all(each, "
            "!each.replace('{namespace}', '').replace('{name}', '').replace('{uid}', '').matches('[{}]'))",
            holds=lambda destinations: not any(map(unknown_placeholders, destinations.prefixes)),
            field="prefixes",
        ),
    )

    prefixes: list[Annotated[str, Field(pattern=_PREFIX, max_length=512)]] = Field(
        default_factory=list[str], max_length=16
    )
    """`spec.destination` of a job must lie below one of these: `s3://assets/{namespace}/{name}/`, or
    `pvc://CLAIM/FOLDER/` for volume claims. `{namespace}`, `{name}` and `{uid}` stand for the job's, so that no job
    writes where another one's results are. Anywhere when empty."""
    hosts: list[AllowedAddress] = Field(default_factory=list[AllowedAddress], max_length=64)
    """Names (`minio.storage.svc`), domains (`.example.org`) and networks of the storage that results may be sent to;
    any that `network` lets pods connect to when empty."""
    overwrite: WhoOverwrites = WhoOverwrites.NAME
    """Whose `latest.json` a job may replace. `Job`: its own. `Name`: also that of an earlier job of the same namespace
    and name. `Anyone`: that of any job. A newer one is never replaced by an older one."""


def _within(default: int | None, most: int | None) -> bool:
    return default is None or most is None or default <= most


_LIMITED = "has(self.defaults) && has(self.limits)"


class ProfileSpec(ApiModel):
    """What the platform team decides: images, hardware, storage. Users name a profile and never write pod specs."""

    rules: ClassVar[tuple[Rule, ...]] = (
        *DEFAULTS_RULES,
        Rule(
            "defaults.engine must be one of the engines that the profile offers",
            cel="!has(self.defaults) || !has(self.defaults.engine) || "
            "self.engines.exists(each, each.name == self.defaults.engine)",
            holds=lambda spec: (
                spec.defaults is None
                or spec.defaults.engine is None
                or any(each.name == spec.defaults.engine for each in spec.engines)
            ),
            field="defaults",
        ),
        Rule(
            "defaults.training.steps must not exceed limits.maxSteps",
            cel=f"!({_LIMITED} && has(self.defaults.training) && has(self.defaults.training.steps) && "
            "has(self.limits.maxSteps)) || self.defaults.training.steps <= self.limits.maxSteps",
            holds=lambda spec: (
                spec.defaults is None
                or spec.defaults.training is None
                or _within(spec.defaults.training.steps, spec.limits.max_steps)
            ),
            field="defaults",
        ),
        Rule(
            "defaults.activeDeadlineSeconds must not exceed limits.maxActiveDeadlineSeconds",
            cel=f"!({_LIMITED} && has(self.defaults.activeDeadlineSeconds) && "
            "has(self.limits.maxActiveDeadlineSeconds)) || "
            "self.defaults.activeDeadlineSeconds <= self.limits.maxActiveDeadlineSeconds",
            holds=lambda spec: (
                spec.defaults is None
                or _within(spec.defaults.active_deadline_seconds, spec.limits.max_active_deadline_seconds)
            ),
            field="defaults",
        ),
    )

    engines: Annotated[list[EngineImage], KeyedBy("name")] = Field(min_length=1, max_length=32)
    """Engines that jobs may use, each with its image."""
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When images are pulled, as in a pod: `Always`, `IfNotPresent` or `Never`."""
    image_pull_secrets: list[DNSSubdomain] = Field(default_factory=list[DNSSubdomain], max_length=8)
    """Secrets for pulling images; they must exist in the job's namespace."""
    cpu: ClassResources = Field(default_factory=ClassResources)
    """Pods of the classes `prepare` and `deliver`: photos and poses, exports and report."""
    gpu: ClassResources = Field(default_factory=ClassResources)
    """Pods of the class `reconstruct`: those that train, and that work on what was trained."""
    shared_memory: Size = "8Gi"
    """Size limit of /dev/shm."""
    workspace: Workspace = Field(default_factory=Workspace)
    """The volume that a job's stages share."""
    weights: WeightsVolume | None = None
    """Weights of neural networks, read-only at `/weights` of the pods that prepare and train. Pods never fetch any."""
    service_account_name: DNSSubdomain | None = None
    """ServiceAccount of the pods, in the job's namespace; it needs no rights. `default` when unset. Jobs without a
    secret read their photos with the identity that the cloud gives this account (web identity); without an account, and
    without credentials in `environment`, they read anonymously. The node's own role is never used."""
    pod_user: Literal["Fixed", "PlatformAssigned"] = "Fixed"
    """User of the pods. `Fixed` is user and group 65532. `PlatformAssigned` sets none, for platforms that give each
    namespace users of its own and refuse others, as OpenShift does; the pods never run as root."""
    termination_grace_seconds: int = Field(default=60, ge=5, le=3600)
    """Time a pod has to write its checkpoint when asked to stop."""
    network: Network = Field(default_factory=Network)
    """What the pods may connect to."""
    destinations: Destinations = Field(default_factory=Destinations)
    """Where results may be published."""
    limits: Limits = Field(default_factory=Limits)
    """The most that jobs may use."""
    prices: Prices | None = None
    """What the hardware costs; `recon estimate` says then what a job will."""
    defaults: JobDefaults | None = None
    """What fills the fields that a job leaves unset, once, when it is accepted: `status.defaults` of the job keeps it,
    and an edited profile changes no job."""
    accepted_licenses: list[LicenseName] = Field(default_factory=lambda: list(FREE_LICENSES), max_length=32)
    """Licences of engines that the platform team has accepted."""
    queue_names: list[DNSSubdomain] = Field(default_factory=list[DNSSubdomain], max_length=16)
    """Kueue's LocalQueues that jobs may name; the first is used by jobs that name none. Without any, pods start without
    Kueue."""
    priority_class_names: list[DNSSubdomain] = Field(default_factory=list[DNSSubdomain], max_length=16)
    """PriorityClasses that jobs may name, the most urgent first. Jobs that name none have none and come last."""


def _can_be_allowed(entries: list[str]) -> bool:
    try:
        Allowed.of(entries)
    except ValueError:
        return False
    return True


_VOLUMES: Final = (WORKSPACE_PATH, SOURCE_PATH, ADDED_PATH, DESTINATION_PATH)
"""Where volumes of a job are mounted in its pods."""


class HostPath(ApiModel):
    """A folder of the node, mounted read-only into worker pods."""

    rules: ClassVar = (
        Rule(
            f"mountPath must not hide {', '.join(_VOLUMES[:-1])} or {_VOLUMES[-1]}, where the job's own volumes are",
            cel=f"!(self.mountPath in [{', '.join(repr(path) for path in _VOLUMES)}])",
            holds=lambda folder: folder.mount_path not in _VOLUMES,
            field="mountPath",
        ),
        Rule(
            f"mountPath must not be {_SECRETS_PATH}, nor above or below it: the job's credentials are there",
            cel=f"!(self.mountPath + '/').startsWith('{_SECRETS_PATH}/') && "
            f"!'{_SECRETS_PATH}/'.startsWith(self.mountPath.endsWith('/') ? self.mountPath : self.mountPath + '/')",
            holds=lambda folder: (
                not f"{folder.mount_path}/".startswith(f"{_SECRETS_PATH}/")
                and not f"{_SECRETS_PATH}/".startswith(f"{folder.mount_path.rstrip('/')}/")
            ),
            field="mountPath",
        ),
    )

    path: AbsolutePath
    """Folder on the node."""
    mount_path: AbsolutePath
    """Where the pods see it."""


class SecretEntry(ApiModel):
    """An entry of a Secret in the job's namespace."""

    secret_name: DNSSubdomain
    """Name of the Secret."""
    key: SecretKey
    """Its entry that holds the value."""


def _variable_rules(field: str, names: Callable[[Any], Iterable[str]]) -> tuple[Rule, Rule]:
    """What holds for the names of environment variables in a map of that name."""
    return (
        Rule(
            f"names in {field} that begin with {_OWN_PREFIX} are the operator's own",
            cel=f"!has(self.{field}) || self.{field}.all(name, !name.startsWith('{_OWN_PREFIX}'))",
            holds=lambda spec: not any(name.startswith(_OWN_PREFIX) for name in names(spec)),
            field=field,
        ),
        Rule(
            f"names in {field} must be letters, digits, '_', '-' and '.', and must not begin with a digit",
            cel=f"!has(self.{field}) || self.{field}.all(name, name.matches('{_VARIABLE}'))",
            holds=lambda spec: all(re.fullmatch(_VARIABLE, name) for name in names(spec)),
            field=field,
        ),
    )


class ClusterProfileSpec(ProfileSpec):
    """A profile for every namespace. Only it may mount folders of the node and set environment variables: its authors
    run the cluster."""

    rules: ClassVar[tuple[Rule, ...]] = (
        *ProfileSpec.rules,
        *_variable_rules("environment", lambda spec: spec.environment),
        *_variable_rules("environmentFromSecrets", lambda spec: spec.environment_from_secrets),
        Rule(
            "a name in environmentFromSecrets must not be in environment too",
            cel="!has(self.environment) || !has(self.environmentFromSecrets) || "
            "self.environmentFromSecrets.all(name, !(name in self.environment))",
            holds=lambda spec: not spec.environment_from_secrets.keys() & spec.environment.keys(),
            field="environmentFromSecrets",
        ),
        Rule(
            f"hostPaths must not be mounted at {WEIGHTS_PATH}, where the volume of weights is",
            cel="!has(self.weights) || !has(self.hostPaths) || "
            f"self.hostPaths.all(folder, folder.mountPath != '{WEIGHTS_PATH}')",
            holds=lambda spec: spec.weights is None or all(each.mount_path != WEIGHTS_PATH for each in spec.host_paths),
            field="hostPaths",
        ),
    )

    host_paths: Annotated[list[HostPath], KeyedBy("mount_path")] = Field(default_factory=list[HostPath], max_length=8)
    """Folders of the node for development clusters, such as a Python environment instead of a large image."""
    environment: dict[str, Annotated[str, Field(max_length=4096)]] = Field(default_factory=dict, max_length=32)
    """Environment variables of worker pods. A pod gets the values that the profile has when the pod is created. Whoever
    may read pods can read them: keep secrets in `environmentFromSecrets`."""
    environment_from_secrets: dict[str, SecretEntry] = Field(default_factory=dict, max_length=32)
    """Environment variables of worker pods whose values are entries of Secrets. The Secrets must exist in the job's
    namespace: pods wait until they do."""
