"""At the start, unfinished jobs come first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import pytest

from reconstruction_api.names import LABEL_JOB, LABEL_JOB_UID
from reconstruction_operator import head_start
from reconstruction_operator.causes import Cause
from reconstruction_operator.custom_resources import Handlers
from reconstruction_operator.head_start import jobs_that_go_on
from reconstruction_operator.informer import Kind
from reconstruction_operator.kube import ApiError, Kube
from reconstruction_operator.model import JobKey
from reconstruction_operator.queue import JobQueue
from reconstruction_operator.store import Store, parse_child_job
from reconstruction_operator.watching import Watching

from .builders import KEY, SPEC

NEWCOMER = JobKey("museum", "newcomer")


def job(key: JobKey = KEY, **status: Any) -> dict[str, Any]:
    metadata = {"namespace": key.namespace, "name": key.name, "uid": f"uid-of-{key}", "generation": 1,
                "resourceVersion": "3", "creationTimestamp": "2026-03-01T12:00:00Z"}  # fmt: skip
    return {"metadata": metadata, "spec": SPEC, "status": status}


def child(key: JobKey) -> dict[str, Any]:
    marks = {LABEL_JOB: key.name, LABEL_JOB_UID: f"uid-of-{key}"}
    metadata = {"namespace": key.namespace, "name": f"{key.name}-prep", "uid": f"child-of-{key}", "labels": marks}
    return {"metadata": metadata | {"resourceVersion": "4"}, "status": {}}


class Server:
    """Has these jobs, each with one child Job; listings without a selection of jobs wait until `open`."""

    def __init__(self, *jobs: dict[str, Any], error: ApiError | None = None):
        self.jobs = list(jobs)
        self.error = error
        self.asked: list[tuple[str, str, str]] = []
        self.open = asyncio.Event()

    async def pages(self, path: str, selector: str = "", fields: str = "") -> AsyncIterator[dict[str, Any]]:
        self.asked.append((path.rpartition("/")[2], selector, fields))
        items: list[dict[str, Any]] = []
        if "profiles" in path:
            pass
        elif fields:
            if self.error is not None:
                raise self.error
            items = [each for each in self.jobs if "completionTime" not in each["status"]]
        elif selector != LABEL_JOB:
            items = [child(JobKey("museum", each["metadata"]["name"])) for each in self.jobs] if "batch" in path else []
            items = [each for each in items if each["metadata"]["labels"][LABEL_JOB] in selector]
        else:
            await self.open.wait()
        yield {"items": items, "metadata": {"resourceVersion": "9"}}

    async def request(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"items": []}

    async def get(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"metadata": {}, "status": {}}

    async def watch(self, *_: Any) -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""


def kinds(store: Store) -> list[tuple[Kind, str]]:
    kind = Kind("jobs", parse_child_job, store.upsert_child_job, store.forget_child_job, store.present_child_jobs)
    return [(kind, "/apis/batch/v1")]


async def found(server: Server, store: Store) -> list[str]:
    jobs = await jobs_that_go_on(cast(Kube, server), [""], kinds(store))
    return [each["metadata"]["name"] for each in jobs]


async def test_jobs_that_have_not_ended_are_selected_and_all_that_is_theirs_is_known() -> None:
    store = Store()
    server = Server(job(), job(JobKey("museum", "old"), completionTime="2026-03-01T12:00:00Z"), job(NEWCOMER))
    assert await found(server, store) == ["statue", "newcomer"]
    assert [each.name for each in store.child_jobs(KEY, f"uid-of-{KEY}")] == ["statue-prep"]
    assert server.asked == [("reconstructionjobs", "", "status.completionTime="),
                            ("jobs", f"{LABEL_JOB} in (newcomer,statue)", "")]  # fmt: skip


async def test_many_names_are_asked_for_in_several_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_start, "_JOBS_A_LISTING", 2)
    server = Server(*(job(JobKey("museum", f"job-{number}")) for number in range(5)))
    assert len(await found(server, Store())) == 5
    assert [selector for _, selector, _ in server.asked[1:]] == [
        f"{LABEL_JOB} in (job-0,job-1)", f"{LABEL_JOB} in (job-2,job-3)", f"{LABEL_JOB} in (job-4)",
    ]  # fmt: skip


async def test_with_more_jobs_than_pay_there_is_no_head_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_start, "_MOST_JOBS", 2)
    assert await found(Server(job(), job(NEWCOMER)), Store()) == ["statue", "newcomer"]
    third = job(JobKey("museum", "third"))
    assert await found(Server(job(), job(NEWCOMER), third), Store()) == []


@pytest.mark.parametrize("error", [ApiError(400, "BadRequest", "field label not supported"), ApiError(403, "", "no")])
async def test_a_server_that_can_not_select_them_leads_to_the_ordinary_start(error: ApiError) -> None:
    assert await found(Server(job(), error=error), Store()) == []


class Custom:
    """Shows nothing, and is ready at once."""

    async def follow(self, handlers: Mapping[str, Handlers], ready: asyncio.Event, stop: asyncio.Event) -> None:
        ready.set()
        await stop.wait()

    async def watch(self, namespace: str, wanted: bool) -> None:
        pass


@pytest.mark.parametrize("namespaces", [(), ("museum",)], ids=["whole cluster", "a namespace"])
async def test_decisions_begin_before_everything_is_listed_about_these_jobs_alone(namespaces: tuple[str, ...]) -> None:
    looked: list[JobKey] = []

    async def look(key: JobKey) -> None:
        looked.append(key)

    store, queue, server = Store(), JobQueue(look, 2), Server(job())
    watching = Watching(cast(Kube, server), store, queue, Custom(), namespaces)
    stop = asyncio.Event()
    tasks = [asyncio.create_task(watching.run(stop)), asyncio.create_task(queue.run())]
    try:
        async with asyncio.timeout(10):
            await watching.begun.wait()
            while not looked:  # noqa: ASYNC110 - the queue has its own tasks
                await asyncio.sleep(0)
        assert watching.knows(KEY) and not watching.knows(NEWCOMER) and not watching.ready.is_set()
        queue.add(NEWCOMER, Cause.STARTING)
        server.open.set()
        async with asyncio.timeout(10):
            await watching.ready.wait()
            while not watching.knows(NEWCOMER) or KEY not in looked[1:]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        stop.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
