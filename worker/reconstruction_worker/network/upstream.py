"""Proxies that the platform itself has set (`HTTPS_PROXY` ... in a profile's environment), and what goes past them."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import unquote, urlsplit

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.network import Host

PROXY_VARIABLES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
"""Also known in lower case, which counts more."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A proxy that the platform team has chosen, so its own address needs no check."""

    host: str
    port: int
    tls: bool
    authorization: str | None
    """Value of Proxy-Authorization."""

    @classmethod
    def of(cls, url: str, variable: str) -> Self:
        """Raises InvalidSpec for what is no HTTP proxy."""
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            host, port = parts.hostname, parts.port
        except ValueError:
            parts, host, port = urlsplit(""), None, None
        if parts.scheme not in ("http", "https") or not host:
            raise ReconstructionError(
                "InvalidSpec",
                f"The profile's environment: {variable} is not the address of an HTTP proxy (http://HOST:PORT).",
                suggestion="Ask the platform team to correct the profile.",
            )
        authorization = None
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            authorization = f"Basic {base64.b64encode(login.encode()).decode()}"
        return cls(host, port or (443 if parts.scheme == "https" else 80), parts.scheme == "https", authorization)


@dataclass(frozen=True, slots=True)
class Upstreams:
    """Which connections go through a proxy of the platform."""

    by_scheme: Mapping[str, Upstream]
    exceptions: tuple[str, ...] = ()
    """Entries of NO_PROXY."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Raises InvalidSpec where the environment names something that is no HTTP proxy."""
        found: dict[str, Upstream] = {}
        for scheme in ("http", "https"):
            for variable in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"):
                if url := environment.get(variable, "").strip():
                    found[scheme] = Upstream.of(url, variable)
                    break
        listed = environment.get("no_proxy", environment.get("NO_PROXY", ""))
        entries = (entry.strip().lower() for entry in listed.replace(" ", ",").split(","))
        return cls(found, tuple(entry for entry in entries if entry))

    def for_host(self, scheme: str, host: Host, port: int) -> Upstream | None:
        """The proxy to ask; None where the connection is to be direct."""
        if any(_matches(entry, host, port) for entry in self.exceptions):
            return None
        return self.by_scheme.get(scheme)


def _matches(entry: str, host: Host, port: int) -> bool:
    if entry == "*":
        return True
    name, colon, number = entry.rpartition(":")
    if colon and number.isdigit() and ":" not in name:
        if int(number) != port:
            return False
        entry = name
    if host.address is not None:
        try:
            network = ipaddress.ip_network(entry.strip("[]"), strict=False)
        except ValueError:
            return False
        return network.version == host.address.version and host.address in network
    entry = entry.removeprefix("*").removeprefix(".").removesuffix(".")
    return host.name == entry or host.name.endswith(f".{entry}")
