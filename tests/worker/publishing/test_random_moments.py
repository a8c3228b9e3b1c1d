"""A publication that is killed at any moment never shows a reader half a set, and ends well when it is repeated."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from threading import Event, Thread

from botocore.exceptions import ClientError

from harness.finished_workspace import context, followed, results
from reconstruction_worker.stages import publish

from .bucket import PREFIX, Bucket

DESTINATION = {"uri": "s3://assets/{namespace}/{name}/"}
KILLS = 30
PER_SET = 5
"""Kills before a set may be published to its end."""
WARM = ["reconstruction_worker.stages.publish", "reconstruction_worker.ingest.storage.s3", "obstore"]


def publish_in(workspace: str, endpoint: str) -> None:
    os.environ |= {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    publish.run(context(Path(workspace), DESTINATION))


class Reader:
    """Follows latest.json again and again, each object by a request of its own."""

    def __init__(self, bucket: Bucket):
        self.bucket, self.seen, self.problems = bucket, list[bytes](), list[str]()
        self._end, self._thread = Event(), Thread(target=self._follow)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def __getitem__(self, path: str) -> bytes:
        return self.bucket.read(PREFIX + path)

    def _follow(self) -> None:
        while not self._end.is_set():
            try:
                self.seen.append(followed(self)["version.json"])  # type: ignore[arg-type]
            except ClientError as error:
                if not (self.seen == [] and error.response["Error"]["Code"] == "NoSuchKey"):
                    self.problems.append(str(error))
            except Exception as error:
                self.problems.append(repr(error))


def version(number: int) -> dict[str, bytes]:
    """Results that differ from all others in every file; one is sent in parts."""
    content = random.Random(number).randbytes(9 * 2**20)
    small = {f"part-{index}.glb": content[index * 1000 : (index + 1) * 1000] for index in range(4)}
    return {"model.obj": content, "version.json": str(number).encode(), **small}


def moment(minute: int) -> str:
    return f"2026-11-29T20:{minute:02}:00Z"


def test_a_reader_never_sees_a_wrong_or_missing_file_however_often_the_publisher_is_killed(
    bucket: Bucket, tmp_path: Path
):
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(WARM)

    def started(workspace: Path) -> ForkServerProcess:
        process = server.Process(target=publish_in, args=(str(workspace), bucket.address))
        process.start()
        return process

    def completed(workspace: Path) -> float:
        """Seconds."""
        begun, process = time.monotonic(), started(workspace)
        process.join()
        assert process.exitcode == 0
        return time.monotonic() - begun

    chance, killed, sets = random.Random(20), 0, KILLS // PER_SET
    with Reader(bucket) as reader:
        completed(results(tmp_path / "warm", version(0), moment(0)))
        # The shorter of two: on a busy machine one may take several times as long, and would outlast all that follow.
        taken = min(completed(results(tmp_path / f"0{turn}", version(0), moment(1))) for turn in range(2))
        for number in range(1, sets + 1):
            workspace = results(tmp_path / str(number), version(number), moment(number + 1))
            for attempt in range(PER_SET):
                process = started(workspace)
                process.join(taken * (attempt + chance.random()) / PER_SET)
                if process.exitcode is None:
                    os.kill(process.pid or 0, signal.SIGKILL)
                    killed += 1
                process.join()
            completed(workspace)
    assert reader.problems == []
    assert followed(bucket.objects()) == version(sets)
    assert [int(each) for each in reader.seen] == sorted(int(each) for each in reader.seen)
    assert killed >= PER_SET, "publishing was so quick that few were killed"
    assert len(set(reader.seen)) > 1
