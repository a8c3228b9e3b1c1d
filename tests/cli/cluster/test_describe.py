"""`recon describe`: everything about one job."""

from __future__ import annotations

import pytest
from tests.cli.cluster.conftest import Museum, artifact, condition, stage
from tests.cli.conftest import Recon

pytestmark = pytest.mark.cluster


def test_a_failed_job_shows_where_and_what_to_do(recon: Recon, museum: Museum) -> None:
    museum.create()
    museum.write_status(
        stages=[stage("ingest", "Succeeded", "40 photos"), stage("poses", "Failed", "5 of 40 photos placed")],
        conditions=[condition("Succeeded", "False", "LowRegistration", "5 of 40 photos placed")],
        metrics={"images": 40},
        failure={
            "code": "LowRegistration",
            "category": "Model",
            "message": "5 of 40 photos placed",
            "suggestion": "Add photos.",
            "retryable": False,
            "stage": "poses",
        },
    )
    out = recon("describe", "statue").out
    assert "✓  ingest" in out and "✗  poses" in out
    assert "LowRegistration in stage poses\n  5 of 40 photos placed\n  What to do: Add photos." in out
    assert "images" in out


def test_events_come_in_the_order_of_time(recon: Recon, museum: Museum) -> None:
    job = museum.create()
    for minute, reason in ((5, "Succeeded"), (1, "Accepted"), (3, "Started")):
        moment = f"2026-01-31T12:0{minute}:00.000000Z"
        event = {
            "metadata": {"name": f"statue.{minute}"},
            "eventTime": moment,
            "reason": reason,
            "note": "Told.",
            "reportingController": "test",
            "reportingInstance": "test",
            "action": "Reconcile",
            "type": "Normal",
            "regarding": {
                "apiVersion": job["apiVersion"],
                "kind": job["kind"],
                "namespace": museum.name,
                "name": "statue",
                "uid": job["metadata"]["uid"],
            },
        }
        museum.send("POST", f"/apis/events.k8s.io/v1/namespaces/{museum.name}/events", event)
    out = recon("describe", "statue").out
    assert out.index("Accepted Told.") < out.index("Started Told.") < out.index("Succeeded Told.")


def test_what_a_job_holds_does_not_steer_the_terminal(recon: Recon, museum: Museum) -> None:
    museum.create()
    evil = "\x1b]0;title\x07\x9b2J"
    museum.write_status(
        conditions=[condition("Accepted", "False", "Evil", evil)],
        stages=[stage("ingest", "Failed", evil)],
        metrics={"psnr": evil},
        artifacts=[artifact(f"{evil}.glb")],
        failure={"code": evil, "category": evil, "message": evil, "suggestion": evil, "retryable": False},
    )
    for command in (("describe", "statue"), ("artifacts", "statue"), ("list",), ("list", "-o", "json")):
        out = recon(*command).out
        assert "title" in out
        assert not {"\x1b", "\x07", "\x9b"} & set(out), command


def test_what_is_kept_and_who_was_told(recon: Recon, museum: Museum) -> None:
    museum.create()
    url, moment = "https://example.org/hook", "2026-02-28T12:00:00Z"
    museum.write_status(
        retention={
            "workspaceExpiryTime": moment,
            "checkpointsRemovedTime": "2026-02-01T12:00:00Z",
            "jobExpiryTime": "2026-03-31T12:00:00Z",
        },
        checkpoints=[{"name": "train/checkpoints/step-001000.ckpt", "step": 1000, "sizeBytes": 1, "sha256": "0" * 64}],
        notifications=[
            {
                "event": "Succeeded",
                "id": "1",
                "url": url,
                "state": "Failed",
                "eventTime": moment,
                "message": "no answer",
            }
        ],
    )
    out = recon("describe", "statue").out
    assert f"kept until {moment}" in out and "deleted at 2026-03-31" in out and "checkpoint step 1000" in out
    assert "checkpoint removed 2026-02-01" in out
    assert "Succeeded to https://example.org/…: Failed: no answer" in out and "hook" not in out
