"""Which jobs an installation acts on when there are several in a cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconstruction_operator.act import Actor, Outdated
from reconstruction_operator.actions import DeletePod, Emit, Plan
from reconstruction_operator.decide import decide
from reconstruction_operator.kube import ApiError, Document
from reconstruction_operator.model import Policy
from reconstruction_operator.observe import observe
from reconstruction_operator.ownership import Ownership
from reconstruction_operator.settings import Settings
from reconstruction_operator.slots import Limits, Slots
from reconstruction_operator.store import Store

from .builders import KEY, NOW, SPEC, UID, observed

OURS = Ownership("platform/recon", "", frozenset({"lab"}), frozenset({"old/recon"}))


def job(version: int = 1, *, operator_class: str | None = None, **status: str) -> Document:
    metadata = {
        "namespace": KEY.namespace,
        "name": KEY.name,
        "uid": UID,
        "generation": 1,
        "resourceVersion": str(version),
    }
    spec = SPEC | ({"operatorClass": operator_class} if operator_class is not None else {})
    return {"metadata": metadata, "spec": spec, "status": status}


@pytest.mark.parametrize(
    ("namespace", "spec", "status", "owned"),
    [
        ("museum", {}, {}, True),
        ("museum", {"operatorClass": ""}, {}, True),
        ("museum", {"operatorClass": "lab"}, {}, False),
        ("lab", {}, {}, False),
        ("museum", {}, {"operator": "platform/recon"}, True),
        ("museum", {}, {"operator": "old/recon"}, True),
        ("museum", {}, {"operator": "other/recon"}, False),
        ("lab", {}, {"operator": "platform/recon"}, False),
    ],
)
def test_a_job_is_ours_by_class_namespace_and_who_has_claimed_it(
    namespace: str, spec: Document, status: Document, owned: bool
) -> None:
    assert OURS.owns(namespace, spec, status) is owned


def test_a_class_leaves_jobs_without_one_to_others() -> None:
    classed = Ownership("lab/recon", "lab")
    assert classed.owns("museum", {"operatorClass": "lab"}, {})
    assert not classed.owns("museum", {}, {}) and not classed.owns("museum", {"operatorClass": "other"}, {})


def test_jobs_of_others_are_known_but_neither_decided_about_nor_counted() -> None:
    slots = Slots(Limits(everywhere=1), lambda _: None)
    store = Store(slots, OURS)
    running: dict[str, str] = {"admissionTime": "2026-03-01T12:00:00Z"}
    store.observe_job(job(1, operator="other/recon", **running))
    assert KEY in store.jobs and observe(store, KEY, None, Policy()) is None
    assert sum(slots.running.values()) == 0
    assert store.jobs[KEY].holder == "other/recon"
    store.observe_job(job(2, operator="platform/recon", **running))
    assert observe(store, KEY, None, Policy()) is not None
    assert sum(slots.running.values()) > 0
    store.observe_job(job(3, operator="other/recon", **running))
    assert observe(store, KEY, None, Policy()) is None
    assert sum(slots.running.values()) == 0


@pytest.mark.parametrize(
    "document",
    [
        job(operator="other/recon", completionTime="2026-03-01T12:00:00Z"),
        job(operator_class="lab", operator="other/recon"),
        job(operator="platform/recon"),
        job(),
    ],
)
def test_only_a_job_that_two_would_act_on_counts_as_contested(document: Document) -> None:
    store = Store(ownership=OURS)
    store.observe_job(document)
    assert store.jobs[KEY].holder == ""


class Server:
    """Takes a status, or refuses it as outdated."""

    def __init__(self, conflict: bool = False) -> None:
        self.conflict = conflict
        self.statuses: list[Document] = []
        self.deleted: list[str] = []

    async def request(self, method: str, path: str, *, body: Document, **_: Any) -> Document:
        if method == "DELETE":
            self.deleted.append(path)
            return {}
        if self.conflict:
            raise ApiError(409, "Conflict", "the job has changed")
        self.statuses.append(body["status"])
        return {"metadata": body["metadata"] | {"resourceVersion": "9"}}


class Deaf:
    def record(self, *_: Any) -> None:
        pass


def actor(server: Server) -> Actor:
    kube: Any = server
    deaf: Any = Deaf()
    return Actor(kube, Store(ownership=OURS), deaf, deaf, OURS)


async def test_every_status_says_who_has_written_it() -> None:
    server, seen = Server(), observed()
    await actor(server).act(seen.job, Plan(status=decide(seen, NOW).status))
    assert server.statuses[0]["operator"] == "platform/recon"


async def test_nothing_is_done_to_a_job_before_it_is_claimed() -> None:
    """Of two that see an unclaimed job, the second one's claim is refused, and with it whatever it wanted to do."""
    seen, plan = observed(), Plan(actions=(DeletePod("pod", "uid", 0),))
    server = Server()
    await actor(server).act(seen.job, plan)
    assert server.statuses and server.deleted
    server = Server(conflict=True)
    with pytest.raises(Outdated):
        await actor(server).act(seen.job, plan)
    assert server.deleted == []


async def test_a_claim_is_not_written_twice_and_not_for_an_event_alone() -> None:
    server, seen = Server(), observed()
    mine = seen.job.status.model_copy(update={"operator": "platform/recon"})
    await actor(server).act(replace(seen.job, status=mine), Plan(actions=(DeletePod("pod", "uid", 0),)))
    await actor(server).act(seen.job, Plan(actions=(Emit(False, "Started", "It has started."),)))
    assert server.statuses == []


def test_a_decision_keeps_the_claim() -> None:
    seen = observed()
    claimed = replace(seen, job=replace(seen.job, status=seen.job.status.model_copy(update={"operator": "a/b"})))
    status = decide(claimed, NOW).status
    assert status is not None and status.operator == "a/b"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--namespaces=a", "--exclude-namespaces=b"], "exclude_namespaces has no effect beside namespaces"),
        (["--take-over=recon"], "'recon' is not namespace/name of a Lease"),
        (["--take-over=a/b/c"], "is not namespace/name of a Lease"),
        (["--operator-class=Lab"], "operator_class"),
    ],
)
def test_settings_that_can_not_work_are_refused(arguments: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Settings.load(arguments, {})


def test_an_installation_is_known_by_its_lease() -> None:
    settings = Settings.load(
        ["--lease-name=recon", "--operator-class=lab", "--exclude-namespaces=a, b", "--take-over=old/recon"],
        {"POD_NAMESPACE": "platform"},
    )
    assert settings.ownership == Ownership("platform/recon", "lab", frozenset({"a", "b"}), frozenset({"old/recon"}))
