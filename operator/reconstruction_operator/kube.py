"""Calls to the Kubernetes API with plain dictionaries, over aiohttp with the official client's credentials.

The client's typed models and its layers around a call are left out: they cost several times the call itself.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
from aiohttp import ClientTimeout
from yarl import URL

from reconstruction_api.text import MESSAGE_LIMIT, one_line

from . import streaming
from .official import ConfigException, Configuration, RESTClientObject, load_incluster_config, load_kube_config

Document = dict[str, Any]

_TIMEOUT_SECONDS = 30.0
_SHORTEST_PAUSE_SECONDS = 0.1
_TOO_MANY_REQUESTS = 429
_PAGE = 500
_NOT_UNDERSTOOD = (400, 422)
"""Answers of an API server that does not stream listings."""
_JSON = "application/json"
_METADATA_ONLY = f"{_JSON};as=PartialObjectMetadata;g=meta.k8s.io;v=v1,{_JSON}"
_TOO_LARGE = ("too large", "larger than max", "ResourceExhausted")
"""The storage behind the API server has limits of its own, and reports them as an internal error."""
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
"""Server-side apply; JSON is YAML."""
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"


class ApiError(Exception):
    """The API server refused a call."""

    def __init__(self, status: int, reason: str, message: str):
        reason, message = one_line(reason, 100), one_line(message, MESSAGE_LIMIT)
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after: float | None = None
        """Seconds after which the API server wants to be asked again; None when it does not say so."""

    @property
    def already_exists(self) -> bool:
        return self.status == 409 and self.reason == "AlreadyExists"

    @property
    def conflict(self) -> bool:
        return self.status == 409 and self.reason == "Conflict"

    @property
    def refused(self) -> bool:
        """The object as it is can't be created now: quota, admission, or a mistake in it."""
        return self.status in (400, 403, 422)

    @property
    def content_refused(self) -> bool:
        """What was to be written is too large, or not as the schema demands: sent again, it is refused again."""
        too_large = any(words in self.message for words in _TOO_LARGE)
        return self.status in (400, 413, 422) or (self.status == 500 and too_large)

    @property
    def not_found(self) -> bool:
        return self.status == 404


async def load_configuration(kubeconfig: str | None) -> Configuration:
    """The given kubeconfig, else the pod's service account, else $KUBECONFIG or ~/.kube/config."""
    configuration = Configuration()
    path = kubeconfig or os.environ.get("KUBECONFIG")
    if kubeconfig is None:
        try:
            load_incluster_config(client_configuration=configuration)
            return configuration
        except ConfigException:
            pass
    await load_kube_config(config_file=path, client_configuration=configuration, persist_config=False)
    return configuration


