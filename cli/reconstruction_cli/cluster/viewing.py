"""A job on a cluster as `recon view` shows it: its files are read through the API server, each when it is asked for."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from typing import Any, Final

import click

from reconstruction_api.documents.engines import FOLDER as ENGINES
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.live_view import FOLDER, HISTORY, PICTURE, WANTED
from reconstruction_api.names import LABEL_JOB, WORKSPACE_PATH
from reconstruction_api.stages import STAGES, StageName
from reconstruction_api.worker import Artifact

from ..published_files import is_published, read_published
from ..viewing.folder import curve
from ..viewing.viewed import REPORT, Moment
from .artifacts import requester_pays
from .connection import Cluster, Disconnected
from .download_pod import CONTAINER as FILES_CONTAINER
from .download_pod import download_pod
from .jobs import Job, get_job
from .pod_logs import CONTAINER as WORKER_CONTAINER
from .pod_phases import pods_path
from .transfer import Unreadable, output_of, read_file
from .volumes import mounts_of, path_in_pod

_BY_NAME: Final = {stage.name.value: stage for stage in STAGES}
_WAIT_SECONDS: Final = 300.0
_LOOK: Final = (
    """
import base64, glob, json, os, sys
folder, step = sys.argv[1], sys.argv[2]
live = os.path.join(folder, "FOLDER")
os.makedirs(live, exist_ok=True)
open(os.path.join(live, "WANTED"), "w").close()
found = {"picture": "", "version": "", "lines": []}
try:
    path = os.path.join(live, "PICTURE")
    found["version"] = str(os.stat(path).st_mtime_ns)
    if found["version"] != step:
        found["picture"] = base64.b64encode(open(path, "rb").read()).decode()
except OSError:
    pass
try:
    written = glob.glob(os.path.join(folder, "TRAIN", "HISTORY"))
    written += glob.glob(os.path.join(folder, "ENGINES", "*", "TRAIN", "HISTORY"))
    found["lines"] = open(max(written, key=os.path.getmtime)).read().splitlines()[-4000:]
except (OSError, ValueError):
    pass
print(json.dumps(found))
""".replace("FOLDER", FOLDER)
    .replace("WANTED", WANTED)
    .replace("PICTURE", PICTURE)
    .replace("TRAIN", StageName.TRAIN)
    .replace("ENGINES", ENGINES)
    .replace("HISTORY", HISTORY)
)
"""Runs in the worker's pod: asks the training for pictures, and prints the last one and the history."""


@contextlib.contextmanager
def viewed_job(cluster: Cluster, name: str) -> Iterator[ViewedJob]:
    """A job; a pod that reads its volume is started when the first file is asked for, and removed in the end. Raises
    ObjectNotFound."""
    with contextlib.ExitStack() as stack:
        yield ViewedJob(cluster, get_job(cluster, name), stack)


class ViewedJob:
    def __init__(self, cluster: Cluster, job: Job, stack: contextlib.ExitStack):
        self._cluster, self._name, self._stack = cluster, job.name, stack
        self._artifacts = {artifact.name: artifact for artifact in job.status.artifacts or []}
        self._lock = threading.Lock()
        self._pod: str | None = None
        self._picture, self._version = b"", ""

    def moment(self) -> Moment:
        job = get_job(self._cluster, self._name)
        self._artifacts = {artifact.name: artifact for artifact in job.status.artifacts or []}
        if job.succeeded and REPORT in self._artifacts:
            return Moment(job.full_name, report=True)
        failure = job.status.failure
        if job.succeeded is False:
            return Moment(
                job.full_name, ended=f"{failure.code}: {failure.message}" if failure else "The job has failed."
            )
        stage, progress = job.status.stage, job.status.progress
        if stage is None:
            return Moment(job.full_name, stage="Not started")
        history = self._look_into_training(job) if stage == StageName.TRAIN else []
        return Moment(
            title=job.full_name,
            stage=known.title if (known := _BY_NAME.get(stage)) is not None else stage,
            message=progress.message if progress else "",
            percent=float(progress.stage_percent) if progress and progress.stage_percent is not None else None,
            history=history,
            picture=self._version if self._picture else "",
        )

    def picture(self) -> bytes:
        return self._picture

    def names(self) -> list[str]:
        return list(self._artifacts)

    def read(self, name: str) -> Iterator[bytes]:
        artifact = self._artifacts[name]
        try:
            if is_published(artifact.uri):
                pays = requester_pays(get_job(self._cluster, self._name))
                yield from read_published(artifact.uri, 0, requester_pays=pays)
            else:
                yield from self._read_volume(artifact)
        except (Unreadable, Disconnected, ConnectionError) as error:
            raise ReconstructionError("ArtifactStoreError", f"{name} could not be read: {error}") from None

    def _read_volume(self, artifact: Artifact) -> Iterator[bytes]:
        with self._lock:
            job = get_job(self._cluster, self._name)
            if self._pod is None:
                pod = download_pod(self._cluster, job, mounts_of(job), _WAIT_SECONDS, _say)
                self._pod = self._stack.enter_context(pod)
        yield from read_file(self._cluster, self._pod, FILES_CONTAINER, path_in_pod(artifact, job), 0)

    def _look_into_training(self, job: Job) -> list[list[float | None]]:
        """The history; the picture is kept. Nothing where the pod can't be asked."""
        pod = _training_pod(self._cluster, job.name)
        if pod is None:
            return []
        try:
            arguments = [_LOOK, WORKSPACE_PATH, self._version]
            text = b"".join(output_of(self._cluster, pod, WORKER_CONTAINER, arguments))
        except (Unreadable, Disconnected, ReconstructionError):
            return []
        found: dict[str, Any] = json.loads(text)
        if found["picture"]:
            self._picture, self._version = base64.b64decode(found["picture"]), found["version"]
        return curve(found["lines"])


def _say(text: str) -> None:
    click.echo(text, err=True)


def _training_pod(cluster: Cluster, name: str) -> str | None:
    """The running worker's pod."""
    for page in cluster.pages(pods_path(cluster), {"labelSelector": f"{LABEL_JOB}={name}"}):
        for pod in page["items"]:
            if pod.get("status", {}).get("phase") == "Running" and not pod["metadata"].get("deletionTimestamp"):
                return str(pod["metadata"]["name"])
    return None
