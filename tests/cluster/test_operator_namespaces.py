"""Many served namespaces, few workers, and namespaces that can't be served: gone, or forbidden."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
import yaml
from bench.measuring import metric

from devcluster import processes
from devcluster.kubectl import Kubectl
from harness.fake_kubelet import RUNS_ON, kubelet_for
from harness.operator_process import OperatorProcess, eventually
from harness.rest import Rest
from harness.workbench import CRDS, JobUnderTest, Workbench
from reconstruction_operator.kube import ApiError, Kube, load_configuration

pytestmark = pytest.mark.cluster

CHART = Path(__file__).parents[2] / "charts" / "reconstruction-operator"
UNSERVED = "reconstruction_operator_unserved_namespaces"
ROLES = "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/{kind}"
READY_SECONDS = 60.0
NOTICED_SECONDS = 120.0


@dataclass
class Town:
    """Namespaces of a test, and operators that serve them."""

    kube: Kube
    kubeconfig: Path
    folder: Path
    prefix: str = field(default_factory=lambda: f"many-{secrets.token_hex(3)}")
    made: set[str] = field(default_factory=set)

    def name(self, number: int) -> str:
        return f"{self.prefix}-{number}"

    async def create(self, *numbers: int) -> None:
        for number in numbers:
            await self.kube.create("/api/v1/namespaces", {"metadata": {"name": self.name(number)}})
            self.made.add(self.name(number))

    async def delete(self, number: int) -> None:
        path = f"/api/v1/namespaces/{self.name(number)}"
        await self.kube.request("DELETE", path)

        async def gone() -> bool:
            try:
                await self.kube.get(path)
            except ApiError as error:
                return error.not_found
            return False

        await eventually(gone, f"{self.name(number)} is gone")
        self.made.discard(self.name(number))

    @asynccontextmanager
    async def serving(
        self, *numbers: int, kubeconfig: Path | None = None, **flags: str
    ) -> AsyncIterator[OperatorProcess]:
        names = ",".join(map(self.name, numbers))
        log = self.folder / "log"
        operator = OperatorProcess(kubeconfig or self.kubeconfig, log, namespaces=names, **flags)
        operator.start()
        try:
            await operator.answers(READY_SECONDS)
            yield operator
            assert operator.process is not None and operator.process.poll() is None, log.read_text()[-2000:]
            async with aiohttp.ClientSession() as session, session.get(f"{operator.url}/healthz") as answer:
                assert answer.status == 200
        finally:
            operator.kill()

    async def create_job_in(self, number: int) -> JobUnderTest:
        work = Workbench(self.kube, None, self.name(number))  # type: ignore[arg-type]
        with suppress(ApiError):
            await work.create_profile()
        job = JobUnderTest(work, f"job-{secrets.token_hex(3)}")
        await job.create()
        return job

    async def a_job_starts_in(self, number: int) -> None:
        job = await self.create_job_in(number)
        await eventually(job.children, f"a child Job in {self.name(number)}", NOTICED_SECONDS)


@pytest.fixture
async def town(kubeconfig: Path, tmp_path: Path) -> AsyncIterator[Town]:
    Rest(kubeconfig).install(CRDS)
    made = Town(Kube(await load_configuration(str(kubeconfig))), kubeconfig, tmp_path)
    async with kubelet_for(kubeconfig) as kubelet:  # pods that nobody stops keep their namespace from going
        kubelet.otherwise = lambda _: RUNS_ON
        yield made
        for name in made.made:
            await made.kube.request("DELETE", f"/api/v1/namespaces/{name}")
    await made.kube.close()


async def until_unserved(operator: OperatorProcess, count: int) -> None:
    async def as_many() -> bool:
        return await metric(operator, UNSERVED) == count

    await eventually(as_many, f"{count} unserved namespaces", NOTICED_SECONDS)


async def test_thirty_namespaces_are_served(town: Town) -> None:
    await town.create(*range(30))
    async with town.serving(*range(30)):
        await town.a_job_starts_in(0)
        await town.a_job_starts_in(29)


async def test_one_job_at_a_time_is_enough_to_serve_them(town: Town) -> None:
    await town.create(0, 1)
    async with town.serving(0, 1, concurrency="1"):
        await town.a_job_starts_in(0)
        await town.a_job_starts_in(1)


async def test_a_namespace_that_is_missing_or_deleted_is_left_out_until_it_is_there(town: Town) -> None:
    await town.create(0, 1)
    async with town.serving(0, 1, 2, max_concurrent_jobs="2") as operator:
        await until_unserved(operator, 1)
        await town.a_job_starts_in(1)
        await town.a_job_starts_in(0)
        await town.delete(1)
        await until_unserved(operator, 2)
        await town.a_job_starts_in(0)  # its slot is free again
        await town.create(2)
        await until_unserved(operator, 1)


@pytest.mark.usefixtures("kubernetes_tools")
async def test_a_namespace_without_rights_is_left_out_until_there_are_some(town: Town) -> None:
    """As with the chart: the operator's account has a Role in each namespace."""
    await town.create(0, 1, 2)
    access = await account_with_the_charts_rights(town, 0, 1, 2)
    binding = await remove_rights(town, 1)
    async with town.serving(0, 1, 2, kubeconfig=access) as operator:
        await until_unserved(operator, 1)
        await town.a_job_starts_in(0)
        await remove_rights(town, 0)
        await town.create_job_in(0)  # its status is not taken: that is reason enough to look
        await until_unserved(operator, 2)
        await town.a_job_starts_in(2)
        await town.kube.create(ROLES.format(namespace=town.name(1), kind="rolebindings"), binding)
        await until_unserved(operator, 1)
        await town.a_job_starts_in(1)
    said = [line for line in (town.folder / "log").read_text().splitlines() if "can't be served" in line]
    assert len(said) == 2, "once for each time"


async def account_with_the_charts_rights(town: Town, *numbers: int) -> Path:
    """A kubeconfig of the ServiceAccount that the chart makes for an operator of these namespaces."""
    names = ",".join(map(town.name, numbers))
    text = processes.run(
        "helm",
        "template",
        town.prefix,
        CHART,
        "--namespace=default",
        f"--set=namespaces={{{names}}}",
        "--show-only=templates/rbac.yaml",
        environment=Kubectl(town.kubeconfig).environment,
    )
    account = ""
    for document in filter(None, yaml.safe_load_all(text)):
        kind, namespace = document["kind"], document["metadata"].get("namespace")
        if kind == "ServiceAccount":
            account = document["metadata"]["name"]
            path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        else:
            place = f"namespaces/{namespace}/" if namespace else ""
            path = f"/apis/rbac.authorization.k8s.io/v1/{place}{kind.lower()}s"
        await town.kube.create(path, document)
    path = f"/api/v1/namespaces/default/serviceaccounts/{account}/token"
    token = (await town.kube.create(path, {"spec": {"expirationSeconds": 3600}}))["status"]["token"]
    config = yaml.safe_load(town.kubeconfig.read_text())
    config["users"] = [{"name": "operator", "user": {"token": token}}]
    config["contexts"][0]["context"]["user"] = "operator"
    file = town.folder / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file


async def remove_rights(town: Town, number: int) -> dict:
    """The RoleBinding that was there."""
    path = ROLES.format(namespace=town.name(number), kind="rolebindings")
    (binding,) = (await town.kube.get(path))["items"]
    await town.kube.request("DELETE", f"{path}/{binding['metadata']['name']}")
    kept = {name: binding["metadata"][name] for name in ("name", "namespace")}
    return {"metadata": kept, "roleRef": binding["roleRef"], "subjects": binding["subjects"]}
