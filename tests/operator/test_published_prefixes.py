"""Two jobs of a namespace never publish to the same place."""

from __future__ import annotations

from typing import Any

from reconstruction_operator.model import JobKey, Policy
from reconstruction_operator.observe import observe
from reconstruction_operator.published_prefixes import PublishedPrefixes
from reconstruction_operator.store import Store

FIRST, SECOND, ELSEWHERE = JobKey("museum", "b"), JobKey("museum", "a"), JobKey("zoo", "a")


def prefixes(**given: str) -> PublishedPrefixes:
    found = PublishedPrefixes()
    found.add(FIRST, "2026-01-01T00:00:00Z", given.get("first", "s3://assets/statue/"))
    found.add(SECOND, "2026-01-02T00:00:00Z", given.get("second", ""))
    found.add(ELSEWHERE, "2026-01-03T00:00:00Z", given.get("elsewhere", ""))
    return found


def test_the_later_of_two_jobs_with_one_prefix_has_a_rival():
    found = prefixes(second="s3://assets/statue/")
    assert (found.rival(FIRST), found.rival(SECOND)) == ("", "b")


def test_a_prefix_within_or_around_another_one_overlaps():
    assert prefixes(second="s3://assets/statue/v2/").rival(SECOND) == "b"
    assert prefixes(second="s3://assets/").rival(SECOND) == "b"


def test_a_name_that_only_begins_alike_is_another_place():
    assert prefixes(second="s3://assets/statue-2/").rival(SECOND) == ""


def test_other_namespaces_have_other_storage():
    assert prefixes(elsewhere="s3://assets/statue/").rival(ELSEWHERE) == ""


def test_a_job_that_goes_makes_room():
    found = prefixes(second="s3://assets/statue/")
    assert found.after(FIRST) == (SECOND,)
    found.remove(FIRST)
    assert found.rival(SECOND) == ""


def document(name: str, created: str, uri: str, version: int = 1) -> dict[str, Any]:
    metadata = {
        "namespace": "museum",
        "name": name,
        "uid": f"uid-of-{name}",
        "generation": version,
        "resourceVersion": str(version),
        "creationTimestamp": created,
    }
    spec = {"source": {"uri": "s3://photos/"}, "destination": {"uri": uri}}
    return {"metadata": metadata, "spec": spec}


def test_what_a_decision_sees_follows_the_jobs_that_are_there():
    store = Store()
    store.observe_job(document("b", "2026-01-01T00:00:00Z", "s3://assets/{namespace}/"))
    store.observe_job(document("a", "2026-01-02T00:00:00Z", "s3://assets/museum/statue"))

    def rival_of_a() -> str:
        seen = observe(store, SECOND, None, Policy())
        assert seen is not None
        return seen.destination_rival

    assert rival_of_a() == "b"
    store.observe_job(document("b", "2026-01-01T00:00:00Z", "s3://elsewhere/", version=2))
    assert rival_of_a() == ""
    store.observe_job(document("b", "2026-01-01T00:00:00Z", "s3://assets/museum/statue/", version=3))
    assert rival_of_a() == "b"
    store.forget_job(document("b", "2026-01-01T00:00:00Z", "s3://assets/museum/statue/", version=4))
    assert rival_of_a() == ""
