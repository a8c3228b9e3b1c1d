"""Who speaks: a worker pod proves itself with a projected service account token of our own audience."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from reconstruction_api.names import PROGRESS_AUDIENCE

from . import paths
from .kube import Document, Kube

_POD_NAME = "authentication.kubernetes.io/pod-name"
_POD_UID = "authentication.kubernetes.io/pod-uid"
_USER_PREFIX = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class PodIdentity:
    """The pod that a token is bound to."""

    namespace: str
    name: str
    uid: str


class TokenReviewer:
    """Asks the API server, and remembers its answers for a while: one review a minute a pod, not one an update."""

    def __init__(
        self, kube: Kube, clock: Callable[[], float], *, valid_seconds: float = 60, refused_seconds: float = 10,
        capacity: int = 10_000,
    ):  # fmt: skip
        self._kube = kube
        self._clock = clock
        self._valid_seconds = valid_seconds
        self._refused_seconds = refused_seconds
        self._capacity = capacity
        self._answers: OrderedDict[bytes, tuple[float, PodIdentity | None]] = OrderedDict()

    async def review(self, token: str) -> PodIdentity | None:
        """None for a token that is not valid, is for another audience, or is bound to no pod."""
        place = hashlib.sha256(token.encode()).digest()
        known = self._answers.get(place)
        if known is not None and self._clock() < known[0]:
            return known[1]
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [PROGRESS_AUDIENCE]},
        }
        identity = pod_identity(await self._kube.create(paths.TOKEN_REVIEWS, body))
        lifetime = self._valid_seconds if identity is not None else self._refused_seconds
        self._answers[place] = (self._clock() + lifetime, identity)
        self._answers.move_to_end(place)
        while len(self._answers) > self._capacity:
            self._answers.popitem(last=False)
        return identity


def pod_identity(review: Document) -> PodIdentity | None:
    """The pod in the API server's answer."""
    status = review.get("status") or {}
    user = status.get("user") or {}
    account, extra = user.get("username", ""), user.get("extra") or {}
    if not status.get("authenticated") or PROGRESS_AUDIENCE not in (status.get("audiences") or []):
        return None
    if not account.startswith(_USER_PREFIX) or not extra.get(_POD_NAME) or not extra.get(_POD_UID):
        return None
    namespace = account.removeprefix(_USER_PREFIX).split(":", 1)[0]
    return PodIdentity(namespace, extra[_POD_NAME][0], extra[_POD_UID][0])
