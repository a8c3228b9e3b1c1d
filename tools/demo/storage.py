"""An S3 server (moto) on this machine, for examples whose job publishes; pods of the embedded cluster reach it."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from devcluster.errors import DevclusterError
from devcluster.kubectl import Kubectl
from reconstruction_api.formats import LATEST

from . import layout

BUCKET: Final = "assets"
SECRET: Final = "assets-write"
SECONDS: Final = 60.0


@dataclass(frozen=True)
class Storage:
    """The server, with the bucket `assets` in it."""

    node_address: str
    """At which pods find this machine."""
    port: int

    def profile(self) -> dict[str, Any]:
        """What the profile of the chart must allow."""
        return {"network": {"allow": [f"{self.node_address}/32"]}}

    def give_access(self, kubectl: Kubectl) -> None:
        """The Secret that the job names, and its namespace."""
        kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": layout.JOB_NAMESPACE}})
        keys = {
            "AWS_ACCESS_KEY_ID": "demo",
            "AWS_SECRET_ACCESS_KEY": "demo",
            "AWS_ENDPOINT_URL": f"http://{self.node_address}:{self.port}",
        }
        kubectl.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "stringData": keys})

    def verify(self, prefix: str) -> tuple[int, int]:
        """Follow latest.json below a prefix as a reader does; how many files of how many bytes there are. Raises
        DevclusterError for one that is not what its manifest says."""
        latest = json.loads(self._read(f"{prefix}{LATEST}"))
        manifest = self._read(f"{prefix}{latest['manifest']}")
        _compare(latest["manifest"], manifest, latest["manifestSha256"])
        files = json.loads(manifest)["artifacts"]
        for file in files:
            _compare(file["name"], self._read(f"{prefix}{latest['set']}/{file['name']}"), file["sha256"])
        return len(files), sum(file["sizeBytes"] for file in files)

    def _read(self, path: str) -> bytes:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{BUCKET}/{path}", timeout=SECONDS) as response:
                return response.read()
        except urllib.error.URLError as error:
            raise DevclusterError(f"{path} is not in the bucket {BUCKET}: {error}") from error


def publishes(job_file: Path) -> bool:
    """Whether an example needs the server."""
    return f"s3://{BUCKET}/" in job_file.read_text()


@contextmanager
def s3_server(node_address: str | None) -> Iterator[Storage]:
    """The server, until the block ends. Raises DevclusterError where the cluster's pods can't reach it."""
    if node_address is None:
        raise DevclusterError("this example publishes to a server on this machine: it needs DEMO_CLUSTER=embedded")
    port = _free_port()
    command = [str(layout.PYTHON), "-m", "moto.server", "--host", "0.0.0.0", "--port", str(port)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _make_bucket(port, process)
        yield Storage(node_address, port)
    finally:
        process.terminate()
        process.wait()


def _make_bucket(port: int, process: subprocess.Popen[bytes]) -> None:
    """Which everybody may read."""
    _put(port, process, BUCKET, b"")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    _put(port, process, f"{BUCKET}?policy", json.dumps(policy).encode())


def _put(port: int, process: subprocess.Popen[bytes], path: str, content: bytes) -> None:
    """Send it, as soon as the server listens."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", content, headers, method="PUT")
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=SECONDS):
                return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise DevclusterError(f"the S3 server of the demo did not start: {error}") from error
            time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


def _compare(name: str, content: bytes, digest: str) -> None:
    if hashlib.sha256(content).hexdigest() != digest:
        raise DevclusterError(f"{name} in the bucket {BUCKET} is not what its manifest says")
