"""What libraries print and raise is kept without the secrets that are in it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import cast

import pytest

from reconstruction_worker.redaction import RedactedStream, Redactor, secrets_of

KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nZmFrZS1rZXktbWF0ZXJpYWw\n-----END PRIVATE KEY-----\n"
GOOGLE = json.dumps({"type": "service_account", "private_key_id": "kid-0123456789", "private_key": KEY})
CONNECTION = (
    "DefaultEndpointsProtocol=https;AccountName=museum;AccountKey=azure+key/abc==;EndpointSuffix=core.windows.net"
)
VALUES = {
    "AWS_SECRET_ACCESS_KEY": "wJalrXUt+nFEMI/K7",
    "GOOGLE_CREDENTIALS_JSON": GOOGLE,
    "AZURE_STORAGE_CONNECTION_STRING": CONNECTION,
    "AZURE_STORAGE_SAS_TOKEN": "?sv=2024-01-01&sig=c2lnbmF0dXJl%2Bx%3D",
    "AWS_ENDPOINT_URL": "https://minio.example:9000/?token=endpoint-token",
}
URI = "https://example.org/museum/statue.zip?X-Amz-Signature=0a1b2c3d4e5f&user=visitor-17"


@pytest.mark.parametrize(
    "text",
    [
        "key wJalrXUt+nFEMI/K7 is wrong", "key wJalrXUt%2BnFEMI%2FK7", "key=wJalrXUt%2BnFEMI/K7", repr({"k": KEY}),
        json.dumps({"k": KEY}), "line MIIEvQIBADANBgkqhkiG9w0 of it", "kid-0123456789", "Bad: azure+key/abc==",
        "c2lnbmF0dXJl%2Bx%3D", "c2lnbmF0dXJl+x=", "signature 0a1b2c3d4e5f", "visitor-17", "at ?token=endpoint-token",
        f"GET {URI} failed", "'https://other.example/a?sig=unknown-secret'", "https://me:unknown-secret@other.example/",
        "AccountKey=unknown-secret;", '"private_key": "unknown-secret"', "Authorization: Bearer unknown-secret",
        f"{KEY.replace('MIIEvQ', 'unknown-secret')}",
    ],
)  # fmt: skip
def test_no_form_of_a_secret_is_left(text: str) -> None:
    secrets = [
        "wJalr", "MIIEvQIB", "kid-0123456789", "azure+key", "c2lnbmF0dXJl", "0a1b2c3d4e5f", "visitor-17",
        "endpoint-token", "unknown-secret",
    ]  # fmt: skip
    assert any(secret in text for secret in secrets)
    shown = Redactor(VALUES, URI)(text)
    assert not [secret for secret in secrets if secret in shown]


@pytest.mark.parametrize(
    "text",
    [
        "3 photos of 'https://example.org/museum/statue.zip'", "connecting to https://minio.example:9000/captures",
        "service_account", "https://core.windows.net", "38 of 40 photos registered", "",
    ],
)  # fmt: skip
def test_what_people_need_is_left(text: str) -> None:
    assert Redactor(VALUES, URI)(text) == text


def test_variables_that_are_named_like_secrets_count_and_names_of_files_do_not(tmp_path: Path) -> None:
    environment = {"HF_TOKEN": "hf_abcdefgh", "NAME": "statue-of-liberty", "RECONSTRUCTION_TOKEN_FILE": str(tmp_path)}
    assert secrets_of(environment, None) == {"HF_TOKEN": "hf_abcdefgh"}
    (tmp_path / "AWS_ACCESS_KEY_ID").write_bytes(b"AKIA\xff")
    assert secrets_of({}, tmp_path) == {"AWS_ACCESS_KEY_ID": "AKIA\ufffd"}


def test_a_stream_that_redacts_is_a_stream() -> None:
    stream = io.StringIO()
    redacted = cast(io.StringIO, RedactedStream(stream, Redactor(VALUES)))
    print("key", "wJalrXUt+nFEMI/K7", file=redacted, flush=True)
    redacted.writelines(["azure+key/abc==\n"])
    assert stream.getvalue() == "key [AWS_SECRET_ACCESS_KEY]\n[AZURE_STORAGE_CONNECTION_STRING]\n"
    assert redacted.isatty() is False
