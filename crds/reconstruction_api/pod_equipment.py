"""What a profile gives to every pod with a worker, whatever that does."""

from __future__ import annotations

from typing import Any, Final

from .names import WEIGHTS_PATH
from .profile import ClusterProfileSpec, SecretEntry

_DEFAULTS: Final = {"HOME": "/tmp", "NUMBA_CACHE_DIR": "/tmp/numba", "TORCH_HOME": f"{WEIGHTS_PATH}/torch"}
_OFFLINE: Final = {"HF_HUB_OFFLINE": "1"}
"""No profile changes it: libraries that fetch weights by themselves fail instead."""


def environment(profile: ClusterProfileSpec) -> dict[str, dict[str, Any]]:
    """Entries of a container's `env` by name."""
    entries = {name: literal(name, value) for name, value in {**_DEFAULTS, **profile.environment}.items()}
    entries |= {name: _from_secret(name, entry) for name, entry in profile.environment_from_secrets.items()}
    return entries | {name: literal(name, value) for name, value in _OFFLINE.items()}


def literal(name: str, value: str) -> dict[str, Any]:
    """A variable with exactly this value. Kubernetes expands `$(NAME)` in values and turns `$$` into `$`, so every `$`
    is doubled: escaping only some of them would leave text that becomes a reference when it is unescaped."""
    return {"name": name, "value": value.replace("$", "$$")}


def mounts(profile: ClusterProfileSpec) -> list[dict[str, Any]]:
    """Of the container: what it may write besides its workspace, and the node's folders."""
    own = [{"name": "tmp", "mountPath": "/tmp"}, {"name": "shared-memory", "mountPath": "/dev/shm"}]
    folders = enumerate(profile.host_paths)
    return own + [
        {"name": f"host-{index}", "mountPath": folder.mount_path, "readOnly": True} for index, folder in folders
    ]


def volumes(profile: ClusterProfileSpec) -> list[dict[str, Any]]:
    """Those that are mounted."""
    return [
        {"name": "tmp", "emptyDir": {}},
        {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": profile.shared_memory}},
        *({"name": f"host-{index}", "hostPath": {"path": each.path}} for index, each in enumerate(profile.host_paths)),
    ]


def _from_secret(name: str, entry: SecretEntry) -> dict[str, Any]:
    """The pod waits until the Secret of its namespace has the entry."""
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": entry.secret_name, "key": entry.key}}}
