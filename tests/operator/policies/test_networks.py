"""Sources that no pod could reach are refused before one is started."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconstruction_operator.manifests.allowances import network_access
from reconstruction_operator.policies.control.accept import Acceptance, accept

from ..builders import cluster_profile, observed, settled, spec_of


def answer(uri: str, **profile: Any) -> Acceptance:
    return accept(observed(spec_of(source={"uri": uri}), profile=cluster_profile(**profile)))


@pytest.mark.parametrize(
    "uri",
    ["http://169.254.169.254/latest/", "http://10.96.0.1/", "https://kubernetes.default.svc/",
     "http://minio:9000/photos/",
     "http://[::1]/a.zip", "http://2130706433/", "HTTP://LOCALHOST/", "http://metadata.google.internal/",
     "http://[::1",
     "http://168.63.129.16/machine"],
)  # fmt: skip
def test_a_source_inside_is_refused_and_the_field_of_the_profile_is_named(uri: str) -> None:
    decision = answer(uri)
    assert (decision.accepted, decision.reason) == (False, "AddressNotAllowed")
    assert decision.message.startswith("spec.source.uri: ")
    assert "network.allow of profile 'default'" in decision.message
    assert decision.failure is not None and decision.failure.code == "AddressNotAllowed"


@pytest.mark.parametrize(
    "uri", ["https://example.org/a.zip", "http://8.8.8.8/a.zip", "s3://localhost/", "gs://minio/x", "az://10.0.0.1/"]
)
def test_what_may_be_public_is_the_workers_to_check(uri: str) -> None:
    assert answer(uri).accepted


@pytest.mark.parametrize("entry", ["minio.storage.svc", ".storage.svc", "10.96.0.0/12"])
def test_an_entry_of_the_profile_accepts_the_job(entry: str) -> None:
    assert not answer("http://minio.storage.svc:9000/photos/").accepted
    assert answer("http://minio.storage.svc:9000/photos/", network={"allow": [entry]}).accepted


def test_a_mistake_in_the_list_makes_the_profile_unusable() -> None:
    decision = answer("https://example.org/", network={"allow": ["10.0.0.0/33"]})
    assert decision.reason == "ProfileInvalid" and "network" in decision.message


def test_a_job_that_was_accepted_by_an_older_operator_goes_on() -> None:
    accepted, _ = settled(
        observed(spec_of(source={"uri": "http://minio:9000/"}), profile=cluster_profile(network={"allow": ["minio"]}))
    )
    pinned = accepted.job.status.profile
    assert pinned is not None
    older = pinned.model_copy(update={"spec": {key: value for key, value in pinned.spec.items() if key != "network"}})
    status = accepted.job.status.model_copy(update={"profile": older})
    running = replace(accepted, job=replace(accepted.job, status=status))
    assert accept(running).accepted


def test_a_refused_job_is_accepted_when_the_profile_has_the_entry() -> None:
    refused, _ = settled(observed(spec_of(source={"uri": "http://minio:9000/"})))
    assert not accept(refused).accepted
    assert accept(replace(refused, profile=cluster_profile(generation=2, network={"allow": ["minio"]}))).accepted


def test_the_worker_is_given_the_list_and_whether_it_has_an_account_of_its_own() -> None:
    profile = accept(
        observed(profile=cluster_profile(network={"allow": ["minio"]}, serviceAccountName="photos"))
    ).profile
    assert profile is not None
    access = network_access(profile)
    assert (access.allow, access.service_account) == (["minio"], True)
    plain = accept(observed()).profile
    assert plain is not None
    assert network_access(plain).model_dump(exclude_defaults=True) == {}
