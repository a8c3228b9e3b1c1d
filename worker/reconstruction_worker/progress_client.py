"""Reports to the operator how far a run is. Best effort: the pod's final report says everything again."""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Final

from reconstruction_api.stages import ResourceClass, StageName
from reconstruction_api.worker import Failure, Progress, ProgressUpdate, StageResult, WorkerJob

from .checkpoints import checkpoints_in

INTERVAL_SECONDS: Final = 1.0
MAX_BACKOFF_SECONDS: Final = 5.0
TIMEOUT_SECONDS: Final = 5.0
FINAL_TIMEOUT_SECONDS: Final = 2.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The token is for the operator; it is not carried elsewhere."""

    def redirect_request(self, *_: object) -> None:
        return None


class ProgressClient:
    """Posts the latest state from a thread of its own, at most once a second; what could not be sent is superseded.

    Used as a context manager: on leaving it the last state is sent once more, without waiting long.
    """

    def __init__(self, url: str, token_file: Path, job: WorkerJob, workspace: Path):
        self._url = url
        self._token_file = token_file
        self._job = job
        self._workspace = workspace
        self._changed = threading.Condition()
        self._pending = False
        self._closing = False
        # A pod that replaces this one in the same attempt must not seem older: sequences continue with the clock.
        self._sequence = int(time.time() * 1000)
        self._progress: Progress | None = None
        self._stages: list[StageResult] = []
        self._metrics: dict[str, str | int] = {}
        # Neither proxies from the environment nor redirects: the operator is next door.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
        self._thread = threading.Thread(target=self._send_changes, name="progress", daemon=True)

    def __enter__(self) -> ProgressClient:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(TIMEOUT_SECONDS)
        if self._pending:
            self._post(FINAL_TIMEOUT_SECONDS)

    def stage_started(self, stage: StageName, *, resumed: bool) -> None:
        self._update(Progress(stage=stage, message="resuming" if resumed else "starting"))

    def stage_progressed(self, progress: Progress) -> None:
        self._update(progress)

    def stage_ended(self, result: StageResult, metrics: Mapping[str, str | int]) -> None:
        with self._changed:
            self._stages.append(result)
            self._metrics.update(metrics)
        self._update(Progress(stage=result.name, percent=100, message=result.message))

    def stage_failed(self, stage: StageName | None, failure: Failure) -> None:
        """The pod's report says it."""

    def stopped(self, stage: StageName | None) -> None:
        """The pod's exit status says it."""

    def _update(self, progress: Progress) -> None:
        with self._changed:
            self._progress = progress
            self._pending = True
            self._changed.notify()

    def _send_changes(self) -> None:
        wait = INTERVAL_SECONDS
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._closing)
                if self._closing:
                    return
            sent = self._post(TIMEOUT_SECONDS)
            wait = INTERVAL_SECONDS if sent else min(2 * wait, MAX_BACKOFF_SECONDS)
            with self._changed:
                if self._changed.wait_for(lambda: self._closing, timeout=wait):
                    return

    def _post(self, timeout: float) -> bool:
        """Whether the operator took the latest state."""
        trains = self._job.resource_class is ResourceClass.RECONSTRUCT
        checkpoints = checkpoints_in(self._workspace) if trains else None
        with self._changed:
            self._pending = False
            self._sequence += 1
            body = ProgressUpdate(
                namespace=self._job.namespace,
                name=self._job.name,
                uid=self._job.uid,
                attempt=self._job.attempt,
                resource_class=self._job.resource_class,
                sequence=self._sequence,
                progress=self._progress,
                stages=list(self._stages),
                metrics=dict(self._metrics),
                checkpoints=checkpoints,
            ).model_dump_json(by_alias=True, exclude_none=True)
        try:
            # Read each time: the kubelet renews the token in place.
            token = self._token_file.read_text().strip()
            request = urllib.request.Request(
                self._url,
                data=body.encode(),
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            )
            with self._opener.open(request, timeout=timeout):
                return True
        except (OSError, HTTPException, ValueError):
            with self._changed:
                self._pending = True
            return False
