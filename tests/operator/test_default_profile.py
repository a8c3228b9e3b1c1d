"""When the default profile is applied, and what keeps it as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from reconstruction_operator.default_profile import DefaultProfile
from reconstruction_operator.field_managers import made_by_hook_of, moved
from reconstruction_operator.kube import APPLY_PATCH, ApiError, Document

NAME = "default"
GOOD = f"""
apiVersion: reconstruction.dev/v1alpha1
kind: ClusterReconstructionProfile
metadata: {{name: {NAME}, labels: {{app.kubernetes.io/instance: recon}}}}
spec: {{engines: [{{name: nerfacto, image: worker}}]}}
"""
BAD = GOOD.replace("engines", "engine")
OTHER = GOOD.replace("worker", "worker:2")


class Server:
    """Remembers what was applied; `refusal` is its answer to the next attempts."""

    def __init__(self) -> None:
        self.applied: list[Document] = []
        self.attempts = 0
        self.refusal: Exception | None = None
        self.there: Document | None = None
        self.patched: list[Document] = []

    async def get(self, path: str) -> Document:
        if self.there is None:
            raise ApiError(404, "NotFound", path)
        return self.there

    async def request(self, method: str, path: str, *, body: Document, content_type: str, **options: Any) -> Document:
        assert (method, path.rsplit("/", 1)[-1]) == ("PATCH", NAME)
        if content_type != APPLY_PATCH:
            self.patched.append(body)
            return {}
        assert options["query"]["fieldManager"] == "platform/recon" and "force" not in options["query"]
        self.attempts += 1
        if self.refusal is not None:
            raise self.refusal
        self.applied.append(body)
        return {}


class Case:
    def __init__(self, file: Path) -> None:
        self.file, self.server, self.now, self.present = file, Server(), 0.0, True
        kube: Any = self.server
        self.profile = DefaultProfile(kube, file, "platform/recon", lambda _: self.present, lambda: self.now)

    async def look(self, text: str, seconds: float = 5) -> str:
        """The problem after the file has this text."""
        self.file.write_text(text)
        self.now += seconds
        await self.profile.look()
        return self.profile.problem

    def images(self) -> list[str]:
        return [body["spec"]["engines"][0]["image"] for body in self.server.applied]


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path / "profile.yaml")


async def test_a_file_is_applied_once_until_it_changes(case: Case) -> None:
    for text in (GOOD, GOOD, OTHER, OTHER, GOOD):
        assert await case.look(text) == ""
    assert case.images() == ["worker", "worker:2", "worker"]


async def test_a_profile_that_was_deleted_is_created_again(case: Case) -> None:
    await case.look(GOOD)
    case.present = False
    await case.look(GOOD)
    case.present = True
    await case.look(GOOD)
    assert case.server.attempts == 2


async def test_a_mistake_changes_nothing_and_names_the_value(case: Case) -> None:
    await case.look(GOOD)
    problem = await case.look(BAD)
    assert problem.startswith("InvalidSpec: defaultProfile.spec.")
    assert "defaultProfile.spec.engine: unknown field; did you mean engines?" in problem
    assert case.images() == ["worker"]
    assert await case.look(GOOD) == "", "the value was taken back"
    assert await case.look(BAD) == problem


@pytest.mark.parametrize(
    "text", ["", "{", "kind: ConfigMap", GOOD.replace("Cluster", ""), GOOD.replace("metadata", "metadat"), "\x00", "[]"]
)
async def test_what_is_no_cluster_profile_is_refused(case: Case, text: str) -> None:
    assert (await case.look(text)).startswith("InvalidSpec: ")
    assert case.server.attempts == 0


async def test_a_file_that_is_not_there_is_a_problem_until_it_is(case: Case) -> None:
    await case.profile.look()
    assert case.profile.problem.startswith("ObjectNotFound: ")
    assert await case.look(GOOD) == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ApiError(409, "Conflict", 'conflict with "kubectl-edit": .spec.gpu'), "FieldConflict"),
        (ApiError(403, "Forbidden", "a policy forbids it"), "CreationRefused"),
        (ApiError(422, "Invalid", "spec: Invalid value"), "CreationRefused"),
    ],
)
async def test_what_the_cluster_refuses_is_said_and_tried_again_after_a_minute(
    case: Case, error: ApiError, code: str
) -> None:
    case.server.refusal = error
    problem = await case.look(GOOD)
    assert problem.startswith(f"{code}: ") and error.message in problem
    await case.look(GOOD)
    assert case.server.attempts == 1
    case.server.refusal = None
    assert await case.look(GOOD, seconds=60) == ""
    assert case.images() == ["worker"]


@pytest.mark.parametrize("error", [ApiError(503, "", "away"), aiohttp.ClientError("cut"), TimeoutError()])
async def test_a_server_that_is_away_is_asked_again_at_once(case: Case, error: Exception) -> None:
    case.server.refusal = error
    assert (await case.look(GOOD)).startswith("ClusterUnreachable: ")
    case.server.refusal = None
    assert await case.look(GOOD) == ""


def made(release: str = "recon", **annotations: str) -> Document:
    """A profile as Helm has created it."""
    entry = {"manager": "helm", "operation": "Update", "fieldsV1": {"f:spec": {"f:gpu": {}}}}
    labels = {"app.kubernetes.io/instance": release}
    return {
        "metadata": {
            "labels": labels,
            "annotations": annotations,
            "resourceVersion": "7",
            "managedFields": [entry],
        }
    }


async def test_what_a_hook_of_this_release_has_created_is_adopted_before_it_is_changed(case: Case) -> None:
    case.server.there = made(**{"helm.sh/hook": "post-install"})
    assert await case.look(GOOD) == ""
    (body,) = case.server.patched
    assert body["metadata"]["resourceVersion"] == "7"
    assert [(each["manager"], each["operation"]) for each in body["metadata"]["managedFields"]] == [
        ("platform/recon", "Apply")
    ]


@pytest.mark.parametrize("there", [made(), made("other", **{"helm.sh/hook": "post-install"}), {"metadata": {}}])
async def test_what_somebody_else_has_created_is_not(case: Case, there: Document) -> None:
    case.server.there = there
    await case.look(GOOD)
    assert case.server.patched == []


def test_an_object_without_a_release_is_nobodys_hook() -> None:
    assert not made_by_hook_of({"metadata": {"annotations": {"helm.sh/hook": "x"}}}, {"metadata": {}})


def test_fields_change_hands_and_all_others_stay() -> None:
    entries: list[Document] = [
        {"manager": "helm", "operation": "Update", "fieldsV1": {"f:spec": {"f:a": {}}}},
        {"manager": "edit", "operation": "Update", "fieldsV1": {"f:spec": {"f:b": {}}}},
        {"manager": "ours", "operation": "Apply", "fieldsV1": {"f:spec": {"f:c": {}}}},
        {"manager": "helm", "operation": "Update", "subresource": "status", "fieldsV1": {}},
    ]
    after = moved(entries, "helm", "ours")
    assert after[:2] == [entries[1], entries[3]]
    assert after[2] == {"manager": "ours", "operation": "Apply", "fieldsV1": {"f:spec": {"f:a": {}, "f:c": {}}}}
    assert moved(entries[1:2], "helm", "ours") == entries[1:2]
