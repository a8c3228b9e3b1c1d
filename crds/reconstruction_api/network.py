"""Which hosts may be connected to on behalf of a job's author: public ones, and what the platform team has allowed.

The rules are the same for receivers of notifications, which the operator connects to, and for storage, which worker
pods connect to. Whoever connects looks names up itself, once, and connects to the addresses that were checked. Nothing
here asks DNS.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from .errors import ReconstructionError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_INSIDE: Final = (
    ".localhost", ".localdomain", ".local", ".svc", ".internal", ".intranet", ".lan", ".home", ".corp", ".private",
    ".home.arpa", ".in-addr.arpa", ".ip6.arpa",
)  # fmt: skip
"""Ends of names that lead nowhere outside; cluster DNS and the clouds' metadata services are among them."""

_NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(each)
    for each in (
        *("192.0.0.0/24", "192.88.99.0/24", "fec0::/10", "3fff::/20"),  # reserved, though Python 3.11 calls them global
        *("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"),  # hold an IPv4 address a gateway may reach
    )
)
_OF_THE_MACHINE: Final = tuple(
    ipaddress.ip_network(each)
    for each in (
        *("0.0.0.0/8", "127.0.0.0/8", "::/96"),  # this machine
        *("169.254.0.0/16", "fe80::/10"),  # link-local: metadata and credentials of clouds and clusters
        *("168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32", "fd00:ec2::/32"),  # the same elsewhere
        *("224.0.0.0/4", "255.255.255.255/32", "ff00::/8"),  # many machines at once
    )
)
"""Services of the node and the cloud. No name opens them, and no network that is wider: 0.0.0.0/0 means storage."""

_ENTRY_LIKE_NETWORK: Final = re.compile(r".*[/:].*|[0-9.]+", re.DOTALL)
"""No name looks like this: a mistake in a network must not become a name that nobody has."""
_LABELS: Final = re.compile(r"(?!.{254})[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")

ENTRY_PATTERN: Final = (
    r"^(\.?[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?)*\.?"
    r"|[0-9.]+(/[0-9]{1,2})?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(/[0-9]{1,3})?)$"
)
"""What an entry of a list of allowed networks and names looks like."""


class RefusedError(Exception):
    """The host must not be connected to. The text never says what its name leads to, nor whether anything is there."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host of an address, in one spelling."""

    name: str
    """Lower case, ASCII, without a dot at its end; of a literal the address."""
    address: Address | None = None
    """Of a literal, however it was written."""

    @classmethod
    def of(cls, text: str) -> Self:
        """From an address as somebody wrote it, in any spelling that resolvers accept: capitals, full-width digits,
        numbers instead of four bytes (`2130706433`, `0x7f.1`), IPv6 in brackets. Raises RefusedError for what is none.
        """
        name = unicodedata.normalize("NFKC", text).replace("\u3002", ".").lower()
        bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
        if ":" in bare:
            return cls._of_address(bare, text)
        name = name.removesuffix(".")
        if not name.isascii():
            try:
                name = name.encode("idna").decode().lower()
            except UnicodeError:
                raise RefusedError(f"{text!r} is not the name of a host") from None
        if not _LABELS.fullmatch(name):
            raise RefusedError(f"{text!r} is not the name of a host")
        if _NUMBER.fullmatch(name.rpartition(".")[2]):
            return cls._of_number(name, text)
        return cls(name)

    @classmethod
    def _of_address(cls, bare: str, text: str) -> Self:
        try:
            address = ipaddress.IPv6Address(bare)
        except ValueError:
            raise RefusedError(f"{text!r} is not an address") from None
        if address.scope_id is not None:
            raise RefusedError(f"{text!r} is not a public address")
        return cls(str(address), address)

    @classmethod
    def _of_number(cls, name: str, text: str) -> Self:
        """As `getaddrinfo` reads it: octal, hexadecimal, and fewer than four parts."""
        try:
            address = ipaddress.IPv4Address(socket.inet_aton(name))
        except OSError:
            raise RefusedError(f"{text!r} is not an address") from None
        return cls(str(address), address)

    @property
    def is_inside(self) -> bool:
        """Whether only a resolver of the cluster or the company knows the name."""
        return self.address is None and ("." not in self.name or self.name.endswith(_INSIDE) or ".svc." in self.name)


