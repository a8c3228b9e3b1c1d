"""What listings say of objects that no watch has told of, or is going to tell of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from reconstruction_api.names import LABEL_JOB, LABEL_JOB_UID, PROFILE_PLURAL
from reconstruction_operator.informer import Informer, Kind
from reconstruction_operator.queue import JobQueue
from reconstruction_operator.relisting import gone
from reconstruction_operator.resync import resync
from reconstruction_operator.store import Store, parse_child_job
from reconstruction_operator.watching import Watching

from .builders import KEY, PROFILE_SPEC, SPEC, UID

MARKS = {LABEL_JOB: KEY.name, LABEL_JOB_UID: UID}


def child(version: int) -> dict[str, Any]:
    metadata = {"namespace": KEY.namespace, "name": "statue-prep-abcde", "uid": "child", "labels": MARKS}
    return {"metadata": metadata | {"resourceVersion": f"{version}"}, "status": {}}


def job(version: int) -> dict[str, Any]:
    metadata = {"namespace": KEY.namespace, "name": KEY.name, "uid": UID, "generation": 1}
    return {"metadata": metadata | {"resourceVersion": f"{version}"}, "spec": SPEC}


def profile(version: int, uid: str = "profile", **fields: Any) -> dict[str, Any]:
    metadata = {"name": "default", "uid": uid, "generation": version, "resourceVersion": f"{version}"}
    return {"metadata": metadata, "spec": PROFILE_SPEC | fields}


class Server:
    """Lists nothing, as of `version`, after `meanwhile` has happened; or the `items`."""

    def __init__(self, version: int, meanwhile: Callable[[], Any] = lambda: None, *items: dict[str, Any]):
        self.version, self.meanwhile, self.items = version, meanwhile, items

    async def pages(self, path: str, *_: Any) -> AsyncIterator[dict[str, Any]]:
        self.meanwhile()
        items = [] if path.endswith(f"/namespaces/museum/{PROFILE_PLURAL}") else list(self.items)
        yield {"items": items, "metadata": {"resourceVersion": str(self.version)}}


def nothing_happens(*_: Any) -> None:
    pass


@pytest.mark.parametrize(("listed_at", "there"), [(20, False), (10, False), (9, True)])
async def test_a_child_job_that_came_and_went_during_a_listing_is_gone_and_one_that_came_after_it_is_there(
    listed_at: int, there: bool
) -> None:
    store = Store()
    kind = Kind("jobs", parse_child_job, store.upsert_child_job, store.forget_child_job, store.present_child_jobs)
    server: Any = Server(listed_at, lambda: store.observe_child_job(child(10)))
    await Informer(server, "/jobs", LABEL_JOB, kind, nothing_happens)._list()
    assert bool(store.child_jobs(KEY, UID)) is there


@pytest.mark.parametrize(("listed_at", "there"), [(20, False), (9, True)])
async def test_the_same_holds_for_a_job(listed_at: int, there: bool) -> None:
    store = Store()
    server: Any = Server(listed_at, lambda: store.observe_job(job(10)))
    assert await resync(server, store, "", nothing_happens) == (0 if there else 1)
    assert (KEY in store.jobs) is there


@pytest.mark.parametrize(("listed_at", "there"), [(20, False), (9, True)])
async def test_the_same_holds_for_a_profile(listed_at: int, there: bool) -> None:
    store = Store()
    server: Any = Server(listed_at, lambda: store.observe_profile(profile(10)))
    await watching(server, store).list_profiles([KEY.namespace])
    assert (("", "default") in store.profiles) is there


async def test_a_listing_does_not_replace_a_profile_by_an_older_one() -> None:
    store = Store()
    server: Any = Server(9, lambda: store.observe_profile(profile(10, baseImage="new")), profile(9))
    await watching(server, store).list_profiles([KEY.namespace])
    assert store.profiles["", "default"].generation == 10


def test_the_end_of_an_earlier_profile_does_not_take_the_present_one_away() -> None:
    store = Store()
    store.observe_profile(profile(10))
    store.observe_profile(profile(12, uid="next"))
    store.forget_profile(profile(11))
    assert store.profiles["", "default"].uid == "next"
    store.forget_profile(profile(13, uid="next"))
    assert not store.profiles


def test_what_lost_its_label_while_no_watch_looked_is_seen_again_when_it_has_it_back() -> None:
    store = Store()
    store.observe_child_job(child(5))
    for stub in gone(store.present_child_jobs(), (), "8"):
        store.forget_child_job(stub)
    assert store.observe_child_job(child(7)) is None, "from before"
    assert store.observe_child_job(child(9)) == KEY


def test_late_news_of_an_earlier_child_job_does_not_replace_the_present_one() -> None:
    store = Store()
    present = child(9) | {"metadata": child(9)["metadata"] | {"uid": "next"}}
    store.observe_child_job(present)
    assert store.observe_child_job(child(7)) is None
    store.forget_child_job(child(8))
    assert [each.uid for each in store.child_jobs(KEY, UID)] == ["next"]


def watching(server: Any, store: Store) -> Watching:
    async def look(_: Any) -> None:
        pass

    custom: Any = None
    return Watching(server, store, JobQueue(look, 1), custom, ())
