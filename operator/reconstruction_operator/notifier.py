"""Posts notifications beside the decisions: a slow receiver holds up nothing but its own messages.

What was sent and how it ended is observed by the next decision, which writes it into status. Lost with the process,
it is sent again.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from . import paths
from .actions import Notify
from .causes import Cause
from .kube import ApiError, Kube
from .model import DeliveryResult, JobKey, JobView
from .receivers import Address, Receivers, RefusedError
from .signing import UnusableKeyError, headers, key_of

_log = logging.getLogger(__name__)

_TIMEOUT = aiohttp.ClientTimeout(total=10, sock_connect=5)
_AT_ONCE, _AT_ONCE_IN_NAMESPACE = 32, 4
_GONE = 410


class Notifier:
    """Sends on behalf of jobs; `done` is called for each job that has a new result."""

    def __init__(self, kube: Kube, receivers: Receivers, done: Callable[[JobKey, Cause], None]):
        self._kube = kube
        self._receivers = receivers
        self._done = done
        self._sending: dict[JobKey, dict[tuple[str, str], asyncio.Task[None]]] = {}
        self._sent: dict[JobKey, dict[tuple[str, str], DeliveryResult]] = {}
        self._all = asyncio.Semaphore(_AT_ONCE)
        self._of_namespace: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(_AT_ONCE_IN_NAMESPACE)
        )

    def send(self, job: JobView, notify: Notify) -> None:
        """Returns at once. A message that is under way is not sent a second time."""
        under_way = self._sending.setdefault(job.key, {})
        if (notify.id, notify.receiver) not in under_way:
            under_way[notify.id, notify.receiver] = asyncio.create_task(self._deliver(job.key, notify))

    def observed(self, key: JobKey) -> tuple[tuple[DeliveryResult, ...], frozenset[tuple[str, str]]]:
        """Results, and what is under way."""
        return tuple(self._sent.get(key, {}).values()), frozenset(self._sending.get(key, ()))

    def forget(self, key: JobKey) -> None:
        """The job is gone."""
        self._sent.pop(key, None)
        for task in self._sending.pop(key, {}).values():
            task.cancel()

    async def close(self) -> None:
        """Another replica may lead from now on."""
        tasks = [task for tasks in self._sending.values() for task in tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _deliver(self, key: JobKey, notify: Notify) -> None:
        async with self._of_namespace[key.namespace], self._all:
            problem, hopeless = await self._attempt(key, notify)
        if problem:
            about = {"namespace": key.namespace, "job": key.name, "attempt": notify.attempt}
            _log.warning("notification not delivered: %s", problem, extra=about)
        target = notify.id, notify.receiver
        result = DeliveryResult(notify.id, notify.receiver, notify.attempt, datetime.now(UTC), problem, hopeless)
        self._sent.setdefault(key, {})[target] = result
        self._sending.get(key, {}).pop(target, None)
        self._done(key, Cause.OBSERVED)

    async def _attempt(self, key: JobKey, notify: Notify) -> tuple[str, bool]:
        """What went wrong, empty when nothing did, and whether it will go wrong again."""
        try:
            secret = await self._kube.get(paths.secret(key.namespace, notify.secret_name))
            signing_key = key_of(secret.get("data") or {})
            url = URL(notify.url)
            port = url.port or 443
            addresses = await self._receivers.resolve(url.scheme, url.host or "", port)
            status = await _post(url, addresses, notify, signing_key)
        except RefusedError as error:
            return f"{error}; the operator's setting notification-allow says what else is allowed.", True
        except UnusableKeyError as error:
            return f"Secret {notify.secret_name!r}: {error}.", False
        except ApiError as error:
            return _unreadable(notify.secret_name, error), False
        except TimeoutError:
            return "The receiver does not answer in time.", False
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return f"The receiver can't be reached: {type(error).__name__}.", False
        if 200 <= status < 300:
            return "", False
        return f"The receiver answers with status {status}.", status == _GONE


async def _post(url: URL, addresses: list[Address], notify: Notify, key: bytes) -> int:
    """The answer's status. Redirects are not followed and nothing of the answer is read."""
    body = json.dumps(notify.event, separators=(",", ":")).encode()
    signed = headers(key, notify.id, int(datetime.now(UTC).timestamp()), body)
    connector = aiohttp.TCPConnector(resolver=_Pinned(addresses), use_dns_cache=False, force_close=True)
    kind = {"Content-Type": "application/cloudevents+json", "User-Agent": "reconstruction-operator"}
    async with (
        aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT, trust_env=False) as session,
        session.post(url, data=body, headers=kind | signed, allow_redirects=False) as answer,
    ):
        return answer.status


class _Pinned(AbstractResolver):
    """The addresses that were checked, whatever DNS says meanwhile."""

    def __init__(self, addresses: list[Address]):
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                proto=0,
                flags=socket.AI_NUMERICHOST,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _unreadable(name: str, error: ApiError) -> str:
    if error.not_found:
        return f"There is no secret {name!r} in the namespace."
    return f"The operator can't read secret {name!r} ({error.status})."
