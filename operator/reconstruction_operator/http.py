"""The operator's HTTP side: health for Kubernetes, metrics for Prometheus, and updates from worker pods."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from reconstruction_api.names import PROGRESS_PATH
from reconstruction_api.worker import ProgressUpdate

from .kube import ApiError
from .metrics import Metrics
from .model import JobKey, Pod
from .tokens import PodIdentity, TokenReviewer

_log = logging.getLogger(__name__)

_LARGEST_BODY_BYTES = 64 * 1024
_FORWARDED = "X-Reconstruction-Forwarded"
_FORWARD_SECONDS = 5.0


@dataclass(frozen=True)
class Health:
    """Questions that the probes ask; each answers an empty text for yes, otherwise what is wrong."""

    live: Callable[[], str]
    ready: Callable[[], str]
    note: Callable[[], str] = lambda: ""
    """What is wrong without making the replica unready; it is said after the `ok`."""


@dataclass(frozen=True)
class ProgressSink:
    """Where updates go. `accepting` is true on the leader; on the others `leader` is its address, empty when unknown.
    `pods` lists the pods known for a job."""

    accepting: Callable[[], bool]
    leader: Callable[[], str]
    pods: Callable[[JobKey, str], tuple[Pod, ...]]
    receive: Callable[[JobKey, ProgressUpdate], bool]


def application(health: Health, metrics: Metrics, reviewer: TokenReviewer, sink: ProgressSink) -> web.Application:
    """The aiohttp application."""

    async def healthz(_: web.Request) -> web.Response:
        return _verdict(health.live())

    async def readyz(_: web.Request) -> web.Response:
        return _verdict(health.ready(), health.note())

    async def expose(_: web.Request) -> web.Response:
        text, content_type = metrics.expose()
        return web.Response(body=text, headers={"Content-Type": content_type})

    async def progress(request: web.Request) -> web.Response:
        response = await _progress(request, reviewer, sink)
        metrics.progress_updates.labels(result=_RESULTS.get(response.status, "error")).inc()
        return response

    app = web.Application(client_max_size=_LARGEST_BODY_BYTES)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", expose)
    app.router.add_post(PROGRESS_PATH, progress)
    return app


_RESULTS = {200: "accepted", 202: "outdated", 400: "malformed", 401: "unauthenticated", 403: "forbidden", 503: "later"}


async def _progress(request: web.Request, reviewer: TokenReviewer, sink: ProgressSink) -> web.Response:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return _refusal(401, "a bearer token is needed")
    if not sink.accepting():
        return await _forward(request, sink.leader())
    try:
        identity = await reviewer.review(token.strip())
    except (ApiError, aiohttp.ClientError, TimeoutError) as error:
        _log.warning("token review failed: %s", error)
        return _refusal(503, "the token could not be reviewed")
    if identity is None:
        return _refusal(401, "the token is not valid for this audience")
    try:
        update = ProgressUpdate.parse(await request.read())
    except ValueError:
        return _refusal(400, "not an update")
    key = JobKey(update.namespace, update.name)
    if not _speaks_for(identity, key, update, sink):
        return _refusal(403, "the pod does not belong to that job")
    return web.json_response({}, status=200 if sink.receive(key, update) else 202)


async def _forward(request: web.Request, leader: str) -> web.Response:
    """Hand the update on as it is: the leader reviews the token itself."""
    if not leader or _FORWARDED in request.headers:
        return _refusal(503, "no replica leads at the moment")
    headers = {"Authorization": request.headers["Authorization"], _FORWARDED: "1"}
    timeout = aiohttp.ClientTimeout(total=_FORWARD_SECONDS)
    body = await request.read()
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(leader + PROGRESS_PATH, data=body, headers=headers) as answer,
        ):
            return web.Response(body=await answer.read(), status=answer.status, content_type=answer.content_type)
    except (aiohttp.ClientError, TimeoutError):
        return _refusal(503, "the replica that leads does not answer")


def _speaks_for(identity: PodIdentity, key: JobKey, update: ProgressUpdate, sink: ProgressSink) -> bool:
    """A pod may only speak for the job that its labels name: whoever may create pods in a namespace chooses them."""
    if identity.namespace != key.namespace:
        return False
    return any(
        pod.uid == identity.uid and pod.name == identity.name and pod.parent_uid == update.uid
        for pod in sink.pods(key, update.uid)
    )


def _verdict(problem: str, note: str = "") -> web.Response:
    return web.Response(text=problem or "\n".join(["ok", *filter(None, [note])]), status=503 if problem else 200)


def _refusal(status: int, message: str) -> web.Response:
    headers = {"Retry-After": "2"} if status == 503 else {}
    return web.json_response({"error": message}, status=status, headers=headers)
