"""Carries files into and out of volume claims, through a small pod that mounts the claim."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from devcluster.errors import DevclusterError
from devcluster.kubectl import Kubectl

MOUNT: Final = "/claim"
# all input is read before anything can fail: kubectl waits for a minute when its reader ends early
_UNPACK: Final = (
    "import io, sys, tarfile;"
    "data = sys.stdin.buffer.read();"
    "tarfile.open(fileobj=io.BytesIO(data)).extractall(sys.argv[1])"
)
_PACK: Final = "import sys, tarfile; tarfile.open(fileobj=sys.stdout.buffer, mode='w|').add(sys.argv[1], '.')"


def create(kubectl: Kubectl, name: str, size: str) -> None:
    """Create a claim unless it is there."""
    specification = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    kubectl.apply(
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": specification}
    )


def fill(kubectl: Kubectl, claim: str, image: str, folder: Path) -> None:
    """Copy the files of a folder to the root of a claim."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name, filter=_anonymous)
    with _helper_pod(kubectl, claim, image) as pod:
        _exec(kubectl, pod, _UNPACK, MOUNT, archive.getvalue())


def fetch(kubectl: Kubectl, claim: str, image: str, folder: str, target: Path) -> None:
    """Copy a folder of a claim to a local folder."""
    with _helper_pod(kubectl, claim, image) as pod:
        content = _exec(kubectl, pod, _PACK, f"{MOUNT}/{folder}", None)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for entry in tar:
            path, file = (target / entry.name).resolve(), tar.extractfile(entry)
            if file is not None and path.is_relative_to(target.resolve()):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.read())


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Owner and rights that suit any pod."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o755 if entry.isdir() else 0o644
    return entry


@contextmanager
def _helper_pod(kubectl: Kubectl, claim: str, image: str) -> Iterator[str]:
    name = f"files-{claim}"
    kubectl("delete", "pod", name, "--ignore-not-found", "--wait")
    kubectl.apply(_pod(name, claim, image))
    try:
        kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=300s")
        yield name
    finally:
        kubectl("delete", "pod", name, "--ignore-not-found", "--wait=false")


def _pod(name: str, claim: str, image: str) -> dict[str, Any]:
    container = {
        "name": "files",
        "image": image,
        "command": ["python3", "-c", "import signal; signal.pause()"],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "claim", "mountPath": MOUNT}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "runAsGroup": 65532,
                "fsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [{"name": "claim", "persistentVolumeClaim": {"claimName": claim}}],
        },
    }


def _exec(kubectl: Kubectl, pod: str, program: str, argument: str, data: bytes | None) -> bytes:
    flags = ["--stdin"] if data is not None else []
    command = kubectl.command("exec", *flags, pod, "--", "python3", "-c", program, argument)
    result = subprocess.run(command, check=False, input=data or b"", capture_output=True, env=kubectl.environment)
    if result.returncode:
        raise DevclusterError(f"files could not be copied through pod {pod}: {result.stderr.decode()[-500:]}")
    return result.stdout
