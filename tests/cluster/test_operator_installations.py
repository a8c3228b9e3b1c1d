"""Several installations of the operator in one cluster: no two of them ever act on the same job."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from harness.operator_process import OperatorProcess, eventually
from harness.workbench import JobUnderTest, Workbench, conditions, workbench

pytestmark = pytest.mark.cluster

JOBS = 8


@asynccontextmanager
async def installation(kubeconfig: Path, folder: Path, name: str, **flags: str) -> AsyncIterator[OperatorProcess]:
    """One that runs, with a Lease `platform/NAME` that nobody contends for."""
    operator = OperatorProcess(
        kubeconfig, folder / f"{name}.log", lease_namespace="platform", lease_name=name, identity=name, **flags
    )
    operator.start()
    try:
        await operator.answers()
        yield operator
    finally:
        operator.kill()


async def holder(job: JobUnderTest) -> str:
    """Name of the installation that has claimed the job."""
    return (await job.get()).get("status", {}).get("operator", "").removeprefix("platform/")


async def actors(work: Workbench, job: JobUnderTest) -> set[str]:
    """The installations that have told of what they did to the job."""
    events = await work.listed("/apis/events.k8s.io/v1/.../events")
    return {each["reportingInstance"] for each in events if each["regarding"].get("name") == job.name}


async def created(work: Workbench, name: str, **spec: Any) -> JobUnderTest:
    job = JobUnderTest(work, name)
    await job.create(**spec)
    return job


async def has_child(job: JobUnderTest) -> bool:
    return bool(await job.children())


async def test_two_that_overlap_share_the_jobs_and_never_one_job(kubeconfig: Path, tmp_path: Path) -> None:
    """The whole cluster, and one namespace of it, without a word to either about the other."""
    async with workbench(kubeconfig, tmp_path / "none", running=False) as work:
        await work.create_profile()
        async with (
            installation(kubeconfig, tmp_path, "everywhere", namespaces="") as everywhere,
            installation(kubeconfig, tmp_path, "museum", namespaces=work.namespace) as museum,
        ):
            jobs = [await created(work, f"job-{number}") for number in range(JOBS)]
            for job in jobs:
                await eventually(lambda job=job: has_child(job), f"{job.name} has a child")
                await job.change(suspend=True)
            for job in jobs:
                await job.until("Suspended")
                assert await eventually(lambda job=job: actors(work, job), "an Event") == {await holder(job)}
                assert len(await job.children()) <= 1
            counted = [await contested(operator) for operator in (everywhere, museum)]
            held = [[await holder(job) for job in jobs].count(name) for name in ("everywhere", "museum")]
            assert sum(held) == JOBS and counted == [JOBS - number for number in held]


async def contested(operator: OperatorProcess) -> int:
    """The gauge of jobs that another installation has claimed."""
    async with aiohttp.ClientSession() as session, session.get(f"{operator.url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    (line,) = [each for each in lines if each.startswith("reconstruction_operator_jobs_of_others ")]
    return int(float(line.split()[1]))


async def test_classes_and_excluded_namespaces_say_who_acts(kubeconfig: Path, tmp_path: Path) -> None:
    async with (
        workbench(kubeconfig, tmp_path / "none", running=False) as museum,
        workbench(kubeconfig, tmp_path / "none", running=False) as studio,
    ):
        await museum.create_profile()
        await studio.create_profile()
        async with (
            installation(kubeconfig, tmp_path, "everywhere", namespaces="", exclude_namespaces=museum.namespace),
            installation(kubeconfig, tmp_path, "museum", namespaces=museum.namespace),
            installation(kubeconfig, tmp_path, "lab", namespaces="", operator_class="lab"),
        ):
            nobodys = await created(museum, "nobodys", operatorClass="other")
            expected = [
                (await created(museum, "plain"), "museum"),
                (await created(museum, "classed", operatorClass="lab"), "lab"),
                (await created(studio, "plain"), "everywhere"),
                (await created(studio, "classed", operatorClass="lab"), "lab"),
            ]
            for job, name in expected:
                await eventually(lambda job=job: has_child(job), f"{job.work.namespace}/{job.name} has a child")
                assert await holder(job) == name
                assert await eventually(lambda job=job: actors(job.work, job), "an Event") == {name}
            assert "status" not in await nobodys.get() and not await nobodys.children()


async def test_a_job_stays_with_its_installation_until_another_takes_it_over(kubeconfig: Path, tmp_path: Path) -> None:
    async with workbench(kubeconfig, tmp_path / "none", running=False) as work:
        await work.create_profile()
        async with installation(kubeconfig, tmp_path, "old", namespaces=work.namespace):
            first = await created(work, "first")
            await eventually(lambda: has_child(first), "the old installation acts")
        async with installation(kubeconfig, tmp_path, "new", namespaces=work.namespace):
            await first.change(suspend=True)
            second = await created(work, "second", suspend=True)
            await second.until("Suspended")
            assert conditions(await first.get())["Suspended"]["status"] == "False"
            assert "platform/old are left alone" in (tmp_path / "new.log").read_text()
        async with installation(kubeconfig, tmp_path, "new", namespaces=work.namespace, take_over="platform/old"):
            await first.until("Suspended")
            assert await holder(first) == "new"