@dataclass(frozen=True, slots=True)
class Allowed:
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
                if _ENTRY_LIKE_NETWORK.fullmatch(entry) or not _LABELS.fullmatch(_name_of(entry).removeprefix(".")):
                    raise ValueError(f"{entry!r} is neither a network nor a name of a host or domain") from None
                names.append(_name_of(entry))
        return cls(tuple(networks), tuple(names))

    def names_host(self, host: Host) -> bool:
        """Whether the name itself is allowed, wherever in a private network it leads."""
        return host.address is None and any(
            host.name == name or (name.startswith(".") and host.name.endswith(name)) for name in self.names
        )

    def check_host(self, host: Host, *, can_look_up: bool = True) -> None:
        """What can be said before the name is looked up, or where it can't be: raises RefusedError for a literal that
        is not allowed, and for a name of the cluster that no entry could allow."""
        if host.address is not None:
            self.check_addresses(host, [host.address])
        elif host.is_inside and not self.names_host(host) and not (self.networks and can_look_up):
            raise RefusedError(f"{host.name} is a name inside the cluster")

    def check_addresses(self, host: Host, addresses: Sequence[Address]) -> None:
        """Raises RefusedError unless every address that the host leads to, and at least one, may be connected to.

        A name of the cluster must lead into an allowed network: there a public address is no sign of a public service.
        """
        for address in addresses:
            if self.admits(host, address):
                continue
            if host.is_inside or not is_public(address):
                raise _no_public_address(host)
        if not addresses:
            raise _no_public_address(host)

    def admits(self, host: Host, address: Address) -> bool:
        """Whether an entry allows the address, rather than its being public."""
        inner = unmapped(address)
        of_machine = next((network for network in _OF_THE_MACHINE if _contains(network, inner)), None)
        if any(
            _contains(network, inner) and (of_machine is None or _within(network, of_machine))
            for network in self.networks
        ):
            return not _holds_machine(inner)
        if host.name == "localhost" and inner.is_loopback:
            return self.names_host(host)
        return of_machine is None and not _holds_machine(inner) and self.names_host(host)


def is_public(address: Address) -> bool:
    """Whether it belongs to somebody on the internet: neither private nor loopback, link-local, shared or multicast,
    and no cloud's own service."""
    address = unmapped(address)
    if any(_contains(network, address) for network in (*_NOT_PUBLIC, *_OF_THE_MACHINE)):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def unmapped(address: Address) -> Address:
    """An IPv4 address that is written as IPv6 (`::ffff:10.0.0.1`) as itself."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def not_allowed(field: str, host: str, profile: str, *, leads_to: str | None = None) -> ReconstructionError:
    """The error for a host that worker pods must not connect to; `field` and `host` in the user's words. `leads_to` is
    the host that a redirect named.

    The same for every such host: a name that leads inside, one that does not exist, and an address with an open port
    or a closed one are not distinguished.
    """
    what = f"{host[:253]!r} leads to {leads_to[:253]!r}, which" if leads_to is not None else f"{host[:253]!r}"
    return ReconstructionError(
        "AddressNotAllowed",
        f"{field}: {what} is not an address that worker pods may connect to: it has no public address, and "
        f"network.allow of profile {profile!r} does not list it.",
        details={"field": field},
    )


def _no_public_address(host: Host) -> RefusedError:
    if host.address is not None:
        return RefusedError(f"{host.name} is not a public address")
    return RefusedError(f"{host.name} leads to no public address")


def _name_of(entry: str) -> str:
    return entry.lower().removesuffix(".")


def _contains(network: Network, address: Address) -> bool:
    return network.version == address.version and address in network


def _within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network):
        return isinstance(outer, ipaddress.IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, ipaddress.IPv6Network) and inner.subnet_of(outer)


def _holds_machine(address: Address) -> bool:
    """Whether a gateway for IPv4 would find a service of the machine or the cloud behind an IPv6 address."""
    if not isinstance(address, ipaddress.IPv6Address):
        return False
    held = [address.sixtofour, *(address.teredo or ())]
    if any(_contains(network, address) for network in _NOT_PUBLIC if network.prefixlen in (96, 48)):
        held.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return any(_contains(network, each) for each in held if each is not None for network in _OF_THE_MACHINE)
