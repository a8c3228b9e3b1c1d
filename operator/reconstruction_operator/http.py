"""The workers' port: takes the updates of worker pods, or hands them on to the replica that leads."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from aiohttp import web

from reconstruction_api.names import PROGRESS_PATH
from reconstruction_api.worker import ProgressUpdate

from .buckets import Buckets
from .forward import FORWARDED, Forwarder, NotNow
from .kube import ApiError
from .metrics import Metrics
from .model import JobKey, Pod
from .reviews import Busy, TokenReviewer
from .tokens import PodIdentity

_log = logging.getLogger(__name__)

_LARGEST_BODY_BYTES = 64 * 1024
_RETRY_AFTER = "2"


@dataclass(frozen=True)
class ProgressSink:
    """Where updates go. `accepting` is true on the leader; on the others `leader` is its address, empty when unknown.
    `pods` lists the pods known for a job; `updates` is how often each pod may send one."""

    accepting: Callable[[], bool]
    leader: Callable[[], str]
    pods: Callable[[JobKey, str], tuple[Pod, ...]]
    receive: Callable[[JobKey, ProgressUpdate], bool]
    updates: Buckets


def application(metrics: Metrics, reviewer: TokenReviewer, sink: ProgressSink, forwarder: Forwarder) -> web.Application:
    """The aiohttp application; `forwarder` is closed with it."""

    async def progress(request: web.Request) -> web.Response:
        response = await _progress(request, reviewer, sink, forwarder)
        metrics.progress_updates.labels(result=_RESULTS.get(response.status, "error")).inc()
        return response

    async def close(_: web.Application) -> None:
        await forwarder.close()

    app = web.Application(client_max_size=_LARGEST_BODY_BYTES)
    app.on_cleanup.append(close)
    app.router.add_post(PROGRESS_PATH, progress)
    return app


_RESULTS = {200: "accepted", 202: "outdated", 400: "malformed", 401: "unauthenticated", 403: "forbidden",
            429: "throttled", 503: "later"}  # fmt: skip


async def _progress(
    request: web.Request, reviewer: TokenReviewer, sink: ProgressSink, forwarder: Forwarder
) -> web.Response:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        return _refusal(401, "a bearer token is needed")
    if not sink.accepting():
        return await _forward(request, token, sink.leader(), forwarder)
    try:
        identity = await reviewer.review(token, request.remote or "", forwarded=FORWARDED in request.headers)
    except Busy:
        return _refusal(503, "too many token reviews are pending")
    except (ApiError, aiohttp.ClientError, TimeoutError) as error:
        _log.warning("token review failed: %s", error)
        return _refusal(503, "the token could not be reviewed")
    if identity is None:
        return _refusal(401, "the token is not one of a worker pod for this audience")
    if not sink.updates.take(identity.uid):
        return _refusal(429, "the pod sends too many updates")
    try:
        update = ProgressUpdate.parse(await request.read())
    except ValueError:
        return _refusal(400, "not an update")
    key = JobKey(update.namespace, update.name)
    if not _speaks_for(identity, key, update, sink):
        return _refusal(403, "the pod does not belong to that job")
    return web.json_response({}, status=200 if sink.receive(key, update) else 202)


async def _forward(request: web.Request, token: str, leader: str, forwarder: Forwarder) -> web.Response:
    """Hand the update on as it is."""
    if not leader or FORWARDED in request.headers:
        return _refusal(503, "no replica leads at the moment")
    admitted = await forwarder.admits(token, request.remote or "")
    if admitted is None:
        return _refusal(401, "the token is not one of a worker pod for this audience")
    if not admitted:
        return _refusal(503, "too many updates wait to be forwarded")
    try:
        status, text, content_type = await forwarder.send(leader, token, await request.read())
    except NotNow:
        return _refusal(503, "the replica that leads does not answer")
    headers = {"Retry-After": _RETRY_AFTER} if status in (429, 503) else {}
    return web.Response(body=text, status=status, content_type=content_type, headers=headers)


def _speaks_for(identity: PodIdentity, key: JobKey, update: ProgressUpdate, sink: ProgressSink) -> bool:
    """A pod may only speak for the job that its labels name: whoever may create pods in a namespace chooses them."""
    if identity.namespace != key.namespace:
        return False
    return any(
        pod.uid == identity.uid and pod.name == identity.name and pod.parent_uid == update.uid
        for pod in sink.pods(key, update.uid)
    )


def _refusal(status: int, message: str) -> web.Response:
    headers = {"Retry-After": _RETRY_AFTER} if status in (429, 503) else {}
    return web.json_response({"error": message}, status=status, headers=headers)
