"""Calls to the Kubernetes API with plain dictionaries, over the official client's connection and credentials.

The client's typed models are left out: building and parsing them costs several times the call itself.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlencode

from aiohttp import ClientTimeout
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

Document = dict[str, Any]

_TIMEOUT_SECONDS = 30.0
_PAGE = 500
MERGE_PATCH = "application/merge-patch+json"


class ApiError(Exception):
    """The API server refused a call."""

    def __init__(self, status: int, reason: str, message: str):
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message

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
        configuration.connection_pool_maxsize = connections
        # Otherwise the environment's proxies and netrc are looked up, in a thread, for every call.
        configuration.client_session_kwargs = {"trust_env": False}
        self._client = ApiClient(configuration)
        self._client.user_agent = "reconstruction-operator"
        self.called: Callable[[], None] = lambda: None
        """Told of every call."""

    async def close(self) -> None:
        await self._client.close()

    async def request(
        self, method: str, path: str, *, query: dict[str, str] | None = None, body: Document | None = None,
        content_type: str = "application/json", seconds: float = _TIMEOUT_SECONDS,
    ) -> Document:  # fmt: skip
        """One call. Raises ApiError for an answer above 299, aiohttp's errors and TimeoutError for none."""
        headers = await self._headers(path, method, content_type)
        url = self._client.configuration.host + path + (f"?{urlencode(query)}" if query else "")
        self.called()
        response = await self._client.rest_client.request(
            method, url, headers=headers, body=body, _request_timeout=seconds
        )
        data = await response.read()
        if response.status > 299:
            raise _error(response.status, data)
        return json.loads(data) if data else {}

    async def get(self, path: str) -> Document:
        return await self.request("GET", path)

    async def create(self, path: str, manifest: Document) -> Document:
        return await self.request("POST", path, body=manifest)

    async def pages(self, path: str, selector: str = "", fields: str = "") -> AsyncIterator[Document]:
        """A listing, page by page; each page has `items` and the list's resourceVersion."""
        query = {"limit": str(_PAGE)} | ({"labelSelector": selector} if selector else {})
        query |= {"fieldSelector": fields} if fields else {}
        while True:
            page = await self.request("GET", path, query=query)
            yield page
            token = page.get("metadata", {}).get("continue")
            if not token:
                return
            query["continue"] = token

    async def list(self, path: str, selector: str = "", fields: str = "") -> AsyncIterator[Document]:
        """All objects."""
        async for page in self.pages(path, selector, fields):
            for item in page.get("items", []):
                yield item

    async def watch(self, path: str, query: dict[str, str], quiet_seconds: float) -> AsyncIterator[bytes]:
        """Lines of a watch, each a JSON event, until the server ends it. TimeoutError when it is silent too long."""
        headers = await self._headers(path, "GET", "application/json")
        url = f"{self._client.configuration.host}{path}?{urlencode(query | {'watch': 'true'})}"
        timeout = ClientTimeout(total=None, sock_connect=_TIMEOUT_SECONDS, sock_read=quiet_seconds)
        answer = (
            await self._client.rest_client.request("GET", url, headers=headers, _request_timeout=timeout)
        ).response
        try:
            if answer.status > 299:
                raise _error(answer.status, await answer.read())
            async for line in answer.content:
                yield line
        finally:
            answer.close()

    async def _headers(self, path: str, method: str, content_type: str) -> dict[str, str]:
        headers = {"Accept": "application/json", "Content-Type": content_type, **self._client.default_headers}
        await self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, None)
        return headers


def _error(status: int, data: bytes) -> ApiError:
    try:
        document = json.loads(data)
        return ApiError(status, str(document.get("reason", "")), str(document.get("message", "")))
    except (ValueError, AttributeError):
        return ApiError(status, "", data[:200].decode(errors="replace"))
