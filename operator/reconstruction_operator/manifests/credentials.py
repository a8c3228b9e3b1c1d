"""How a pod gets the credentials of `spec.source.secretName`, or of `spec.destination.secretName`: as files, and only
those keys that sources, or destinations, understand.

Two volumes of one Secret, because no single one does both things that are wanted:

- With `items` the kubelet shows the catalogued keys alone, so that no other entry of the Secret reaches the container.
  It refuses a volume of which one of the items is missing, unless the volume is optional; and an optional volume starts
  the pod even where there is no Secret at all.
- So a second volume requires the Secret. The kubelet mounts no volume that no container uses, and the container is
  to see nothing of this one: it gets a subdirectory that is empty, because no key of a Secret has such a name.

A Secret that is missing keeps the pod from starting, and one that comes late lets it start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from reconstruction_api.destination import CREDENTIALS as DESTINATION_CREDENTIALS
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.names import CREDENTIALS_PATH, DESTINATION_CREDENTIALS_PATH
from reconstruction_api.source import CREDENTIALS
from reconstruction_api.stages import ResourceClass, publishes, reads_source

_NO_KEY = "no key"
"""A name with a space: keys of Secrets have none."""
_MODE = 0o444
"""Whoever the platform lets the pod run as; the volume is this pod's alone."""


@dataclass(frozen=True, slots=True)
class SecretUse:
    """What a Secret is for, and where the container sees it."""

    field: str
    """That names the Secret."""
    denied: str
    """Code of the catalogue where the Secret is of no use."""
    keys: frozenset[str]
    files: str
    required: str
    path: str

    @property
    def volumes(self) -> frozenset[str]:
        """Their names, which the kubelet's messages quote."""
        return frozenset({self.files, self.required})


FOR_SOURCE: Final = SecretUse(
    "spec.source.secretName", "SourceAccessDenied", CREDENTIALS, "source-credentials", "source-secret", CREDENTIALS_PATH
)
FOR_DESTINATION: Final = SecretUse(
    "spec.destination.secretName",
    "DestinationAccessDenied",
    DESTINATION_CREDENTIALS,
    "destination-credentials",
    "destination-secret",
    DESTINATION_CREDENTIALS_PATH,
)
USES: Final = (FOR_SOURCE, FOR_DESTINATION)


def secret_name(use: SecretUse, spec: ReconstructionJobSpec) -> str | None:
    """Of the job."""
    if use is FOR_SOURCE:
        return spec.source.secret_name
    return spec.destination.secret_name if spec.destination is not None else None


def credential_volumes(spec: ReconstructionJobSpec, resource_class: ResourceClass) -> list[dict[str, Any]]:
    """Volumes of a pod; none for pods that neither read the source nor publish."""
    volumes: list[dict[str, Any]] = []
    for use in _needed(spec, resource_class):
        secret = {"secretName": secret_name(use, spec), "defaultMode": _MODE}
        items = [{"key": key, "path": key} for key in sorted(use.keys)]
        volumes.append({"name": use.files, "secret": {**secret, "optional": True, "items": items}})
        volumes.append({"name": use.required, "secret": {**secret, "optional": False}})
    return volumes


def credential_mounts(spec: ReconstructionJobSpec, resource_class: ResourceClass) -> list[dict[str, Any]]:
    """Where the container sees them."""
    mounts: list[dict[str, Any]] = []
    for use in _needed(spec, resource_class):
        unseen = f"/var/run/secrets/{use.required}"
        mounts.append({"name": use.files, "mountPath": use.path, "readOnly": True})
        mounts.append({"name": use.required, "mountPath": unseen, "subPath": _NO_KEY, "readOnly": True})
    return mounts


def _needed(spec: ReconstructionJobSpec, resource_class: ResourceClass) -> tuple[SecretUse, ...]:
    """Each pod gets the Secret of its own work alone."""
    works = {FOR_SOURCE: reads_source(resource_class), FOR_DESTINATION: publishes(resource_class)}
    return tuple(use for use in USES if works[use] and secret_name(use, spec) is not None)
