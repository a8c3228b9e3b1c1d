"""`recon watch` shows the numbers of the worker's log, which are fresher than those in status."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
from tests.cli.cluster.conftest import Museum, stage
from tests.cli.cluster.test_logs import gallery, worker
from tests.cli.cluster.test_watch import PROGRESS as IN_STATUS
from tests.cli.cluster.test_watch import job_with, picture
from tests.cli.cluster.watcher import Watcher

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.stages import StageName
from reconstruction_api.worker import Progress
from reconstruction_cli.cluster.connection import Cluster
from reconstruction_cli.cluster.follow import Change, Feed
from reconstruction_cli.cluster.log_lines import SparseProgress
from reconstruction_cli.cluster.worker_numbers import PROGRESS, WorkerNumbers, numbers_in

__all__ = ["gallery"]  # a fixture

RUNNING = job_with(stage="train", stages=[stage("train", "Running")], progress=IN_STATUS)
"""At 37 % of its stage, as far as the status says."""


class StubCluster:
    """An API server with one log."""

    namespace = "museum"

    def __init__(self, lines: list[str], code: str = ""):
        self._lines, self._code = lines, code
        self.asked: list[str] = []

    def pages(self, path: str, query: dict[str, str], accept: str = "") -> Iterator[dict[str, Any]]:
        yield {"metadata": {"resourceVersion": "1"}, "items": [pod("one")]}

    def lines(self, path: str, query: dict[str, str], silence_seconds: float | None) -> Iterator[bytes]:
        self.asked.append(path)
        if query.get("watch"):
            return iter(())
        if self._code:
            raise ReconstructionError(self._code, "not yours")
        return iter(line.encode() for line in self._lines)


def pod(uid: str, state: str = "running") -> dict[str, Any]:
    statuses = [{"name": "worker", "state": {state: {}}}]
    metadata = {"name": f"pod-{uid}", "uid": uid, "resourceVersion": "1"}
    return {"metadata": metadata, "status": {"containerStatuses": statuses}}


def line(percent: float, **fields: Any) -> str:
    return json.dumps({"msg": "progress", "stage": "train", "percent": percent, "step": int(percent * 9)} | fields)


def followed(cluster: StubCluster) -> tuple[WorkerNumbers, Feed]:
    feed = Feed(cast(Cluster, cluster))
    return WorkerNumbers(cast(Cluster, cluster), RUNNING, feed), feed


def told(feed: Feed, topic: str) -> Change:
    while (change := feed.next(10)) is not None:
        if change.topic == topic:
            return change
    raise AssertionError(f"nothing of {topic}")


def test_the_numbers_of_the_running_pods_log_are_shown() -> None:
    cluster = StubCluster(["plain words", line(40), json.dumps({"msg": "stage done"}), line(41.5)])
    numbers, feed = followed(cluster)
    assert numbers.pod_changed(told(feed, "Pod"))
    assert [numbers_in(told(feed, PROGRESS)).percent for _ in range(2)] == [40, 41.5]  # type: ignore[union-attr]
    assert "/api/v1/namespaces/museum/pods/pod-one/log" in cluster.asked


def test_who_may_not_read_logs_sees_the_numbers_of_the_status() -> None:
    numbers, feed = followed(StubCluster([], "ClusterAccessDenied"))
    numbers.pod_changed(told(feed, "Pod"))
    assert feed.next(0.2) is None, "no error reaches the one who watches"
    assert "step 300 of 900" in picture(RUNNING)


@pytest.mark.node
def test_watching_shows_what_the_log_says_before_the_status_does(gallery: Museum, python_image: str) -> None:
    gallery.write_status(stage="train", stages=[stage("train", "Running")], progress=IN_STATUS)
    worker(gallery, "first", "reconstruct", python_image, ["plain words", line(60, totalSteps=900)], hold=True)
    with Watcher("watch", "statue") as watcher:
        watcher.until("train: 60 % · step 540 of 900")


def test_numbers_of_the_log_are_shown_unless_the_status_is_ahead() -> None:
    ahead = replace(RUNNING, live=Progress(stage=StageName.TRAIN, percent=38, step=342, total_steps=900))
    assert "step 342 of 900" in picture(ahead)
    behind = replace(RUNNING, live=Progress(stage=StageName.TRAIN, percent=30, step=270, total_steps=900))
    assert "step 300 of 900" in picture(behind)


def test_numbers_of_another_stage_are_not_shown() -> None:
    assert "step 300 of 900" in picture(replace(RUNNING, live=Progress(stage=StageName.POSES, percent=99, step=7)))


def test_numbers_end_with_their_pod_and_a_pod_is_followed_once() -> None:
    numbers, _ = followed(StubCluster([line(40)]))
    assert numbers.pod_changed(Change("Pod", pod("one")))
    assert not numbers.pod_changed(Change("Pod", pod("one")))
    assert numbers.pod_changed(Change("Pod", pod("two")))
    assert not numbers.pod_changed(Change("Pod", pod("one")))
    assert numbers.pod_changed(Change("Pod", pod("two", "terminated")))
    assert numbers.pod_changed(Change("Pod", pod("three")))
    assert numbers.pod_changed(Change("Pod", pod("three"), deleted=True))


def test_a_record_that_is_no_progress_shows_nothing() -> None:
    assert numbers_in(Change(PROGRESS, {"msg": "progress", "stage": "no such stage"})) is None


def test_the_terminal_is_not_steered_by_numbers() -> None:
    shown = numbers_in(Change(PROGRESS, {"msg": "progress", "stage": "ingest", "message": "\x1b]0;title\x07 photo"}))
    assert shown is not None and "\x1b" not in shown.message


def test_a_log_for_people_has_progress_every_15_seconds() -> None:
    sparse = SparseProgress()
    kept = [
        second
        for second in range(0, 40, 2)
        if not sparse.leaves_out(line(second), f"2026-01-31T12:00:{second:02}.123456789Z")
    ]
    assert kept == [0, 16, 32]
    assert not sparse.leaves_out(line(0, stage="mesh"), "2026-01-31T12:00:39Z"), "another stage"
    assert not sparse.leaves_out("plain words", "2026-01-31T12:00:39Z")
