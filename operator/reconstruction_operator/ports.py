"""The operator's two ports: what happens at one of them takes no connection from the other."""

from __future__ import annotations

import logging

from aiohttp import web

from . import http, probes
from .forward import Forwarder
from .listener import Limits, Listener
from .metrics import Metrics
from .reviews import TokenReviewer
from .settings import Settings

_log = logging.getLogger(__name__)

_PROBES = Limits(connections=128, connections_of_one_client=32)


class Ports:
    """Probes and metrics at one, live updates of workers and other replicas at the other."""

    def __init__(self, settings: Settings, metrics: Metrics):
        self._settings = settings
        self._metrics = metrics
        self._listeners: list[Listener] = []

    async def open(
        self, health: probes.Health, reviewer: TokenReviewer, sink: http.ProgressSink, forwarder: Forwarder
    ) -> None:
        settings = self._settings
        workers = Limits(settings.progress_connections, settings.progress_connections_per_client)
        await self._listen("http", probes.application(health, self._metrics), _PROBES, settings.http_port)
        progress = http.application(self._metrics, reviewer, sink, forwarder)
        await self._listen("progress", progress, workers, settings.workers_port)

    async def close(self) -> None:
        for listener in self._listeners:
            await listener.close()

    async def _listen(self, name: str, app: web.Application, limits: Limits, port: int) -> None:
        closed = self._metrics.connections_closed
        listener = Listener(app, limits, lambda reason: closed.labels(port=name, reason=reason).inc())
        self._listeners.append(listener)
        self._metrics.open_connections.labels(port=name).set_function(lambda: len(listener))
        port = await listener.start(self._settings.http_host, port)
        _log.info("serving", extra={"what": name, "port": port})
