"""What is written to the API server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconstruction_api.status import ReconstructionJobStatus
from reconstruction_operator import paths
from reconstruction_operator.act import Actor, Refused, StatusRefused, status_document
from reconstruction_operator.actions import DeleteJob, Emit
from reconstruction_operator.decide import decide
from reconstruction_operator.kube import ApiError
from reconstruction_operator.model import JobView, Observed
from reconstruction_operator.store import Store

from .builders import KEY, NOW, RECONSTRUCT, SPEC, UID, actions, changed, current, observed, started


def test_a_status_holds_no_empty_members_and_reads_back_as_it_was() -> None:
    seen = observed()
    status = decide(seen, NOW).status
    assert status is not None
    written = status_document(seen.job, status)["status"]
    assert not {"artifacts", "checkpoints", "metrics"} & written.keys()
    assert written["stages"][0] == {"name": "ingest", "state": "Pending"}
    assert written["progress"]["percent"] == 0 and all("message" in each for each in written["conditions"])
    kept_elsewhere = status.model_copy(update={"profile": None})
    assert ReconstructionJobStatus.model_validate(written) == kept_elsewhere


class Server:
    """Stands in for the API server: refuses status writes that `refuses` says, and notes every call."""

    def __init__(self, *errors: ApiError):
        self.errors = list(errors)
        self.revision: dict[str, Any] | ApiError | None = None
        """What is where the job's profile is to be kept."""
        self.calls: list[tuple[str, str]] = []
        self.statuses: list[dict[str, Any]] = []

    async def request(self, method: str, path: str, *, body: Any = None, **_: Any) -> dict[str, Any]:
        self.calls.append((method, path))
        if method == "PUT":
            self.statuses.append(body["status"])
            if self.errors:
                raise self.errors.pop(0)
            metadata = body["metadata"]
            return {"metadata": metadata | {"resourceVersion": str(int(metadata["resourceVersion"]) + 1)}}
        return {}

    async def create(self, path: str, manifest: Any, **_: Any) -> dict[str, Any]:
        self.calls.append(("POST", path))
        if self.revision is not None and path == paths.revisions(KEY.namespace):
            if isinstance(self.revision, ApiError):
                raise self.revision
            raise ApiError(409, "AlreadyExists", "there is one of that name")
        return manifest | {"metadata": manifest["metadata"] | {"uid": f"uid-of-{manifest['metadata']['name']}"}}

    async def get(self, path: str) -> dict[str, Any]:
        self.calls.append(("GET", path))
        assert isinstance(self.revision, dict)
        return self.revision


class Events:
    def __init__(self) -> None:
        self.recorded: list[Emit] = []

    def record(self, _: JobView, emit: Emit) -> None:
        self.recorded.append(emit)


REFUSALS = [
    ApiError(413, "RequestEntityTooLarge", "limit is 3145728"),
    ApiError(422, "Invalid", "status.failure.code: Invalid value"),
    ApiError(400, "BadRequest", "cannot unmarshal number 1e30"),
    ApiError(500, "InternalError", "etcdserver: request is too large"),
    ApiError(500, "", "rpc error: code = ResourceExhausted desc = trying to send message larger than max"),
]


def acting(server: Server) -> tuple[Actor, Store, Events]:
    store, events = Store(), Events()
    return Actor(server, store, events, None), store, events  # type: ignore[arg-type]


def known(store: Store, seen: Observed) -> Observed:
    """The job as the store has it, so that it can remember the refusal."""
    status = status_document(seen.job, seen.job.status)["status"]
    metadata = {
        "namespace": KEY.namespace,
        "name": KEY.name,
        "uid": UID,
        "generation": seen.job.generation,
        "resourceVersion": "1",
        "creationTimestamp": "2026-03-01T12:00:00Z",
    }
    store.observe_job({"metadata": metadata, "spec": SPEC, "status": status})
    return replace(seen, status_refusal=store.status_refusal(KEY))


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: f"{error.status} {error.message[:20]}")
async def test_a_refused_status_stops_what_was_to_stop_creates_nothing_and_leads_to_a_smaller_one(
    error: ApiError,
) -> None:
    server = Server(error)
    actor, store, events = acting(server)
    seen = known(store, changed(started(RECONSTRUCT), mesh={"targetFaces": 5000}))
    plan = decide(seen, NOW)
    assert actions(plan, DeleteJob)
    with pytest.raises(StatusRefused) as refused:
        await actor.act(seen.job, plan)
    assert refused.value.look_again_seconds == 0
    assert [method for method, _ in server.calls] == ["PUT", *["DELETE"] * len(actions(plan, DeleteJob))]
    assert [(emit.warning, emit.reason) for emit in events.recorded] == [(True, "InternalError")]

    seen = replace(seen, status_refusal=store.status_refusal(KEY))
    await actor.act(seen.job, decide(seen, NOW))
    small = server.statuses[-1]
    assert small["failure"]["code"] == "InternalError" and "admissionTime" not in small
    assert "POST" not in [method for method, _ in server.calls]
    assert len(events.recorded) == 1, "told once"


