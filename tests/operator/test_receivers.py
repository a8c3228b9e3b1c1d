"""Which addresses notifications may be sent to."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any

import pytest

from reconstruction_operator.receivers import Receivers, RefusedError, is_public

PUBLIC = "93.184.216.34"


def resolve(url: str, allowed: tuple[str, ...] = (), dns: dict[str, list[str]] | None = None) -> list[str]:
    """Addresses for `scheme://host`, with a DNS of the test's own."""

    async def look_up(host: str, port: int, **_: Any) -> list[Any]:
        found = (dns or {}).get(host.rstrip("."))
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    async def run() -> list[str]:
        asyncio.get_running_loop().getaddrinfo = look_up  # type: ignore[method-assign]
        scheme, _, host = url.partition("://")
        return [str(address) for address in await Receivers.of(allowed).resolve(scheme, host, 443)]

    return asyncio.run(run())


def test_a_public_address_is_allowed() -> None:
    assert resolve("https://example.org", dns={"example.org": [PUBLIC]}) == [PUBLIC]
    assert resolve(f"https://{PUBLIC}") == [PUBLIC]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.96.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "192.0.0.192", "::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:10.0.0.1",
        "64:ff9b::a00:1", "2002:a00:1::1", "2001:0:a00:1::1", "fec0::1",
    ],
)  # fmt: skip
def test_an_address_inside_is_refused_as_it_is_and_behind_a_name(address: str) -> None:
    with pytest.raises(RefusedError):
        resolve(f"https://{address}")
    with pytest.raises(RefusedError, match=r"hook.example leads to"):
        resolve("https://hook.example", dns={"hook.example": [address]})


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(RefusedError):
        resolve("https://mixed.example", dns={"mixed.example": [PUBLIC, "10.0.0.1"]})


@pytest.mark.parametrize(
    "host",
    ["localhost", "kubernetes", "kubernetes.default.svc", "hook.museum.svc.cluster.local", "api.svc.example.corp",
     "metadata.google.internal", "printer.local", "KUBERNETES.default.SVC", "localhost."],
)  # fmt: skip
def test_names_of_the_cluster_are_refused_whatever_they_lead_to(host: str) -> None:
    with pytest.raises(RefusedError, match="inside the cluster"):
        resolve(f"https://{host}", dns={host: [PUBLIC]})


@pytest.mark.parametrize("spelling", ["2130706433", "0x7f.1", "127.1", "0177.0.0.1"])
def test_odd_spellings_of_an_address_are_refused(spelling: str) -> None:
    with pytest.raises((RefusedError, OSError)):
        resolve(f"https://{spelling}", dns={spelling: ["127.0.0.1"]})


def test_plain_http_is_for_allowed_receivers_only() -> None:
    with pytest.raises(RefusedError, match="https://"):
        resolve("http://example.org", dns={"example.org": [PUBLIC]})
    assert resolve("http://10.1.2.3", allowed=("10.1.0.0/16",)) == ["10.1.2.3"]


@pytest.mark.parametrize("allowed", ["hook.museum.svc", ".museum.svc", "10.1.0.0/16"])
def test_the_platform_team_admits_networks_names_and_domains(allowed: str) -> None:
    dns = {"hook.museum.svc": ["10.1.2.3"], "hook.example": ["10.1.2.3"]}
    host = "hook.example" if allowed[0].isdigit() else "hook.museum.svc"
    assert resolve(f"http://{host}", allowed=(allowed,), dns=dns) == ["10.1.2.3"]
    with pytest.raises(RefusedError):
        resolve("https://10.2.0.1", allowed=(allowed,))


def test_names_are_looked_up_as_absolute_ones() -> None:
    asked: list[str] = []

    async def look_up(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (PUBLIC, port))]

    async def run() -> None:
        asyncio.get_running_loop().getaddrinfo = look_up  # type: ignore[method-assign]
        await Receivers().resolve("https", "hook.museum", 443)

    asyncio.run(run())
    assert asked == ["hook.museum."]


@pytest.mark.parametrize("entry", ["10.0.0.0/33", "10.1.2.300", "10.1/16", "fd00::/129", "hook.museum/24"])
def test_a_wrong_network_is_a_mistake_of_the_settings(entry: str) -> None:
    with pytest.raises(ValueError, match=entry):
        Receivers.of((entry,))


def test_a_network_may_be_named_by_an_address_in_it() -> None:
    allowed = Receivers.of(("10.1.2.3/16", "fd00::7/64"))
    assert [str(network) for network in allowed.networks] == ["10.1.0.0/16", "fd00::/64"]


@pytest.mark.parametrize("name", ["3scale.example.org", "1.museum", "10.0.0.1.nip.io", "dead.example", "localhost"])
def test_a_name_may_begin_with_a_digit(name: str) -> None:
    assert Receivers.of((name,)) == Receivers(names=(name,))
    assert resolve(f"http://{name}", allowed=(name,), dns={name: ["10.1.2.3"]}) == ["10.1.2.3"]


def test_public_means_reachable_from_anywhere() -> None:
    assert is_public(ipaddress.ip_address("2606:2800:220:1::1"))
    assert not is_public(ipaddress.ip_address("198.18.0.1"))
