"""kopf's part: it watches the custom resources, and calls handlers that only record what they are shown.

kopf leaves no trace of its own on the objects: no finalizers, no annotations, no peering; a deleted namespace is never
stuck.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import kopf
from kopf._cogs.structs.references import Insights, NamespaceName

from reconstruction_api.names import GROUP, VERSION

from .official import Configuration

Document = dict[str, Any]

_NO_NAMESPACE = "*"
"""For kopf, which takes no empty list: a pattern, that without its own look at namespaces stands for none. Which ones
it watches is said as they come and go."""


class Handlers(NamedTuple):
    """What is done with the objects of a kind."""

    see: Callable[[Document], None]
    forget: Callable[[Document], None]


class CustomResources(Protocol):
    """Shows the custom resources as they are and as they change, one object after the other. After an interruption it
    may not tell of objects that went away meanwhile."""

    async def follow(self, handlers: Mapping[str, Handlers], ready: asyncio.Event, stop: asyncio.Event) -> None:
        """Until `stop` is set. `handlers` are by plural; `ready` is set when following has begun."""
        ...

    async def watch(self, namespace: str, wanted: bool) -> None:
        """Follow a namespace, or no longer. Not asked for where the whole cluster is followed."""
        ...


class Kopf:
    """With kopf, in the whole cluster or in the namespaces that it is given."""

    def __init__(self, configuration: Configuration, *, clusterwide: bool):
        self._configuration = configuration
        self._clusterwide = clusterwide
        self._insights = Insights()

    async def follow(self, handlers: Mapping[str, Handlers], ready: asyncio.Event, stop: asyncio.Event) -> None:
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(self._login)
        for plural, of_kind in handlers.items():
            _handle(registry, plural, of_kind)
        await kopf.operator(
            registry=registry,
            settings=_settings(),
            insights=self._insights,
            clusterwide=self._clusterwide,
            namespaces=() if self._clusterwide else (_NO_NAMESPACE,),
            standalone=True,
            stop_flag=stop,
            ready_flag=ready,
        )

    async def watch(self, namespace: str, wanted: bool) -> None:
        """By itself kopf ends with all its watches when one of them is refused."""
        async with self._insights.revised:
            if wanted:
                self._insights.namespaces.add(NamespaceName(namespace))
            else:
                self._insights.namespaces.discard(NamespaceName(namespace))
            self._insights.revised.notify_all()

    async def _login(self, **_: Any) -> kopf.ConnectionInfo:
        """The official client's credentials, read again whenever the API server refuses the old ones."""
        header = await self._configuration.get_api_key_with_prefix("BearerToken") or ""
        return kopf.ConnectionInfo(
            server=self._configuration.host,
            ca_path=self._configuration.ssl_ca_cert,
            insecure=not self._configuration.verify_ssl,
            scheme="Bearer" if header else None,
            token=header.split(" ", 1)[-1] or None,
            certificate_path=self._configuration.cert_file,
            private_key_path=self._configuration.key_file,
        )


def _handle(registry: kopf.OperatorRegistry, plural: str, handlers: Handlers) -> None:
    async def happened(event: kopf.RawEvent, **_: Any) -> None:
        document = dict(event["object"])
        (handlers.forget if event["type"] == "DELETED" else handlers.see)(document)

    kopf.on.event(GROUP, VERSION, plural, id=plural, registry=registry)(happened)


class _Patience:
    """Pauses between attempts of kopf, without end: after the last one it would give up all its watches."""

    def __iter__(self) -> Iterator[float]:
        return itertools.chain((1, 1, 2, 3, 5, 8), itertools.repeat(15.0))


class _NoDiffBase(kopf.DiffBaseStorage):
    """kopf compares each object with its last handled state, for handlers of a kind that is not used here."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        return None


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.watching.chunk_size = 500
    settings.networking.error_backoffs = _Patience()
    settings.queueing.idle_timeout = 0.5  # a task that waits for each of ten thousand objects is a lot of memory
    return settings
