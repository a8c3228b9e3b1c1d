"""Credentials for storage, from the Secret of spec.source.secretName or of spec.destination.secretName.

The pod has a file for each entry that is a credential, and no other entry (`CREDENTIALS_PATH`). The process of the
stage that fetches, or publishes, reads them, for as long as it does: no other stage's process has them in its
environment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconstruction_api.destination import CREDENTIALS as DESTINATION_CREDENTIALS
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


@dataclass(frozen=True, slots=True)
class SecretUse:
    """What a Secret is for."""

    part: str
    """Of the spec: it names the Secret."""
    keys: frozenset[str]
    """Entries that mean something."""
    denied: str
    """Code of the catalogue for a Secret that is of no use."""


FOR_SOURCE: Final = SecretUse("spec.source", CREDENTIALS, "SourceAccessDenied")
FOR_DESTINATION: Final = SecretUse("spec.destination", DESTINATION_CREDENTIALS, "DestinationAccessDenied")


def read_credentials(folder: Path, secret_name: str, use: SecretUse = FOR_SOURCE) -> dict[str, str]:
    """The Secret's credentials, exactly as they are but for one line break at the end, which `echo` and editors leave.
    An empty entry is none. `secret_name` is for messages, which hold no values.

    Raises SourceAccessDenied or DestinationAccessDenied for what can't be a credential, and when there is none.
    """
    secret = _Secret(folder, secret_name, use)
    found = {key: value for key in sorted(use.keys) if (value := secret.read(key))}
    if not found:
        noun = use.part.rpartition(".")[2]
        raise secret.unusable(f"has none of the entries that {noun}s understand: {', '.join(sorted(use.keys))}")
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


@dataclass(frozen=True, slots=True)
class _Secret:
    folder: Path
    name: str
    use: SecretUse

    def read(self, key: str) -> str:
        """Empty where there is none."""
        try:
            with (self.folder / key).open("rb") as file:
                content = file.read(LONGEST_BYTES + 1)
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise self.unusable(f"has an entry {key} that can't be read ({type(error).__name__})") from None
        if len(content) > LONGEST_BYTES:
            raise self.unusable(f"has an entry {key} of more than {LONGEST_BYTES >> 10} KiB")
        try:
            text = content.decode()
        except UnicodeDecodeError:  # which quotes the content
            raise self.unusable(f"has an entry {key} that is not text in UTF-8") from None
        if "\0" in text:
            raise self.unusable(f"has an entry {key} that holds a zero byte")
        return text.removesuffix("\n").removesuffix("\r")

    def unusable(self, what: str) -> ReconstructionError:
        field = f"{self.use.part}.secretName"
        return ReconstructionError(
            self.use.denied,
            f"{field}: Secret {self.name!r} {what}.",
            suggestion="Correct the Secret, then retry the job.",
            details={"field": field},
        )
