"""How a pod gets the credentials of `spec.source.secretName`: as files, and only those keys that sources understand.

Two volumes of one Secret, because no single one does both things that are wanted:

- With `items` the kubelet shows the catalogued keys alone, so that no other entry of the Secret reaches the container.
  It refuses a volume of which one of the items is missing, unless the volume is optional; and an optional volume starts
  the pod even where there is no Secret at all.
- So a second volume requires the Secret. The kubelet mounts no volume that no container uses, and the container is
  to see nothing of this one: it gets a subdirectory that is empty, because no key of a Secret has such a name.

A Secret that is missing keeps the pod from starting, and one that comes late lets it start.
"""

from __future__ import annotations

from typing import Any

from reconstruction_api.names import CREDENTIALS_PATH
from reconstruction_api.source import CREDENTIALS, Source
from reconstruction_api.stages import ResourceClass, reads_source

_FILES, _REQUIRED = "source-credentials", "source-secret"
VOLUMES = frozenset({_FILES, _REQUIRED})
"""Their names, which the kubelet's messages quote."""
_REQUIRED_PATH = "/var/run/secrets/source-secret"
_NO_KEY = "no key"
"""A name with a space: keys of Secrets have none."""
_MODE = 0o444
"""Whoever the platform lets the pod run as; the volume is this pod's alone."""


def credential_volumes(source: Source, resource_class: ResourceClass) -> list[dict[str, Any]]:
    """Volumes of a pod; none for pods that do not read the source."""
    if not _needed(source, resource_class):
        return []
    secret = {"secretName": source.secret_name, "defaultMode": _MODE}
    items = [{"key": key, "path": key} for key in sorted(CREDENTIALS)]
    return [
        {"name": _FILES, "secret": {**secret, "optional": True, "items": items}},
        {"name": _REQUIRED, "secret": {**secret, "optional": False}},
    ]


def credential_mounts(source: Source, resource_class: ResourceClass) -> list[dict[str, Any]]:
    """Where the container sees them."""
    if not _needed(source, resource_class):
        return []
    return [
        {"name": _FILES, "mountPath": CREDENTIALS_PATH, "readOnly": True},
        {"name": _REQUIRED, "mountPath": _REQUIRED_PATH, "subPath": _NO_KEY, "readOnly": True},
    ]


def _needed(source: Source, resource_class: ResourceClass) -> bool:
    return source.secret_name is not None and reads_source(resource_class)
