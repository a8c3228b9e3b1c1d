"""Credentials of spec.source.secretName: read from files, whole, and for as long as photos are fetched."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.credentials import LONGEST_BYTES, credentials_in, read_credentials


def folder_with(folder: Path, **entries: str | bytes) -> Path:
    for name, value in entries.items():
        (folder / name).write_bytes(value.encode() if isinstance(value, str) else value)
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(ReconstructionError) as caught:
        read_credentials(folder, "captures-read")
    assert caught.value.code == "SourceAccessDenied"
    assert caught.value.message.startswith("spec.source.secretName: Secret 'captures-read' has ")
    return caught.value.message


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("wJalr+/=", "wJalr+/="), ("key\n", "key"), ("key\r\n", "key"), ("key\n\n", "key\n"), (" key ", " key "),
        ("Schlüssel", "Schlüssel"), ('{\n "type": "service_account"\n}\n', '{\n "type": "service_account"\n}'),
    ],
)  # fmt: skip
def test_a_value_is_what_the_secret_has_but_for_one_line_break(tmp_path: Path, content: str, value: str) -> None:
    folder = folder_with(tmp_path, AWS_SECRET_ACCESS_KEY=content)
    assert read_credentials(folder, "s") == {"AWS_SECRET_ACCESS_KEY": value}


def test_other_files_are_not_read(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, AWS_ACCESS_KEY_ID="id", LD_PRELOAD="evil.so", PYTHONPATH="/evil", AWS_PROFILE="x")
    assert read_credentials(folder, "s") == {"AWS_ACCESS_KEY_ID": "id"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"hunter2\xff", "not text in UTF-8"),
        (b"hunter2\0", "zero byte"),
        (b"hunter2" * LONGEST_BYTES, "more than 64 KiB"),
    ],
)
def test_what_can_be_no_credential_is_named_by_its_entry_and_not_shown(
    tmp_path: Path, content: bytes, why: str
) -> None:
    message = refusal(folder_with(tmp_path, AWS_SECRET_ACCESS_KEY=content))
    assert "AWS_SECRET_ACCESS_KEY" in message and why in message and "hunter2" not in message


@pytest.mark.parametrize("entries", [{}, {"KEY": "value"}, {"AWS_ACCESS_KEY_ID": "\n"}])
def test_a_secret_without_credentials_is_no_reason_to_try_without(tmp_path: Path, entries: dict[str, str]) -> None:
    assert "none of the entries" in refusal(folder_with(tmp_path, **entries))


def test_credentials_come_whole_and_go_again() -> None:
    """Of the profile's, neither an account nor an endpoint is added to them; other variables stay."""
    profile = {
        "AWS_SESSION_TOKEN": "p",
        "AWS_ENDPOINT_URL": "https://p",
        "AWS_SECRET_ACCESS_KEY": "p",
        "GOOGLE_APPLICATION_CREDENTIALS": "/p",
        "AZURE_STORAGE_ACCOUNT_KEY": "p",
        "HTTPS_PROXY": "http://proxy",
        "AWS_CA_BUNDLE": "/etc/ca.pem",
    }
    environment = dict(profile)
    with credentials_in(environment, {"AWS_SECRET_ACCESS_KEY": "s", "AWS_ACCESS_KEY_ID": "i"}):
        assert environment == {
            "AWS_SECRET_ACCESS_KEY": "s",
            "AWS_ACCESS_KEY_ID": "i",
            "HTTPS_PROXY": "http://proxy",
            "AWS_CA_BUNDLE": "/etc/ca.pem",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }
    assert environment == profile
