"""Where a job may publish, and which addresses of results are believed."""

from __future__ import annotations

from typing import Any

import pytest

from reconstruction_api.stages import ResourceClass
from reconstruction_api.status import ClassRun
from reconstruction_api.worker import Artifact, PodReport
from reconstruction_operator.manifests.pod import pod_spec
from reconstruction_operator.policies.control.accept import Acceptance, accept, profile_spec, snapshot
from reconstruction_operator.policies.control.credible import credible_report
from reconstruction_operator.policies.control.needs import needs_of

from ..builders import cluster_profile, job_view, observed, spec_of
from ..samples import KEY


def answer(destination: dict[str, Any], rival: str = "", **profile: Any) -> Acceptance:
    job = spec_of(destination=destination)
    return accept(observed(job, profile=cluster_profile(**profile), destination_rival=rival))


@pytest.mark.parametrize(
    ("uri", "allowed"),
    [
        (f"s3://assets/{KEY.namespace}/{KEY.name}", True),
        ("s3://assets/{namespace}/{name}/v1/", True),
        ("s3://assets/{namespace}/", False),
        (f"s3://assets/{KEY.namespace}/{KEY.name}-of-another/", False),
        ("s3://other/{namespace}/{name}/", False),
        ("gs://assets/{namespace}/{name}/", False),
    ],
)
def test_results_go_below_the_prefix_that_the_profile_demands(uri: str, allowed: bool) -> None:
    decision = answer({"uri": uri}, destinations={"prefixes": ["s3://assets/{namespace}/{name}/"]})
    assert decision.accepted is allowed
    if not allowed:
        assert decision.reason == "DestinationNotAllowed"
        assert f"s3://assets/{KEY.namespace}/{KEY.name}/" in decision.message


def test_a_prefix_of_claims_holds_for_claims() -> None:
    allowed = {"prefixes": ["pvc://results/{name}/"]}
    claim = {"persistentVolumeClaim": {"claimName": "results", "path": "{name}/a"}}
    assert answer(claim, destinations=allowed).accepted
    assert not answer({"persistentVolumeClaim": {"claimName": "results"}}, destinations=allowed).accepted


def test_the_jobs_own_workspace_is_no_destination() -> None:
    decision = answer({"persistentVolumeClaim": {"claimName": f"{KEY.name}-workspace"}})
    assert (decision.accepted, decision.reason) == (False, "DestinationNotAllowed")


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("https://10.0.0.1/results/", "AddressNotAllowed"),
        ("https://metadata.google.internal/x/", "AddressNotAllowed"),
        ("https://elsewhere.example.com/x/", "DestinationNotAllowed"),
        ("https://assets.example.org/x/", None),
    ],
)
def test_hosts_are_guarded_like_those_of_sources(uri: str, code: str | None) -> None:
    decision = answer({"uri": uri}, destinations={"hosts": [".example.org"]})
    assert (decision.failure.code if decision.failure else None) == code


def test_a_destination_that_overlaps_with_an_earlier_jobs_is_refused() -> None:
    decision = answer({"uri": "s3://assets/statue/"}, rival="vase")
    assert (decision.accepted, decision.reason) == (False, "DestinationConflict")
    assert "'vase'" in decision.message


def pod(resource_class: ResourceClass, destination: dict[str, Any], **profile: Any) -> dict[str, Any]:
    spec = spec_of(destination=destination, source={"uri": "s3://photos/", "secretName": "read"})
    run = ClassRun(resource_class=resource_class, digest="d", attempt=1, job_name="child")
    pinned = profile_spec(snapshot(cluster_profile(**profile)))
    return pod_spec(job_view(spec), spec, run, pinned, None, None, None)


def secrets_of(document: dict[str, Any]) -> set[str]:
    return {volume["secret"]["secretName"] for volume in document["volumes"] if "secret" in volume}


def test_each_pod_has_the_secret_of_its_own_work_alone() -> None:
    destination = {"uri": "s3://assets/statue/", "secretName": "write"}
    found = {each: secrets_of(pod(each, destination)) for each in ResourceClass}
    assert list(found.values()) == [{"read"}, set(), {"write"}]


def test_a_claim_is_mounted_for_writing_where_it_is_published_to() -> None:
    destination = {"persistentVolumeClaim": {"claimName": "results"}}
    made = pod(ResourceClass.DELIVER, destination)
    assert {"name": "destination", "persistentVolumeClaim": {"claimName": "results"}} in made["volumes"]
    assert {"name": "destination", "mountPath": "/destination"} in made["containers"][0]["volumeMounts"]
    assert "destination" not in {volume["name"] for volume in pod(ResourceClass.RECONSTRUCT, destination)["volumes"]}


@pytest.mark.parametrize(
    ("uri", "believed"),
    [
        ("s3://assets/statue/set/model.glb", True),
        ("https://cdn.example.org/statue/set/model.glb", True),
        (f"pvc://{KEY.name}-workspace/artifacts/model.glb", True),
        ("s3://assets/other/set/model.glb", False),
        ("s3://assets/statue/../other/model.glb", False),
        ("s3://assets/statue/set/model.glb?X-Amz-Signature=abc", False),
    ],
)
def test_a_worker_can_name_only_what_is_the_jobs_own(uri: str, believed: bool) -> None:
    destination = {"uri": "s3://assets/statue/", "publicBaseURL": "https://cdn.example.org/statue"}
    spec = spec_of(destination=destination)
    artifact = Artifact(name="model.glb", format="GLB", uri=uri, size_bytes=1, sha256="0" * 64, media_type="x")
    need = needs_of(spec)[-1]
    assert bool(credible_report(PodReport(artifacts=[artifact]), need, job_view(spec)).artifacts) is believed
