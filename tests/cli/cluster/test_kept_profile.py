"""The profile that a job was accepted with, for those who make pods like its own."""

from __future__ import annotations

from typing import Any, cast

import pytest

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.profile_revision import data_of, reference_to
from reconstruction_api.status import ProfileSnapshot
from reconstruction_cli.cluster.connection import Cluster
from reconstruction_cli.cluster.download_pod import manifest
from reconstruction_cli.cluster.jobs import Job, parse
from reconstruction_cli.cluster.kept_profile import with_profile

NAME = "statue-profile-abcde"
SPEC = {"engines": [{"name": "nerfacto", "image": "worker:1"}]}
SNAPSHOT = ProfileSnapshot(kind="ReconstructionProfile", name="default", generation=3, spec=SPEC)


class StubCluster:
    """Has one ControllerRevision, or answers with an error."""

    namespace = "museum"

    def __init__(self, answer: dict[str, Any] | str):
        self._answer = answer

    def get(self, path: str) -> dict[str, Any]:
        assert path == f"/apis/apps/v1/namespaces/museum/controllerrevisions/{NAME}"
        if isinstance(self._answer, str):
            raise ReconstructionError(self._answer, "no")
        return self._answer


def job(**status: Any) -> Job:
    metadata = {"name": "statue", "namespace": "museum", "uid": "1", "generation": 1}
    status = {"workspaceClaim": "statue-workspace", "engine": "nerfacto"} | status
    return parse({"metadata": metadata, "spec": {}, "status": status})


ACCEPTED = job(profileRevision=reference_to(SNAPSHOT, NAME).model_dump(mode="json", by_alias=True))


def read(answer: dict[str, Any] | str, of: Job = ACCEPTED) -> Job:
    return with_profile(cast(Cluster, StubCluster(answer)), of)


def test_a_download_pod_is_made_as_the_kept_profile_says() -> None:
    pod = manifest(read({"data": data_of(SNAPSHOT)}), "statue-get-1", {"statue-workspace": "/workspace"})
    assert pod["spec"]["containers"][0]["image"] == "worker:1"


@pytest.mark.parametrize("answer", ["ObjectNotFound", {"data": data_of(SNAPSHOT.model_copy(update={"spec": {}}))}, {}])
def test_one_that_is_gone_or_was_changed_is_not_used(answer: dict[str, Any] | str) -> None:
    with pytest.raises(ReconstructionError, match=f"{NAME}.*is gone or was changed") as caught:
        read(answer)
    assert caught.value.code == "ProfileNotFound"


def test_who_may_not_read_it_is_told_so() -> None:
    with pytest.raises(ReconstructionError) as caught:
        read("ClusterAccessDenied")
    assert caught.value.code == "ClusterAccessDenied"


def test_a_profile_in_the_status_needs_no_revision() -> None:
    earlier = job(profile=SNAPSHOT.model_dump(mode="json", by_alias=True))
    assert read("ClusterAccessDenied", earlier) is earlier
    assert read("ClusterAccessDenied", job()).status.profile is None
