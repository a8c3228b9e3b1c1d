"""How addresses are shown, and what is left of other software's text."""

from __future__ import annotations

import pytest

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.secrecy import receiver_id, scrubbed, scrubbed_data, shown_address, shown_receiver
from reconstruction_api.validation import parse_job


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://example.org/a/b.zip?sig=x&y=z", "https://example.org/a/b.zip"),
        ("https://example.org/a.zip#token", "https://example.org/a.zip"),
        ("https://example.org?sig=a@b", "https://example.org"),
        ("https://me:secret@example.org:8443/a", "https://example.org:8443/a"),
        ("s3://captures/statue/", "s3://captures/statue/"),
        ("s3://captures/a@b/", "s3://captures/a@b/"),
        ("../My Statue (2024)?", "../My Statue (2024)?"),
        ("", ""),
    ],
)
def test_a_source_is_shown_without_what_may_be_secret(address: str, shown: str) -> None:
    assert shown_address(address) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/services/T0K3N", "https://example.org/…"),
        ("https://example.org:8443?token=T0K3N", "https://example.org:8443/…"),
        ("https://example.org", "https://example.org"),
        ("https://me:T0K3N@example.org/", "https://example.org/"),
        ("T0K3N", "…"),
    ],
)
def test_of_a_receiver_the_host_is_shown_and_again_the_same(url: str, shown: str) -> None:
    assert shown_receiver(url) == shown == shown_receiver(shown)


def test_receivers_of_one_host_have_ids_of_their_own() -> None:
    one, two = (receiver_id(f"https://example.org/{name}") for name in ("one", "two"))
    assert one != two and len(one) == len(two) == 16


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("GET https://a.example/b?sig=x: 403", "GET https://a.example/b?… 403"),
        ("url='https://a.example/b?sig=x', status=403", "url='https://a.example/b?…', status=403"),
        ("redis://me:secret@a.example/0 is away", "redis://a.example/0 is away"),
        ("AccountKey=abcd==;EndpointSuffix=x", "AccountKey=[hidden];EndpointSuffix=x"),
        ('{"Authorization": "Bearer abc", "x": 1}', '{"Authorization": "[hidden]", "x": 1}'),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII\n", "[hidden]"),
        ("photo 3 of 40 at 12:30, a key=b", "photo 3 of 40 at 12:30, a key=b"),
    ],
)
def test_text_keeps_what_is_no_secret(text: str, left: str) -> None:
    assert scrubbed(text) == left
    assert scrubbed(left) == left


def test_data_is_scrubbed_as_deep_as_it_goes() -> None:
    assert scrubbed_data({"a": ["https://b?c", 3, None, {"d": ("sig=abcd",)}]}) == {
        "a": ["https://b?…", 3, None, {"d": ["sig=[hidden]"]}]
    }


def test_a_receiver_that_is_named_twice_is_not_shown() -> None:
    hook = '{url: "https://example.org/T0K3N", secretName: key}'
    text = "apiVersion: reconstruction.dev/v1alpha1\nkind: ReconstructionJob\nmetadata: {name: a}\nspec:\n"
    with pytest.raises(ReconstructionError) as caught:
        parse_job(f'{text}  source: {{uri: "s3://a/b"}}\n  notifications: [{hook}, {hook}]\n')
    assert "https://example.org/… may appear once" in caught.value.message and "T0K3N" not in str(caught.value.details)
