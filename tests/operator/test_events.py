"""Events on the job, written behind the decisions."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

import pytest

from reconstruction_operator.actions import Emit
from reconstruction_operator.event_recorder import Recorder
from reconstruction_operator.kube import Kube

from .api_server.virtual_time import event_loop_policy  # noqa: F401 - their time is the loop's
from .builders import job_view


class Server:
    def __init__(self, seconds: float = 0.0):
        self.seconds = seconds
        self.written: list[str] = []

    async def create(self, path: str, manifest: dict[str, Any], **_: Any) -> dict[str, Any]:
        await asyncio.sleep(self.seconds)
        self.written.append(manifest["note"])
        return manifest


async def flushed(server: Server, count: int, seconds: float) -> None:
    recorder = Recorder(cast(Kube, server), "operator")
    running = asyncio.create_task(recorder.run())
    await asyncio.sleep(0)
    for number in range(count):
        recorder.record(job_view(), Emit(False, "Started", f"{number}"))
    await recorder.flush(seconds)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_before_the_process_ends_all_that_waits_is_written_also_what_is_under_way() -> None:
    server = Server(0.01)
    await flushed(server, 7, seconds=30)
    assert sorted(server.written) == [f"{number}" for number in range(7)]
    await flushed(server, 0, seconds=30)


async def test_an_api_server_that_does_not_answer_holds_up_the_end_only_for_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        await flushed(Server(3600), 5, seconds=0.05)
    assert [record.__dict__["count"] for record in caplog.records] == [5]
