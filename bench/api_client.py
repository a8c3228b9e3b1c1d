"""What a call to the API server costs the operator's process: its own client beside the official one.

Both read and create the same child Job at a server on this machine that only answers, so that nothing but the client is
measured. Prints processor time of the client's process for each call, and the ratio.

    python -m bench.api_client
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import kubernetes.aio.client as official
from aiohttp import web

from reconstruction_operator.kube import Kube

CALLS = 2000
ROUNDS = 3
JOB = "/apis/batch/v1/namespaces/museum/jobs/statue-prepare"


def child_job() -> dict[str, Any]:
    """As large as a real one: two dozen variables, volumes and mounts."""
    env = [{"name": f"VARIABLE_{index}", "value": "x" * 40} for index in range(24)]
    volumes = [{"name": f"volume-{index}", "emptyDir": {}} for index in range(6)]
    mounts = [{"name": each["name"], "mountPath": f"/{each['name']}"} for each in volumes]
    pod = {
        "restartPolicy": "Never",
        "containers": [{"name": "worker", "image": "worker:1", "env": env, "volumeMounts": mounts}],
        "volumes": volumes,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "statue-prepare", "namespace": "museum", "uid": "1", "resourceVersion": "7"},
        "spec": {"backoffLimit": 0, "template": {"metadata": {"labels": {"a": "b"}}, "spec": pod}},
        "status": {"conditions": [{"type": "Complete", "status": "True", "reason": "x"}]},
    }


def serve(port: Any) -> None:
    """In a process of its own, so that its time does not count."""
    body = json.dumps(child_job()).encode()

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=body, content_type="application/json")

    async def run() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port.put(runner.addresses[0][1])
        await asyncio.sleep(600)

    asyncio.run(run())


async def milliseconds(call: Callable[[], Awaitable[Any]]) -> float:
    """Processor time of one call; the best of a few rounds, since other programs only ever add."""
    found: list[float] = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(CALLS):
            await call()
        found.append((time.process_time() - start) / CALLS * 1000)
    return min(found)


async def measure(port: int) -> dict[str, dict[str, float]]:
    """Milliseconds for each call and client."""
    configuration = official.Configuration()
    configuration.host = f"http://127.0.0.1:{port}"
    ours, theirs = Kube(configuration), official.ApiClient(configuration)
    batch = official.BatchV1Api(theirs)
    manifest, path = child_job(), JOB.rpartition("/")[0]
    result = {
        "read a Job": {
            "own": await milliseconds(lambda: ours.get(JOB)),
            "official": await milliseconds(lambda: batch.read_namespaced_job("statue-prepare", "museum")),
        },
        "create a Job": {
            "own": await milliseconds(lambda: ours.create(path, manifest)),
            "official": await milliseconds(lambda: batch.create_namespaced_job("museum", cast(Any, manifest))),
        },
    }
    await ours.close()
    await theirs.close()
    return result


def main() -> int:
    context = multiprocessing.get_context("spawn")
    port = context.Queue()
    server = context.Process(target=serve, args=(port,), daemon=True)
    server.start()
    try:
        for name, times in asyncio.run(measure(port.get(timeout=60))).items():
            ratio = times["official"] / times["own"]
            print(f"{name}: own {times['own']:.3f} ms, official {times['official']:.3f} ms, ratio {ratio:.1f}")
    finally:
        server.terminate()
    return 0


if __name__ == "__main__":
    sys.exit(main())
