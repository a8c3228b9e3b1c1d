"""Hands updates on to the replica that leads, and no more of them than that one can be asked to look at."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable

import aiohttp

from reconstruction_api.names import PROGRESS_PATH

from .buckets import Buckets
from .reviews import CHECKS, TRIES, TRIES_TRUSTED
from .signatures import SigningKeys
from .tokens import claimed_identity

FORWARDED = "X-Reconstruction-Forwarded"
_SECONDS = 5.0
_CONNECTIONS = 8
_MOST_AT_ONCE = 64
_IDLE_SECONDS = 5.0
"""Less than the leader keeps an idle connection open for: none is used in the moment when it is closed."""
_UPDATES = (20, 0.1)
_MOST_PROVEN = 10_000


class NotNow(Exception):  # noqa: N818 - not an error
    """The update can't be forwarded now; later it may be."""


class Forwarder:
    """This replica knows no pods. It learns from the leader's answers which tokens are valid; those that were not yet
    accepted it forwards only a few times for each pod and address, and those with a wrong signature not at all."""

    def __init__(
        self,
        keys: SigningKeys | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ):
        self._keys = keys
        self._now = now
        self._checks = Buckets(clock, *CHECKS)
        self._tries = {False: Buckets(clock, *TRIES), True: Buckets(clock, *TRIES_TRUSTED)}
        self._updates = Buckets(clock, *_UPDATES)
        self._proven: OrderedDict[bytes, None] = OrderedDict()
        self._at_once = 0
        self._session: aiohttp.ClientSession | None = None

    async def admits(self, token: str, address: str) -> bool | None:
        """Whether an update with this token is forwarded; None for a token that can't be valid."""
        claimed = claimed_identity(token, self._now())
        if claimed is None:
            return None
        if _hash_of(token) in self._proven:
            return self._at_once < _MOST_AT_ONCE and self._updates.take(claimed.uid)
        if not self._checks.take((claimed.uid, address)):
            return False
        signed = None if self._keys is None else await self._keys.signed(token)
        if signed is False:
            return None
        return self._at_once < _MOST_AT_ONCE and self._tries[bool(signed)].take((claimed.uid, address, signed))

    async def send(self, leader: str, token: str, body: bytes) -> tuple[int, bytes, str]:
        """Status, body and content type of the leader's answer: it reviews the token itself. Raises NotNow."""
        headers = {"Authorization": f"Bearer {token}", FORWARDED: "1"}
        self._at_once += 1
        try:
            async with self._opened().post(
                leader + PROGRESS_PATH, data=body, headers=headers, allow_redirects=False
            ) as answer:
                text = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NotNow from error
        finally:
            self._at_once -= 1
        self._learn(token, answer.status)
        return answer.status, text, answer.content_type

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _learn(self, token: str, status: int) -> None:
        token_hash = _hash_of(token)
        if status in (200, 202):
            self._proven[token_hash] = None
            self._proven.move_to_end(token_hash)
        elif status == 401:
            self._proven.pop(token_hash, None)
        while len(self._proven) > _MOST_PROVEN:
            self._proven.popitem(last=False)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_IDLE_SECONDS),
                timeout=aiohttp.ClientTimeout(total=_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def _hash_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
