"""Asks the API server who speaks: few questions at a time, none that need not be asked, and namespaces in turn."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable

from reconstruction_api.names import PROGRESS_AUDIENCE

from . import paths
from .buckets import Buckets
from .fair_gate import FairGate, GateFull
from .kube import Document, Kube
from .signatures import SigningKeys
from .tokens import PodIdentity, claimed_identity

_POD_NAME = "authentication.kubernetes.io/pod-name"
_POD_UID = "authentication.kubernetes.io/pod-uid"
_USER_PREFIX = "system:serviceaccount:"

AT_ONCE = 4
"""Reviews at a time."""
_WAITING, _WAITING_EACH = 256, 32
_SECONDS = 5.0
"""A worker does not wait for longer."""
_MOST_VALID, _MOST_REFUSED = 10_000, 2_000
TRIES, TRIES_TRUSTED = (10, 1.0), (20, 0.25)
"""Tokens never seen valid that one address may present for one pod: so many at once, then one each so many seconds.
More where they are signed, or come from another replica, which does the same for many addresses."""
CHECKS = (200, 0.02)
"""The same for looks at signatures: each takes up to a millisecond."""


class Busy(Exception):  # noqa: N818 - not an error
    """The token can't be reviewed now; later it may be."""


class TokenReviewer:
    """Answers are remembered for a while: one review a minute for a pod, not one for an update.

    A token whose claims can't be right costs no review (`known` says whether there is such a worker pod), nor does one
    with a wrong signature, as far as `keys` can tell. Where it can't, whoever knows the pod can forge its claims: so
    reviews are bounded for each pod and address, and a pod with a valid token neither waits for other addresses nor,
    once its token is known, for its own.
    """

    def __init__(
        self,
        kube: Kube,
        clock: Callable[[], float],
        known: Callable[[PodIdentity], bool],
        *,
        keys: SigningKeys | None = None,
        now: Callable[[], float] = time.time,
        valid_seconds: float = 60,
        refused_seconds: float = 10,
    ):
        self._kube = kube
        self._clock = clock
        self._known = known
        self._keys = keys
        self._now = now
        self._valid_seconds = valid_seconds
        self._refused_seconds = refused_seconds
        self._gate = FairGate(AT_ONCE, _WAITING, _WAITING_EACH)
        self._checks = Buckets(clock, *CHECKS)
        self._tries = {False: Buckets(clock, *TRIES), True: Buckets(clock, *TRIES_TRUSTED)}
        self._valid: OrderedDict[bytes, tuple[float, PodIdentity]] = OrderedDict()
        """Until when an answer counts. It stays when that is over: the token has proven to be none of a flood."""
        self._refused: OrderedDict[bytes, float] = OrderedDict()
        self._asked: dict[bytes, asyncio.Task[PodIdentity | None]] = {}

    async def review(self, token: str, address: str, *, forwarded: bool = False) -> PodIdentity | None:
        """None for a token that is not valid, is for another audience, or is bound to no worker pod.

        `address` is where it came from. Raises Busy, ApiError, aiohttp's errors and TimeoutError: then nothing is known
        about the token, and the worker should come again.
        """
        claimed = claimed_identity(token, self._now())
        if claimed is None or not self._known(claimed):
            return None
        token_hash = hashlib.sha256(token.encode()).digest()
        proven, now = self._valid.get(token_hash), self._clock()
        if proven is not None and now < proven[0]:
            return proven[1]
        if now < self._refused.get(token_hash, now):
            return None
        if proven is None and token_hash not in self._asked:
            if not self._checks.take((claimed.uid, address)):
                raise Busy
            signed = None if self._keys is None else await self._keys.signed(token)
            if signed is False:
                return None
            tries = self._tries[bool(signed or forwarded)]
            if token_hash not in self._asked and not tries.take((claimed.uid, address, signed)):
                raise Busy
        if token_hash not in self._asked:
            self._asked[token_hash] = asyncio.create_task(self._ask(token_hash, token, claimed.namespace))
            self._asked[token_hash].add_done_callback(lambda task: self._answered(token_hash, task))
        return await asyncio.shield(self._asked[token_hash])

    async def _ask(self, token_hash: bytes, token: str, namespace: str) -> PodIdentity | None:
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [PROGRESS_AUDIENCE]},
        }
        try:
            async with self._gate.turn(namespace), asyncio.timeout(_SECONDS):
                identity = pod_identity(await self._kube.create(paths.TOKEN_REVIEWS, body))
        except GateFull as error:
            raise Busy from error
        if identity is None:
            self._valid.pop(token_hash, None)
            _keep(self._refused, token_hash, self._clock() + self._refused_seconds, _MOST_REFUSED)
        else:
            _keep(self._valid, token_hash, (self._clock() + self._valid_seconds, identity), _MOST_VALID)
        return identity

    def _answered(self, token_hash: bytes, task: asyncio.Task[PodIdentity | None]) -> None:
        self._asked.pop(token_hash, None)
        if not task.cancelled():
            task.exception()  # seen also where nobody waits any more


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


def _keep(known: OrderedDict, token_hash: bytes, answer: object, most: int) -> None:
    known[token_hash] = answer
    known.move_to_end(token_hash)
    while len(known) > most:
        known.popitem(last=False)
