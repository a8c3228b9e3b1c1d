"""A namespace with an operator that serves only it: a test applies jobs and looks at what becomes of them."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconstruction_api.names import API_VERSION, JOB_KIND, LABEL_JOB, PROFILE_KIND
from reconstruction_operator.kube import MERGE_PATCH, Kube, load_configuration

from .operator_process import PATIENCE, OperatorProcess, eventually
from .rest import Rest

CRDS = sorted((Path(__file__).parents[2] / "crds").glob("*.yaml"))
API = f"/apis/{API_VERSION}"
Document = dict[str, Any]


@dataclass
class Workbench:
    """What a test works with."""

    kube: Kube
    operator: OperatorProcess
    namespace: str
    profile: str = "test"
    """What jobs name unless they say otherwise."""

    async def create_profile(self, name: str = "test", **spec: Any) -> None:
        spec = {"engines": [{"name": "nerfacto", "image": "worker:test"}], "workspace": {"size": "1Gi"}} | spec
        path = f"{API}/namespaces/{self.namespace}/reconstructionprofiles"
        document = _object(name, spec) | {"kind": PROFILE_KIND}
        await self.kube.create(path, document)

    async def listed(self, path: str) -> list[Document]:
        """All objects of a kind in the namespace; `path` is like `/api/v1/.../pods`."""
        page = await self.kube.get(path.replace("...", f"namespaces/{self.namespace}"))
        return page["items"]


@dataclass
class JobUnderTest:
    """One ReconstructionJob of a workbench."""

    work: Workbench
    name: str

    @property
    def path(self) -> str:
        return f"{API}/namespaces/{self.work.namespace}/reconstructionjobs/{self.name}"

    async def create(self, **spec: Any) -> None:
        spec = {"source": {"uri": "s3://captures/statue/"}, "profileName": self.work.profile} | spec
        document = _object(self.name, spec)
        await self.work.kube.create(self.path.rpartition("/")[0], document)

    async def change(self, **spec: Any) -> None:
        await self.work.kube.request("PATCH", self.path, body={"spec": spec}, content_type=MERGE_PATCH)

    async def get(self) -> Document:
        return await self.work.kube.get(self.path)

    async def children(self, path: str = "/apis/batch/v1/.../jobs") -> list[Document]:
        """Objects of a kind that belong to the job."""
        items = await self.work.listed(path)
        return [item for item in items if item["metadata"].get("labels", {}).get(LABEL_JOB) == self.name]

    async def has_no_active_child(self) -> bool:
        """Every child Job has ended or is gone."""
        ended = ("Complete", "Failed")
        return all(
            any(each["type"] in ended and each["status"] == "True" for each in child["status"].get("conditions", []))
            for child in await self.children()
        )

    async def until(
        self, condition: str, status: str = "True", reason: str = "", seconds: float = PATIENCE
    ) -> Document:
        """The job once it has the condition, for the current spec."""

        async def holds() -> Document | None:
            job = await self.get()
            found = conditions(job).get(condition, {})
            fits = found.get("status") == status and reason in ("", found.get("reason"))
            current = job["status"].get("observedGeneration") == job["metadata"]["generation"] if fits else False
            return job if current else None

        try:
            return await eventually(holds, f"{condition}={status} {reason}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {(await self.get()).get('status')}") from None


def _object(name: str, spec: Document) -> Document:
    return {
        "apiVersion": API_VERSION,
        "kind": JOB_KIND,
        "metadata": {"name": name},
        "spec": spec,
    }


def conditions(job: Document) -> dict[str, Document]:
    return {each["type"]: each for each in job.get("status", {}).get("conditions", [])}


@asynccontextmanager
async def workbench(kubeconfig: Path, log: Path, *, running: bool = True, **flags: str) -> AsyncIterator[Workbench]:
    """An operator with these flags, running or not, in a new namespace; both are gone afterwards."""
    Rest(kubeconfig).install(CRDS)
    kube = Kube(await load_configuration(str(kubeconfig)))
    namespace = f"test-{secrets.token_hex(4)}"
    await kube.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    operator = OperatorProcess(kubeconfig, log, **{"namespaces": namespace, "lease_namespace": namespace} | flags)
    if running:
        operator.start()
    try:
        yield Workbench(kube, operator, namespace)
    finally:
        operator.kill()
        await kube.request("DELETE", f"/api/v1/namespaces/{namespace}")
        await kube.close()
