"""The default profile of a release on a real API server, written by an operator with the rights of the chart."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from tests.charts import helm

from devcluster import processes
from devcluster.errors import DevclusterError
from devcluster.kubectl import Kubectl
from harness.operator_process import OperatorProcess, eventually

from . import kinds

NAMESPACE = "profile-test"
PROFILE = "clusterreconstructionprofile/lab"
SET = ("--set", "defaultProfile.name=lab")

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("kubernetes_tools")]


class Release:
    """The chart in a namespace of its own, and the file that a kubelet would mount into the operator's pod."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self.kubectl = Kubectl(kubeconfig, NAMESPACE)
        self.folder = folder
        self.file = folder / "profile.yaml"

    def helm(self, *words: object) -> str:
        command = ("helm", *map(str, words), f"--namespace={NAMESPACE}")
        return processes.run(*command, environment=self.kubectl.environment)

    def mount(self) -> None:
        config = self.kubectl.get(f"configmap/{helm.RELEASE}-default-profile")
        assert config is not None
        self.file.write_text(config["data"]["profile.yaml"])

    def profile(self) -> dict[str, Any]:
        """As it is, or nothing."""
        return self.kubectl.get(PROFILE, "--show-managed-fields") or {}

    def as_operator(self) -> Path:
        """A kubeconfig with the rights of the release's service account."""
        document = yaml.safe_load(Path(str(self.kubectl.kubeconfig)).read_text())
        token = self.kubectl("create", "token", helm.RELEASE).strip()
        document["users"] = [{"name": user["name"], "user": {"token": token}} for user in document["users"]]
        path = self.folder / "operator.kubeconfig"
        path.write_text(json.dumps(document))
        return path

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[OperatorProcess]:
        """One that runs."""
        process = OperatorProcess(
            self.as_operator(),
            self.folder / "operator.log",
            default_profile=str(self.file),
            leader_election="true",
            lease_namespace=NAMESPACE,
            lease_name=helm.RELEASE,
            identity="pod-1",
        )
        process.start()
        try:
            await process.answers()
            yield process
        finally:
            process.kill()


async def told(operator: OperatorProcess) -> str:
    """What the operator says beside its readiness."""
    async with aiohttp.ClientSession() as session, session.get(f"{operator.url}/readyz") as answer:
        assert answer.status == 200, "jobs continue"
        return (await answer.text()).partition("\n")[2]


async def refused(operator: OperatorProcess) -> bool:
    async with aiohttp.ClientSession() as session, session.get(f"{operator.url}/metrics") as answer:
        return "reconstruction_operator_default_profile_refused 1.0" in await answer.text()


def limits(profile: dict[str, Any]) -> dict[str, Any]:
    return profile["spec"]["gpu"]["limits"]


async def test_the_default_profile_from_the_release_before_to_its_end(kubeconfig: Path, tmp_path: Path) -> None:
    release = Release(kubeconfig, tmp_path)
    kinds.make_way_for_helm(release.kubectl)
    release.helm("install", helm.RELEASE, helm.previous_chart(tmp_path / "before"), "--create-namespace", *SET)
    try:
        await life_of(release)
    finally:
        release.helm("uninstall", helm.RELEASE)
        assert release.profile(), "it stays, as jobs may name it"
        release.kubectl("delete", PROFILE, f"namespace/{NAMESPACE}", "--wait=false")


async def life_of(release: Release) -> None:
    before = release.profile()
    assert "helm.sh/hook" in before["metadata"]["annotations"]

    # `--reuse-values` knows nothing of what is new in the chart
    without_gpu = ("--set", "defaultProfile.spec.gpu.limits.nvidia\\.com/gpu=null")
    release.helm("upgrade", helm.RELEASE, helm.CHART, "--reuse-values", *without_gpu)
    assert release.profile()["metadata"]["uid"] == before["metadata"]["uid"]
    with pytest.raises(DevclusterError, match="limit"):
        release.helm("upgrade", helm.RELEASE, helm.CHART, "--reuse-values", "--set", "defaultProfile.spec.gpu.limit=1")
    release.mount()

    async with release.operator() as operator:
        await eventually(adopted(release), "the object of the hook is adopted")
        assert release.profile()["metadata"]["uid"] == before["metadata"]["uid"]
        assert limits(release.profile()) == {"memory": "32Gi"}, "what the values no longer say is gone"
        assert not await refused(operator) and await told(operator) == ""

        # a mistake that only the operator sees
        release.helm(
            "upgrade",
            helm.RELEASE,
            helm.CHART,
            "--reuse-values",
            "--set",
            "defaultProfile.spec.environment.RECONSTRUCTION_JOB=x",
        )
        release.mount()
        said = await eventually(lambda: told(operator), "the mistake is reported")
        assert "InvalidSpec: defaultProfile.spec.environment: names in environment" in said
        assert await refused(operator)
        assert "environment" not in release.profile()["spec"]

        release.helm("rollback", helm.RELEASE, "2")
        release.mount()

        async def sound() -> bool:
            return not await refused(operator)

        await eventually(sound, "a rollback brings the old value back")

        # fields of others are theirs
        edit = {"spec": {"gpu": {"limits": {"memory": "48Gi"}}}}
        release.kubectl("patch", PROFILE, "--type=merge", f"--patch={json.dumps(edit)}", "--field-manager=somebody")
        release.file.write_text(release.file.read_text().replace("8Gi", "9Gi"))
        said = await eventually(lambda: told(operator), "the conflict is reported")
        assert "FieldConflict" in said and '"somebody"' in said and ".spec.gpu.limits.memory" in said
        assert limits(release.profile()) == {"memory": "48Gi"}

    # a new leader finds no profile at all, and creates it with the right for this name alone
    release.kubectl("delete", PROFILE)
    async with release.operator() as operator:
        await eventually(exists(release), "the profile is created")
        assert limits(release.profile()) == {"memory": "32Gi"}
        release.kubectl("delete", PROFILE)
        await eventually(exists(release), "the profile is created again")
        release.file.write_text(release.file.read_text().replace('name: "lab"', "name: other"))
        said = await eventually(lambda: told(operator), "another name is forbidden")
        assert "CreationRefused" in said and "other" in said

    release.helm("upgrade", helm.RELEASE, helm.CHART, "--reuse-values", "--set", "defaultProfile.create=false")
    assert release.profile()


def adopted(release: Release):
    async def answer() -> bool:
        managers = {each["manager"] for each in release.profile()["metadata"]["managedFields"]}
        return managers == {f"{NAMESPACE}/{helm.RELEASE}"} and "annotations" not in release.profile()["metadata"]

    return answer


def exists(release: Release):
    async def answer() -> bool:
        return bool(release.profile())

    return answer
