"""Which addresses notifications may be sent to: no user's job makes the operator knock at doors inside the cluster."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from reconstruction_api.network import Address, Allowed, Host, Network, RefusedError, is_public

__all__ = ["Address", "Receivers", "RefusedError", "is_public"]


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
        allowed = Allowed.of(entries)
        return cls(allowed.networks, allowed.names)

    async def resolve(self, scheme: str, host: str, port: int) -> list[Address]:
        """The addresses to connect to, and to no others: looked up once, each of them checked.

        Raises RefusedError, and OSError where DNS does not answer or an allowed name has no address. A name that does
        not exist is refused as one that leads inside is: which of the two it is stays unsaid.
        """
        allowed, target = Allowed(self.networks, self.names), Host.of(host)
        allowed.check_host(target)
        addresses = [target.address] if target.address is not None else await _look_up(target.name, port)
        if not addresses and allowed.names_host(target):
            raise OSError(f"{target.name} has no address")
        allowed.check_addresses(target, addresses)
        if scheme != "https" and not all(allowed.admits(target, address) for address in addresses):
            raise RefusedError(f"{target.name} is public, so the address must begin with https://")
        return addresses


async def _look_up(name: str, port: int) -> list[Address]:
    """As an absolute name: the search domains of the operator's own pod have no say. Empty where there is none."""
    absolute = name if name == "localhost" else f"{name}."
    try:
        found = await asyncio.get_running_loop().getaddrinfo(absolute, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in (socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_ADDRFAMILY):
            return []
        raise
    return list(dict.fromkeys(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))
