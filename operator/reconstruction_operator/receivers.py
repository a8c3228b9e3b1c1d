"""Which addresses notifications may be sent to: no user's job makes the operator knock at doors inside the cluster."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_INSIDE = ("localhost", ".localhost", ".local", ".svc", ".internal", ".home.arpa", ".in-addr.arpa", ".ip6.arpa")
"""Names, and ends of names, that lead nowhere outside; cluster DNS is among them."""
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(each)
    for each in (
        *("192.0.0.0/24", "192.88.99.0/24", "fec0::/10"),  # reserved, though Python 3.11 counts them as global
        *("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"),  # hold an IPv4 address a gateway may reach
    )
)
_MEANT_AS_NETWORK = re.compile(r".*[/:].*|[0-9.]+", re.DOTALL)
"""No name looks like this: a mistake in a network must not become a name that nobody has."""


class RefusedError(Exception):
    """The receiver must not be connected to."""


@dataclass(frozen=True, slots=True)
class Receivers:
    """What is allowed besides public addresses."""

    networks: tuple[Network, ...] = ()
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, entries: Sequence[str]) -> Self:
        """From networks (`10.1.0.0/16`, `10.1.2.3`), names and `.domains`.

        A network may be named by any address in it. Raises ValueError for what is neither network nor name.
        """
        networks: list[Network] = []
        names: list[str] = []
        for entry in entries:
            try:
                networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                if _MEANT_AS_NETWORK.fullmatch(entry):
                    raise
                names.append(entry.lower().rstrip("."))
        return cls(tuple(networks), tuple(names))

    async def resolve(self, scheme: str, host: str, port: int) -> list[Address]:
        """The addresses to connect to, and to no others: looked up once, each of them checked.

        Raises RefusedError, and OSError where the name has no address.
        """
        host = host.lower().rstrip(".")
        if self._is_named(host):
            return await _look_up(host, port)
        literal = _literal(host)
        if literal is None and ("." not in host or host.endswith(_INSIDE) or ".svc." in host):
            raise RefusedError(f"{host} is a name inside the cluster")
        addresses = [literal] if literal is not None else await _look_up(host, port)
        for address in addresses:
            self._check(address, scheme, host)
        return addresses

    def _is_named(self, host: str) -> bool:
        return any(host == name or (name.startswith(".") and host.endswith(name)) for name in self.names)

    def _check(self, address: Address, scheme: str, host: str) -> None:
        inner = _unwrapped(address)
        if any(inner.version == network.version and inner in network for network in self.networks):
            return
        if not is_public(inner):
            raise RefusedError(f"{host} leads to {address}, which is not a public address")
        if scheme != "https":
            raise RefusedError(f"{host} is public, so the address must begin with https://")


def is_public(address: Address) -> bool:
    """Whether it belongs to somebody on the internet: neither private nor loopback, link-local, shared or multicast."""
    if any(address.version == network.version and address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _unwrapped(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


async def _look_up(host: str, port: int) -> list[Address]:
    """As an absolute name: the search domains of the operator's own pod have no say."""
    literal = _literal(host)
    if literal is not None:
        return [literal]
    absolute = host if host == "localhost" else f"{host}."
    found = await asyncio.get_running_loop().getaddrinfo(absolute, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))
