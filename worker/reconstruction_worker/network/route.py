"""Opens the connections of the proxy: names are looked up once, and only what was checked is connected to."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from reconstruction_api.network import Address, Allowed, Host, RefusedError

from .tls import tls_to
from .upstream import Upstream, Upstreams

CONNECT_SECONDS: Final = 10.0
"""For each address of a host."""
_NO_ADDRESS: Final = frozenset({socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_ADDRFAMILY, socket.EAI_FAIL})
_LONGEST_ANSWER: Final = 16 * 1024

LookUp = Callable[[str, int], list[Address]]
"""Addresses of a name; empty when it has none. Raises OSError when DNS does not answer."""


class UpstreamError(OSError):
    """The platform's proxy did not make the connection."""


@dataclass(frozen=True, slots=True)
class Link:
    """An open connection; through `upstream` a request for plain HTTP has to name the whole address."""

    socket: socket.socket
    upstream: Upstream | None = None


@dataclass(frozen=True)
class Router:
    """Makes connections to what is allowed."""

    allowed: Allowed
    upstreams: Upstreams
    look_up: LookUp

    def check(self, scheme: str, host: Host, port: int) -> list[Address]:
        """The addresses to connect to; none where a proxy of the platform makes the connection, and looks names up.

        Raises RefusedError, and OSError when DNS does not answer or an allowed name has no address.
        """
        if self.upstreams.for_host(scheme, host, port) is not None:
            self.allowed.check_host(host, can_look_up=False)
            return []
        self.allowed.check_host(host)
        addresses = [host.address] if host.address is not None else self._look_up(host, port)
        if not addresses and self.allowed.names_host(host):
            raise OSError(f"{host.name} has no address")
        self.allowed.check_addresses(host, addresses)
        return addresses

    def _look_up(self, host: Host, port: int) -> list[Address]:
        """Names of the cluster need its search domains (`minio.storage.svc`). Any other name is absolute, or anybody
        who may make a namespace could answer for it; only one that is allowed and not found so may be a short one
        (`minio.storage`)."""
        if host.is_inside:
            return self.look_up(host.name, port)
        found = self.look_up(f"{host.name}.", port)
        return self.look_up(host.name, port) if not found and self.allowed.names_host(host) else found

    def connect(self, scheme: str, host: Host, port: int) -> Link:
        """For `https` the bytes of the other end, for `http` ready for a request. Raises as `check` does."""
        addresses = self.check(scheme, host, port)
        upstream = self.upstreams.for_host(scheme, host, port)
        if upstream is not None:
            return Link(_through(upstream, host, port) if scheme == "https" else _to_upstream(upstream), upstream)
        problem: OSError = OSError("no address")
        for address in addresses:
            try:
                return Link(socket.create_connection((str(address), port), CONNECT_SECONDS))
            except OSError as error:
                problem = error
        raise problem


def look_up(name: str, port: int) -> list[Address]:
    """With the resolver of this machine."""
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in _NO_ADDRESS:
            return []
        raise
    except UnicodeError as error:
        raise RefusedError("not the name of a host") from error
    return list(dict.fromkeys(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))


def _to_upstream(upstream: Upstream) -> socket.socket:
    connection = socket.create_connection((upstream.host, upstream.port), CONNECT_SECONDS)
    if not upstream.tls:
        return connection
    try:
        return tls_to(connection, upstream.host)
    except BaseException:
        connection.close()
        raise


def _through(upstream: Upstream, host: Host, port: int) -> socket.socket:
    connection = _to_upstream(upstream)
    try:
        target = f"[{host.name}]:{port}" if ":" in host.name else f"{host.name}:{port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if upstream.authorization:
            lines.append(f"Proxy-Authorization: {upstream.authorization}")
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            # A byte at a time at the end: what follows belongs to the other end of the tunnel.
            part = connection.recv(1)
            if not part or len(answer) > _LONGEST_ANSWER:
                raise UpstreamError("the proxy of the platform gave no answer")
            answer += part
        status = answer.split(b"\r\n", 1)[0].split()
        if len(status) < 2 or not status[1].startswith(b"2"):
            raise UpstreamError("the proxy of the platform made no connection")
    except BaseException:
        connection.close()
        raise
    return connection