class Kube:
    """A connection to one API server."""

    def __init__(self, configuration: Configuration, connections: int = 32):
        self._configuration = configuration
        self._connections = connections
        self._opened: aiohttp.ClientSession | None = None
        self._streams = True
        """As far as is known, the API server streams listings."""
        self.called: Callable[[str], None] = lambda _: None
        """Called for every request, with its method."""

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Document | None = None,
        content_type: str = _JSON,
        accept: str = _JSON,
        brief: bool = False,
        seconds: float = _TIMEOUT_SECONDS,
    ) -> Document:
        """One call. With `brief` only the object's metadata comes back: it saves both sides most of the work.

        Where the API server asks for it (Retry-After, as it does when it is overloaded), the call waits and is made
        again while its time lasts. Raises ApiError for an answer above 299, aiohttp's errors and TimeoutError for none.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        wanted = _METADATA_ONLY if brief else accept
        while True:
            try:
                return await self._request(method, path, query, body, content_type, wanted, deadline - loop.time())
            except ApiError as error:
                if error.retry_after is None or loop.time() + error.retry_after >= deadline:
                    raise
                await asyncio.sleep(error.retry_after)

    async def _request(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None,
        body: Document | None,
        content_type: str,
        accept: str,
        seconds: float,
    ) -> Document:
        headers = await self._headers()
        headers["Accept"] = accept
        if body is not None:
            headers["Content-Type"] = content_type
        self.called(method)
        async with self._session.request(
            method,
            self._url(path, query),
            headers=headers,
            data=None if body is None else orjson.dumps(body),
            timeout=ClientTimeout(total=seconds),
            **self._route,
        ) as response:
            data = await response.read()
        if response.status > 299:
            raise _error(response.status, data, response.headers.get("Retry-After"))
        return orjson.loads(data) if data else {}

    async def get(self, path: str, *, accept: str = _JSON) -> Document:
        return await self.request("GET", path, accept=accept)

    async def create(self, path: str, manifest: Document, *, brief: bool = False) -> Document:
        return await self.request("POST", path, body=manifest, brief=brief)

    async def pages(self, path: str, selector: str = "", fields: str = "") -> AsyncIterator[Document]:
        """A listing of what may be followed afterwards, part by part; each part has `items`, and the last one the
        resourceVersion that all of them are of.

        Streamed from the API server's memory where it does so (Kubernetes 1.34, or the feature WatchList before), which
        costs it far less than pages from etcd.
        """
        query = _selecting(selector, fields)
        if self._streams:
            begun = False
            try:
                async for page in streaming.pages(self.watch, path, query, _TIMEOUT_SECONDS):
                    begun = True
                    yield page
            except (ApiError, TimeoutError) as error:
                if isinstance(error, ApiError) and error.status not in _NOT_UNDERSTOOD:
                    raise
                if begun:
                    self._streams = False  # next time
                    raise
            else:
                self.called("GET")
                return
        async for page in self._paged(path, query):
            self._streams = False  # it is the streaming that it does not do
            yield page

    async def list(self, path: str, selector: str = "", fields: str = "") -> AsyncIterator[Document]:
        """All objects."""
        async for page in self._paged(path, _selecting(selector, fields)):
            for item in page.get("items", []):
                yield item

    async def _paged(self, path: str, query: dict[str, str]) -> AsyncIterator[Document]:
        query = query | {"limit": str(_PAGE)}
        while True:
            page = await self.request("GET", path, query=query)
            yield page
            token = page.get("metadata", {}).get("continue")
            if not token:
                return
            query["continue"] = token

    async def watch(self, path: str, query: dict[str, str], quiet_seconds: float) -> AsyncIterator[bytes]:
        """Lines of a watch, each a JSON event, until the server ends it. TimeoutError when it is silent too long."""
        timeout = ClientTimeout(total=None, sock_connect=_TIMEOUT_SECONDS, sock_read=quiet_seconds)
        answer = await self._session.get(
            self._url(path, query | {"watch": "true"}), headers=await self._headers(), timeout=timeout, **self._route
        )
        try:
            if answer.status > 299:
                raise _error(answer.status, await answer.read(), answer.headers.get("Retry-After"))
            begun = b""
            async for chunk in answer.content.iter_any():
                *lines, begun = (begun + chunk).split(b"\n")
                for line in lines:
                    yield line
            if begun:
                raise aiohttp.ClientPayloadError("the connection ended in the middle of an event")
        finally:
            answer.close()

    @property
    def _session(self) -> aiohttp.ClientSession:
        """Made at the first call, which is when an event loop runs."""
        if self._opened is None:
            tls = RESTClientObject(self._configuration).ssl_context
            connector = aiohttp.TCPConnector(limit=self._connections, ssl=tls)
            self._opened = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self._opened

    def _url(self, path: str, query: dict[str, str] | None) -> URL:
        """Already encoded: the names of Kubernetes need no quoting."""
        address = self._configuration.host + path
        return URL(f"{address}?{urlencode(query)}" if query else address, encoded=True)

    async def _headers(self) -> dict[str, str]:
        """Not compressed: within a cluster that costs both sides more than it saves."""
        headers = {"Accept": _JSON, "Accept-Encoding": "identity", "User-Agent": "reconstruction-operator"}
        if authorization := await self._configuration.get_api_key_with_prefix("BearerToken", alias="authorization"):
            headers["Authorization"] = authorization
        return headers

    @property
    def _route(self) -> dict[str, Any]:
        return {"proxy": self._configuration.proxy, "server_hostname": self._configuration.tls_server_name}


def _selecting(selector: str, fields: str) -> dict[str, str]:
    query = {"labelSelector": selector} if selector else {}
    return query | ({"fieldSelector": fields} if fields else {})


def _error(status: int, data: bytes, retry_after: str | None) -> ApiError:
    try:
        document = orjson.loads(data)
        error = ApiError(status, str(document.get("reason", "")), str(document.get("message", "")))
    except (ValueError, AttributeError):
        error = ApiError(status, "", data[:200].decode(errors="replace"))
    if status == _TOO_MANY_REQUESTS or (status >= 500 and retry_after is not None):
        error.retry_after = max(_SHORTEST_PAUSE_SECONDS, _seconds(retry_after))
    return error


def _seconds(retry_after: str | None) -> float:
    """HTTP allows a date as well, which Kubernetes never sends."""
    return float(retry_after) if retry_after is not None and retry_after.isdigit() else 1.0
