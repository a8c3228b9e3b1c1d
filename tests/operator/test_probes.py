"""The port of probes and metrics."""

from __future__ import annotations

from aiohttp.test_utils import TestClient, TestServer

from reconstruction_operator import probes
from reconstruction_operator.metrics import Metrics


async def test_probes_answer_what_is_wrong() -> None:
    problem = ""
    app = probes.application(probes.Health(lambda: "", lambda: problem), Metrics())
    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/healthz")).status == 200
        assert (await client.get("/readyz")).status == 200
        problem = "the watches are starting"
        answer = await client.get("/readyz")
        assert (answer.status, await answer.text()) == (503, "the watches are starting")


async def test_what_does_not_keep_a_replica_from_work_is_said_beside_its_readiness() -> None:
    health = probes.Health(lambda: "", lambda: "", lambda: "the default profile stays as it is")
    async with TestClient(TestServer(probes.application(health, Metrics()))) as client:
        answer = await client.get("/readyz")
        assert (answer.status, await answer.text()) == (200, "ok\nthe default profile stays as it is")


async def test_there_is_nothing_for_workers_and_metrics_are_not_written_out_for_each_who_asks() -> None:
    now, metrics = 0.0, Metrics()
    written: list[float] = []

    class Counted(Metrics):
        def expose(self) -> tuple[bytes, str]:
            written.append(now)
            return super().expose()

    metrics = Counted()
    app = probes.application(probes.Health(lambda: "", lambda: ""), metrics, lambda: now)
    async with TestClient(TestServer(app)) as client:
        assert (await client.post("/v1/progress", data=b"{}")).status == 404
        for moment in (0.0, 0.1, 0.2, 1.0):
            now = moment
            text = await (await client.get("/metrics")).text()
            assert "reconstruction_operator_leader" in text
    assert written == [0.0, 1.0]
