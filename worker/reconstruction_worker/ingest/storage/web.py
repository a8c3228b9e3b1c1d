"""Web servers: http:// and https://."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import aiohttp
from fsspec.implementations.http import HTTPFileSystem

from .access import CONNECT_SECONDS, SILENT_SECONDS, Access, Endpoint, Opened


def endpoint(uri: str, _: Access) -> Endpoint:
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]
    port = parts.port
    if port is not None:
        host = host.rpartition(":")[0]
    return Endpoint(host, port or (443 if parts.scheme == "https" else 80), parts.scheme)


def open_storage(uri: str, access: Access) -> Opened:
    # No limit for the whole of a transfer: large files take their time.
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS)
    client: dict[str, Any] = {"timeout": timeout}
    if access.guard is not None:
        client["proxy"] = access.guard.proxy_url
    return Opened(HTTPFileSystem(skip_instance_cache=True, client_kwargs=client), uri)