async def test_where_even_the_small_status_is_refused_pods_go_and_the_pause_grows() -> None:
    server = Server(*[REFUSALS[1]] * 12)
    actor, store, events = acting(server)
    seen = known(store, changed(started(RECONSTRUCT), suspend=True))
    pauses: list[float] = []
    for _ in range(10):
        with pytest.raises(StatusRefused) as refused:
            await actor.act(seen.job, decide(seen, NOW))
        pauses.append(refused.value.look_again_seconds)
        seen = replace(seen, status_refusal=store.status_refusal(KEY))
    assert pauses[0] == 0 and pauses[1:] == sorted(pauses[1:]) and pauses[1] >= 5 and pauses[-1] == 300
    assert ("DELETE", f"/apis/batch/v1/namespaces/museum/jobs/{current(seen).job_name}") in server.calls[:2]
    assert len(events.recorded) == 1


async def test_other_errors_of_the_api_server_are_not_the_status_fault() -> None:
    actor, store, _ = acting(server := Server(ApiError(500, "InternalError", "etcd is away"), ApiError(503, "", "")))
    seen = known(store, started(RECONSTRUCT))
    plan = decide(changed(seen, suspend=True), NOW)
    for _ in range(2):
        with pytest.raises(ApiError):
            await actor.act(seen.job, plan)
    assert store.status_refusal(KEY) is None and {method for method, _ in server.calls} == {"PUT"}


def test_a_refusal_is_forgotten_with_the_spec_it_was_about_and_with_the_job() -> None:
    store = Store()
    seen = known(store, started(RECONSTRUCT))
    store.refuse_status(seen.job, "no")
    assert store.status_refusal(KEY) is not None
    document = {
        "metadata": {"namespace": KEY.namespace, "name": KEY.name, "uid": UID, "generation": 9, "resourceVersion": "7"},
        "spec": SPEC,
    }
    store.observe_job(document)
    assert store.status_refusal(KEY) is None
    store.forget_job(document)
    assert store.status_refusal(KEY) is None


async def test_the_profile_is_kept_before_the_status_names_it() -> None:
    server = Server()
    actor, store, _ = acting(server)
    seen = known(store, observed())
    await actor.act(seen.job, decide(seen, NOW))
    first, second = server.calls[:2]
    assert first == ("POST", paths.revisions(KEY.namespace)) and second[0] == "PUT"


async def test_a_profile_that_is_kept_already_is_as_wanted() -> None:
    server = Server()
    actor, store, _ = acting(server)
    seen = known(store, observed())
    plan = decide(seen, NOW)
    assert plan.pins is not None
    server.revision = plan.pins.manifest
    await actor.act(seen.job, plan)
    assert "profileRevision" in server.statuses[0] and not store.is_unpinnable(KEY)


@pytest.mark.parametrize("what", ["other content", "another owner", "forbidden", "quota", "too large"])
async def test_where_the_profile_can_not_be_kept_apart_it_stays_in_the_status(what: str) -> None:
    server = Server()
    actor, store, _ = acting(server)
    seen = known(store, observed())
    plan = decide(seen, NOW)
    assert plan.pins is not None
    metadata = plan.pins.manifest["metadata"]
    server.revision = {
        "other content": plan.pins.manifest | {"data": {"profile": {}}},
        "another owner": plan.pins.manifest | {"metadata": metadata | {"ownerReferences": []}},
        "forbidden": ApiError(403, "Forbidden", "may not create controllerrevisions"),
        "quota": ApiError(403, "Forbidden", "exceeded quota: count/controllerrevisions.apps"),
        "too large": ApiError(500, "InternalError", "etcdserver: request is too large"),
    }[what]
    with pytest.raises(Refused):
        await actor.act(seen.job, plan)
    assert not server.statuses
    seen = replace(seen, unpinnable=store.is_unpinnable(KEY))
    await actor.act(seen.job, decide(seen, NOW))
    assert server.statuses[0]["profile"]["name"] == "default" and "profileRevision" not in server.statuses[0]
