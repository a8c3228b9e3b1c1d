"""Under which engine a job is counted."""

from __future__ import annotations

from typing import Any

import pytest

from reconstruction_operator.policies.reporting.counted_engine import counted_engine

from ..builders import PROFILE_SPEC, changed, cluster_profile, observed, settled, spec_of

OWN = {"engines": [*PROFILE_SPEC["engines"], {"name": "own", "image": "worker:1"}]}


@pytest.mark.parametrize(
    ("spec", "profile", "counted"),
    [
        ({}, {}, "nerfacto"),
        ({"engine": "own"}, OWN, "own"),
        ({"engine": "own"}, {}, ""),
        ({"profileName": "elsewhere"}, None, ""),
    ],
)
def test_only_an_engine_of_the_jobs_profile_is_counted(
    spec: dict[str, Any], profile: dict[str, Any] | None, counted: str
) -> None:
    known = cluster_profile(**profile) if profile is not None else None
    seen, _ = settled(observed(spec_of(**spec), profile=known))
    assert counted_engine(seen.job.spec, seen.job.status) == counted


def test_a_job_that_is_changed_to_an_engine_its_profile_does_not_offer_is_counted_under_none() -> None:
    seen, _ = settled(observed())
    refused, _ = settled(changed(seen, engine="made-up"))
    assert refused.job.status.profile is not None
    assert counted_engine(refused.job.spec, refused.job.status) == ""


def test_a_job_whose_spec_can_not_be_read_is_counted_under_none() -> None:
    seen, _ = settled(observed())
    assert counted_engine(None, seen.job.status) == ""
