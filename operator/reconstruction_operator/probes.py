"""Health for Kubernetes and metrics for Prometheus, at a port apart from the workers'."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from .metrics import Metrics

_FRESH_SECONDS = 0.5
"""Many jobs are many series: they are written out at most twice a second, whoever asks."""


@dataclass(frozen=True)
class Health:
    """Questions that the probes ask; each answers an empty text for yes, otherwise what is wrong."""

    live: Callable[[], str]
    ready: Callable[[], str]
    note: Callable[[], str] = lambda: ""
    """What is wrong without making the replica unready; it is said after the `ok`."""


def application(health: Health, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> web.Application:
    """/healthz, /readyz and /metrics."""
    exposed: tuple[float, bytes, str] = (float("-inf"), b"", "")

    async def healthz(_: web.Request) -> web.Response:
        return _verdict(health.live())

    async def readyz(_: web.Request) -> web.Response:
        return _verdict(health.ready(), health.note())

    async def expose(_: web.Request) -> web.Response:
        nonlocal exposed
        if clock() >= exposed[0] + _FRESH_SECONDS:
            exposed = (clock(), *metrics.expose())
        return web.Response(body=exposed[1], headers={"Content-Type": exposed[2]})

    app = web.Application(client_max_size=1024)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", expose)
    return app


def _verdict(problem: str, note: str = "") -> web.Response:
    return web.Response(text=problem or "\n".join(["ok", *filter(None, [note])]), status=503 if problem else 200)
