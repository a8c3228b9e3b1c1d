"""A namespace with an operator that serves only it: a test applies jobs and looks at what becomes of them."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconstruction_operator.kube import MERGE_PATCH, Kube, load_configuration

from .operator_process import OperatorProcess, eventually
from .rest import Rest

CRDS = sorted((Path(__file__).parents[2] / "crds").glob("*.yaml"))
API = "/apis/reconstruction.dev/v1alpha1"
Document = dict[str, Any]


@dataclass
class Workbench:
    """What a test works with."""

    kube: Kube
    operator: OperatorProcess
    namespace: str
    profile: str = "test"
    """What jobs name unless they say otherwise."""

    async def create_job(self, name: str = "statue", **spec: Any) -> None:
        spec = {"source": {"uri": "s3://captures/statue/"}, "profileName": self.profile} | spec
        await self.kube.create(f"{API}/namespaces/{self.namespace}/reconstructionjobs", _object(name, spec))

    async def create_profile(self, name: str = "test", **spec: Any) -> None:
        spec = {"engines": [{"name": "nerfacto", "image": "worker:test"}], "workspace": {"size": "1Gi"}} | spec
        path = f"{API}/namespaces/{self.namespace}/reconstructionprofiles"
        document = _object(name, spec) | {"kind": "ReconstructionProfile"}
        await self.kube.create(path, document)

    async def change(self, name: str = "statue", **spec: Any) -> None:
        path = f"{API}/namespaces/{self.namespace}/reconstructionjobs/{name}"
        await self.kube.request("PATCH", path, body={"spec": spec}, content_type=MERGE_PATCH)

    async def job(self, name: str = "statue") -> Document:
        return await self.kube.get(f"{API}/namespaces/{self.namespace}/reconstructionjobs/{name}")

    async def children(self) -> list[Document]:
        page = await self.kube.get(f"/apis/batch/v1/namespaces/{self.namespace}/jobs")
        return page["items"]

    async def pods(self) -> list[Document]:
        page = await self.kube.get(f"/api/v1/namespaces/{self.namespace}/pods")
        return page["items"]

    async def has_no_active_child(self) -> bool:
        """Every child Job has ended or is gone."""
        ended = ("Complete", "Failed")
        return all(
            any(each["type"] in ended and each["status"] == "True" for each in child["status"].get("conditions", []))
            for child in await self.children()
        )

    async def until(
        self, condition: str, status: str = "True", reason: str = "", name: str = "statue", seconds: float = 30
    ) -> Document:
        """The job once it has the condition, for the current spec."""

        async def holds() -> Document | None:
            job = await self.job(name)
            found = conditions(job).get(condition, {})
            fits = found.get("status") == status and reason in ("", found.get("reason"))
            current = job["status"].get("observedGeneration") == job["metadata"]["generation"] if fits else False
            return job if current else None

        try:
            return await eventually(holds, f"{condition}={status} {reason}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {(await self.job(name)).get('status')}") from None


def _object(name: str, spec: Document) -> Document:
    return {
        "apiVersion": "reconstruction.dev/v1alpha1",
        "kind": "ReconstructionJob",
        "metadata": {"name": name},
        "spec": spec,
    }


def conditions(job: Document) -> dict[str, Document]:
    return {each["type"]: each for each in job.get("status", {}).get("conditions", [])}


@asynccontextmanager
async def workbench(kubeconfig: Path, log: Path, **flags: str) -> AsyncIterator[Workbench]:
    """An operator with these flags in a new namespace; both are gone afterwards."""
    Rest(kubeconfig).install(CRDS)
    kube = Kube(await load_configuration(str(kubeconfig)))
    namespace = f"test-{secrets.token_hex(4)}"
    await kube.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    operator = OperatorProcess(kubeconfig, log, namespaces=namespace, **flags)
    operator.start()
    try:
        yield Workbench(kube, operator, namespace)
    finally:
        operator.kill()
        await kube.request("DELETE", f"/api/v1/namespaces/{namespace}")
        await kube.close()
