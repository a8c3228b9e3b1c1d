"""Which hosts may be connected to for a job's author."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.network import Allowed, Host, RefusedError, is_public, not_allowed
from reconstruction_api.profile import Network

PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700::1111"]
OF_THE_MACHINE = [
    "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "::", "::1", "::127.0.0.1", "169.254.169.254",
    "169.254.170.2",
    "fe80::1", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23", "224.0.0.1",
    "255.255.255.255", "ff02::1", "::ffff:169.254.169.254", "::ffff:127.0.0.1", "64:ff9b::169.254.169.254",
    "64:ff9b:1::127.0.0.1", "2002:a9fe:a9fe::1",
]  # fmt: skip
INSIDE = [
    "10.0.0.1", "172.16.3.4", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fd12::1", "198.18.0.1", "192.0.2.1",
    "203.0.113.9", "2001:db8::1", "240.0.0.1", "fec0::1", "2001:0:a00:1::1", "2002:a00:1::1", "64:ff9b::10.0.0.1",
]  # fmt: skip
EVERYTHING = Allowed.of(["0.0.0.0/0", "::/0"])


def check(host: str, allowed: Allowed = Allowed(), addresses: tuple[str, ...] = ()) -> None:
    target = Host.of(host)
    allowed.check_host(target)
    if addresses:
        allowed.check_addresses(target, [ipaddress.ip_address(each) for each in addresses])


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_need_no_entry(address: str) -> None:
    check(address)
    check("example.org", addresses=(address,))


@pytest.mark.parametrize("address", [*OF_THE_MACHINE, *INSIDE])
def test_no_other_address_is_reached_as_it_is_or_behind_a_name(address: str) -> None:
    with pytest.raises(RefusedError):
        check(address)
    with pytest.raises(RefusedError, match=r"^example\.org leads to no public address$"):
        check("example.org", addresses=(PUBLIC[0], address))
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", INSIDE)
def test_a_network_or_a_name_allows_private_addresses(address: str) -> None:
    check(address, EVERYTHING)
    check("nas.example.org", Allowed.of([".example.org"]), (address,))


@pytest.mark.parametrize("address", OF_THE_MACHINE)
def test_services_of_the_machine_and_the_cloud_are_opened_by_no_name_and_no_wider_network(address: str) -> None:
    with pytest.raises(RefusedError):
        check(address, EVERYTHING)
    with pytest.raises(RefusedError):
        check("nas.example.org", Allowed.of(["nas.example.org", "0.0.0.0/0", "::/0"]), (address,))


@pytest.mark.parametrize(
    ("network", "address"),
    [("127.0.0.0/8", "127.0.0.1"), ("169.254.169.254", "169.254.169.254"), ("169.254.0.0/16", "169.254.170.2"),
     ("168.63.129.16/32", "168.63.129.16"), ("fd00:ec2::254/128", "fd00:ec2::254"), ("::1", "::1")],
)  # fmt: skip
def test_a_network_of_nothing_else_opens_them(network: str, address: str) -> None:
    check(address, Allowed.of([network]))
    check("nas.example.org", Allowed.of([network]), (address,))


@pytest.mark.parametrize(
    ("spelling", "meaning"),
    [
        ("2130706433", "127.0.0.1"), ("0x7f000001", "127.0.0.1"), ("0x7f.1", "127.0.0.1"), ("127.1", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"), ("0", "0.0.0.0"), ("127.0.0.1.", "127.0.0.1"),
        ("\uff11\uff12\uff17.0.0.1", "127.0.0.1"),
        ("127\u30020\u30020\u30021", "127.0.0.1"), ("[::]", "::"), ("[0:0:0:0:0:0:0:1]", "::1"),
        ("0xA9FEA9FE", "169.254.169.254"),
        ("[::FFFF:127.0.0.1]", "::ffff:127.0.0.1"), ("010.1.2.3", "8.1.2.3"),
    ],
)  # fmt: skip
def test_every_spelling_of_an_address_is_that_address(spelling: str, meaning: str) -> None:
    assert Host.of(spelling).address == ipaddress.ip_address(meaning)


@pytest.mark.parametrize(
    ("spelling", "name"),
    [("Example.ORG", "example.org"), ("example.org.", "example.org"), ("bücher.example", "xn--bcher-kva.example"),
     ("\uff25xample\uff0eorg", "example.org"), ("3scale.example.org", "3scale.example.org"),
     ("_x.example", "_x.example")],
)  # fmt: skip
def test_names_have_one_spelling(spelling: str, name: str) -> None:
    assert Host.of(spelling) == Host(name)


@pytest.mark.parametrize(
    "text",
    ["", ".", "a..b", "example.org..", "me@example.org", "ex%61mple.org", "exa mple.org", "a/b", "fe80::1%eth0",
     "[::1", ":",
     "2606:4700::1%25lo", "08.1", "1.2.3.4.5", "256.1.1.1", "0x", "example.1", "example.0x7f", "a" * 64, "x.\n",
     "\x00",
     "xn--\udcff", "a" * 60 + ("." + "a" * 60) * 4],
)  # fmt: skip
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        Host.of(text)


@pytest.mark.parametrize(
    "name",
    ["localhost", "LOCALHOST.", "foo.localhost", "kubernetes", "metadata", "kubernetes.default.svc",
     "a.b.svc.cluster.local",
     "api.svc.example.corp", "metadata.google.internal", "ip-10-0-0-1.ec2.internal", "printer.lan",
     "router.home.arpa",
     "1.0.0.10.in-addr.arpa"],
)  # fmt: skip
def test_names_of_the_cluster_are_refused_before_anybody_is_asked(name: str) -> None:
    with pytest.raises(RefusedError, match="is a name inside the cluster"):
        check(name)


def test_a_name_of_the_cluster_is_reached_when_an_entry_names_it_or_its_address() -> None:
    for entry in ("minio.storage.svc", ".svc", "10.96.0.0/12"):
        check("MINIO.storage.svc", Allowed.of([entry]), ("10.96.0.7",))
    for entry in ("minio.storage.svc", ".storage.svc"):
        with pytest.raises(RefusedError):
            check("other.museum.svc", Allowed.of([entry]))
    with pytest.raises(RefusedError):  # an API server may have a public address
        check("kubernetes.default.svc", Allowed.of(["10.96.0.0/12"]), (PUBLIC[0],))


def test_a_name_that_leads_nowhere_is_refused_in_the_words_for_one_that_leads_inside() -> None:
    texts = []
    for addresses in ([], ["10.0.0.1"], ["127.0.0.1"]):
        with pytest.raises(RefusedError) as error:
            Allowed().check_addresses(Host("a.example"), [ipaddress.ip_address(each) for each in addresses])
        texts.append(str(error.value))
    assert len(set(texts)) == 1


def test_localhost_is_opened_by_its_name() -> None:
    check("localhost", Allowed.of(["localhost"]), ("127.0.0.1", "::1"))
    with pytest.raises(RefusedError):
        check("localhost", Allowed.of(["localhost"]), ("169.254.169.254",))


@given(
    st.ip_addresses(network="10.0.0.0/8") | st.ip_addresses(network="fc00::/7") | st.ip_addresses(network="127.0.0.0/8")
)
def test_no_private_address_is_public_in_any_form(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    forms = [str(address)]
    if isinstance(address, ipaddress.IPv4Address):
        first, *rest = address.packed
        forms += [str(int(address)), hex(int(address)), f"::ffff:{address}", f"64:ff9b::{address}",
                  f"0{first:o}.{int.from_bytes(bytes(rest))}", f"{address}."]  # fmt: skip
    for form in forms:
        with pytest.raises(RefusedError):
            check(form)


@given(st.text(max_size=40))
def test_any_text_is_a_host_or_refused(text: str) -> None:
    try:
        host = Host.of(text)
    except RefusedError:
        return
    assert host.name.isascii() and host.name == host.name.lower()
    assert Host.of(host.name) == host


@pytest.mark.parametrize(
    "entry", ["10.0.0.0/33", "10.1.2.300", "10.1/16", "fd00::/129", "a.b/24", "a b", ".", "*.a.example", ""]
)
def test_an_entry_is_a_network_or_a_name(entry: str) -> None:
    with pytest.raises(ValueError, match="neither a network nor a name"):
        Allowed.of([entry])
    with pytest.raises(ValidationError):
        Network(allow=[entry])


def test_the_profile_takes_what_the_rules_take() -> None:
    entries = ["10.1.0.0/16", "10.1.2.3", "fd12::/64", "::1", "minio.storage.svc", ".example.org", "NAS.example.org."]
    assert Network(allow=entries).allow == entries
    assert Allowed.of(entries).names == ("minio.storage.svc", ".example.org", "nas.example.org")


def test_the_error_names_the_field_the_host_and_what_opens_it() -> None:
    error = not_allowed("spec.source.uri", "minio.storage.svc", "museum")
    assert isinstance(error, ReconstructionError)
    assert (error.code, error.kind.category, error.kind.retryable) == ("AddressNotAllowed", "Validation", False)
    assert error.message == (
        "spec.source.uri: 'minio.storage.svc' is not an address that worker pods may connect to: it has no public "
        "address, and network.allow of profile 'museum' does not list it."
    )
    assert "ask the platform team to add" in error.suggestion
