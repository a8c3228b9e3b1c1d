"""Credentials for the photos, from the Secret of spec.source.secretName.

The pod has a file for each entry that is a credential, and no other entry (`CREDENTIALS_PATH`). The process of the
stage that fetches reads them, for as long as it fetches: no other stage's process has them in its environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.source import CREDENTIALS

LONGEST_BYTES: Final = 64 << 10
"""Of one credential; key files have two kilobytes."""
_FAMILIES: Final = ("AWS_", "GOOGLE_", "AZURE_")
_OF_THE_PLATFORM: Final = frozenset({"AWS_CA_BUNDLE"})
"""Variables of these families that give access to nothing."""
_NOTHING_ELSE: Final = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
"""Without these, libraries look for credentials where nobody has put any."""


def read_credentials(folder: Path, secret_name: str) -> dict[str, str]:
    """The Secret's credentials, exactly as they are but for one line break at the end, which `echo` and editors leave.
    An empty entry is none. `secret_name` is for messages, which hold no values.

    Raises SourceAccessDenied for what can't be a credential, and when there is none.
    """
    found = {key: value for key in sorted(CREDENTIALS) if (value := _read(folder / key, key, secret_name))}
    if not found:
        raise _unusable(
            secret_name, f"has none of the entries that sources understand: {', '.join(sorted(CREDENTIALS))}"
        )
    return found


def with_credentials(environment: Mapping[str, str], credentials: Mapping[str, str]) -> dict[str, str]:
    """The environment with these credentials and no others. They come whole: what the profile says for the same clouds
    would otherwise lend its account, or its endpoint, to half of somebody else's credentials."""
    others = {
        name: value for name, value in environment.items() if not name.startswith(_FAMILIES) or name in _OF_THE_PLATFORM
    }
    return others | _NOTHING_ELSE | dict(credentials)


@contextmanager
def credentials_in(environment: MutableMapping[str, str], credentials: Mapping[str, str]) -> Iterator[None]:
    """The same, in place, for as long as the context is open."""
    before = dict(environment)
    wanted = with_credentials(before, credentials)
    try:
        _change(environment, before, wanted)
        yield
    finally:
        _change(environment, wanted, before)


def _change(environment: MutableMapping[str, str], old: Mapping[str, str], new: Mapping[str, str]) -> None:
    """What somebody else has changed meanwhile stays."""
    for name in old.keys() - new.keys():
        environment.pop(name, None)
    environment.update({name: value for name, value in new.items() if old.get(name) != value})


def _read(path: Path, key: str, secret_name: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise _unusable(secret_name, f"has an entry {key} that can't be read ({type(error).__name__})") from None
    if len(content) > LONGEST_BYTES:
        raise _unusable(secret_name, f"has an entry {key} of more than {LONGEST_BYTES >> 10} KiB")
    try:
        text = content.decode()
    except UnicodeDecodeError:  # which quotes the content
        raise _unusable(secret_name, f"has an entry {key} that is not text in UTF-8") from None
    if "\0" in text:
        raise _unusable(secret_name, f"has an entry {key} that holds a zero byte")
    return text.removesuffix("\n").removesuffix("\r")


def _unusable(secret_name: str, what: str) -> ReconstructionError:
    return ReconstructionError(
        "SourceAccessDenied",
        f"spec.source.secretName: Secret {secret_name!r} {what}.",
        suggestion="Correct the Secret, then retry the job.",
        details={"field": "spec.source.secretName"},
    )
