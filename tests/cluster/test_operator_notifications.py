"""Notifications from the operator's process to a real receiver, over a refusal and a crash."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest
from tests.operator.test_notifier import SECRET, Receiver

from harness.operator_process import eventually
from harness.workbench import workbench

from .test_operator import Case, kubelet_for

pytestmark = pytest.mark.cluster


def test_a_receiver_that_was_away_is_told_after_a_crash_and_only_until_it_answers(
    kubeconfig: Path, tmp_path: Path
) -> None:
    async def run() -> None:
        log, allowed = tmp_path / "log", "127.0.0.0/8"
        async with (
            workbench(kubeconfig, log, notifications="true", notification_allow=allowed) as work,
            kubelet_for(kubeconfig) as kubelet,
            Receiver(status=503) as receiver,
        ):
            await work.create_profile()
            await work.kube.create(
                f"/api/v1/namespaces/{work.namespace}/secrets",
                {"metadata": {"name": "hook-key"}, "data": {"webhook-key": base64.b64encode(SECRET).decode()}},
            )
            case = Case(work, "told", kubelet)
            await case.create(notifications=[{"url": receiver.url, "secretName": "hook-key"}])
            await case.until("Succeeded")

            async def refused() -> bool:
                stored = await messages(case)
                return stored[0]["attempts"] >= 1 and "status 503" in stored[0]["message"]

            await eventually(refused, "the refusal in status")
            work.operator.kill()
            receiver.status = 200
            work.operator.start()

            async def delivered() -> bool:
                return [each["state"] for each in await messages(case)] == ["Delivered"]

            await eventually(delivered, "the delivery in status")
            assert len({event["id"] for event in receiver.events}) == 1
            assert all(receiver.genuine) and receiver.events[-1]["type"] == "dev.reconstruction.job.succeeded"
            told = len(receiver.events)
            await case.change(retention={"workspaceSeconds": 86400})  # makes the operator look once more
            await case.until("Succeeded")
            assert len(receiver.events) == told

    asyncio.run(run())


async def messages(case: Case) -> list[dict[str, Any]]:
    return (await case.get())["status"]["notifications"]
