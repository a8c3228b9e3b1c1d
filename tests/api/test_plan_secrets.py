"""A plan is kept in status, where signatures of addresses have no place."""

from __future__ import annotations

from typing import Any

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.plan import fresh_plan, renewed_plan

SIGNED = "https://storage.example/statue.zip?X-Amz-Signature=0123456789abcdef"
OTHER = "https://storage.example/statue.zip?X-Amz-Signature=fedcba9876543210"


def spec(uri: str, **fields: Any) -> ReconstructionJobSpec:
    return ReconstructionJobSpec.model_validate({"source": {"uri": uri}} | fields)


def test_a_plan_does_not_hold_the_query_of_an_address() -> None:
    text = fresh_plan(spec(SIGNED), 1).model_dump_json(by_alias=True)
    assert "storage.example/statue.zip" in text and "Signature" not in text and "0123456789abcdef" not in text


def test_the_plan_is_kept_while_the_query_stays_and_the_photos_are_read_again_when_it_changes() -> None:
    plan = fresh_plan(spec(SIGNED), 1)
    same = renewed_plan(plan, spec(SIGNED, mesh={"targetFaces": 5000}), 2)
    assert same.digests()["ingest"] == plan.digests()["ingest"] and same.digests()["mesh"] != plan.digests()["mesh"]
    again = renewed_plan(same, spec(SIGNED, mesh={"targetFaces": 5000}), 3)
    assert again.digests() == same.digests()
    assert renewed_plan(plan, spec(OTHER), 2).digests()["ingest"] != plan.digests()["ingest"]


def test_an_address_without_a_query_is_kept_as_it_is() -> None:
    assert fresh_plan(spec("s3://captures/statue/"), 1).settings["source"] == {"uri": "s3://captures/statue/"}
