"""Reading back the profile that a job was accepted with."""

from __future__ import annotations

from typing import Any, cast

import pytest

from reconstruction_operator.act import status_document
from reconstruction_operator.decide import decide
from reconstruction_operator.kube import ApiError, Kube
from reconstruction_operator.model import JobKey, Policy
from reconstruction_operator.observe import observe
from reconstruction_operator.snapshots import Snapshots
from reconstruction_operator.store import Store

from .builders import KEY, NOW, PROFILE_SPEC, SPEC, observed

EDITED = PROFILE_SPEC | {"imagePullPolicy": "Always"}


class Server:
    """Has one object, or answers with an error."""

    def __init__(self, answer: dict[str, Any] | ApiError):
        self.answer = answer
        self.asked: list[str] = []

    async def get(self, path: str) -> dict[str, Any]:
        self.asked.append(path)
        if isinstance(self.answer, ApiError):
            raise self.answer
        return self.answer


def profile(spec: dict[str, Any], generation: int) -> dict[str, Any]:
    return {"metadata": {"name": "default", "generation": generation}, "spec": spec}


def accepted_jobs(*keys: JobKey) -> tuple[Store, dict[str, Any]]:
    """A store with jobs that were accepted with the profile's first generation, and their ControllerRevision."""
    seen = observed()
    plan = decide(seen, NOW)
    assert plan.pins is not None and plan.status is not None
    store = Store()
    for number, key in enumerate(keys):
        metadata = {
            "namespace": key.namespace,
            "name": key.name,
            "uid": f"uid-{number}",
            "generation": 1,
            "resourceVersion": "1",
            "creationTimestamp": "2026-03-01T12:00:00Z",
        }
        status = status_document(seen.job, plan.status)["status"]
        store.observe_job({"metadata": metadata, "spec": SPEC, "status": status})
    return store, plan.pins.manifest


def snapshots(store: Store, server: Server) -> Snapshots:
    return Snapshots(cast(Kube, server), store)


async def test_nothing_is_read_while_the_profile_is_what_it_was() -> None:
    store, revision = accepted_jobs(KEY)
    store.observe_profile(profile(PROFILE_SPEC, 1))
    server = Server(revision)
    known = snapshots(store, server)
    await known.fetch(KEY)
    found = known.get(KEY)
    assert found is not None and found.spec == PROFILE_SPEC and not server.asked


async def test_of_an_edited_profile_the_revision_is_read_once_for_all_jobs() -> None:
    others = [JobKey("museum", f"other-{number}") for number in range(3)]
    store, revision = accepted_jobs(KEY, *others)
    store.observe_profile(profile(EDITED, 2))
    server = Server(revision)
    known = snapshots(store, server)
    for key in (KEY, *others):
        await known.fetch(key)
        found = known.get(key)
        assert found is not None and found.spec == PROFILE_SPEC
    assert len(server.asked) == 1 and server.asked[0].endswith(revision["metadata"]["name"])


async def test_decisions_find_the_profile_in_the_status() -> None:
    store, revision = accepted_jobs(KEY)
    known = snapshots(store, Server(revision))
    await known.fetch(KEY)
    seen = observe(store, KEY, None, Policy(), kept=known.get(KEY))
    assert seen is not None and seen.job.status.profile is not None
    assert seen.job.status.profile.spec == PROFILE_SPEC


@pytest.mark.parametrize("what", ["gone", "altered"])
async def test_what_is_gone_or_altered_stays_unknown_and_is_asked_for_once(what: str) -> None:
    store, revision = accepted_jobs(KEY)
    altered = revision | {"data": {"profile": {**revision["data"]["profile"], "spec": EDITED}}}
    server = Server(ApiError(404, "NotFound", "no such revision") if what == "gone" else altered)
    known = snapshots(store, server)
    for _ in range(2):
        await known.fetch(KEY)
        assert known.get(KEY) is None
    assert len(server.asked) == 1


async def test_an_answer_that_says_nothing_of_the_revision_is_no_loss() -> None:
    store, revision = accepted_jobs(KEY)
    server = Server(ApiError(403, "Forbidden", "not yours"))
    known = snapshots(store, server)
    with pytest.raises(ApiError):
        await known.fetch(KEY)
    server.answer = revision
    await known.fetch(KEY)
    assert known.get(KEY) is not None


async def test_a_job_without_a_reference_needs_nothing() -> None:
    server = Server({})
    known = snapshots(Store(), server)
    await known.fetch(KEY)
    assert known.get(KEY) is None and not server.asked
