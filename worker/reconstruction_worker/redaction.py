"""Keeps secrets out of what a stage's process prints and reports.

Storage libraries quote addresses and answers in warnings and exceptions, and stages' logs lie in the workspace, where
more people may read than in the Secret. What is known to be secret is replaced by its name, what looks like a secret is
left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TextIO, cast
from urllib.parse import quote, quote_plus, unquote

from reconstruction_api.destination import CREDENTIALS
from reconstruction_api.secrecy import scrubbed, shown_address

from .credentials import LONGEST_BYTES

SHORTEST: Final = 8
"""Characters of a value that is looked for: shorter ones are found everywhere."""
_SECRET_NAME: Final = re.compile(r"(?i)key|secret|token|passw|credential|connection_string|auth|_sas|dsn")
_WITHOUT_HOST: Final = re.compile("^[^:]*://([^/?#@]*@)?[^/?#]*")
_NO_SECRETS: Final = (
    "service_account", "authorized_user", "googleapis.com", "https://", "http://", "-----BEGIN", "-----END",
    "DefaultEndpointsProtocol=", "EndpointSuffix=", "BlobEndpoint=", "AccountName=",
)  # fmt: skip
"""How parts of credentials begin that everybody knows."""


class Redactor:
    """Replaces the values in texts. `uri` is spec.source.uri: what it shows anyway is no secret, its query is one."""

    def __init__(self, values: Mapping[str, str], uri: str | None = None):
        address, query = shown_address(uri or ""), re.split(r"[?#]", uri or "", maxsplit=1)[1:]
        names: dict[str, str] = {}
        for part in (part for text in query for part in _parts("query", text)):
            names.setdefault(part, "spec.source.uri")
        for name, value in values.items():
            for part in _parts(name, value):
                if part not in address:
                    names.setdefault(part, name)
        self._names = {form: name for part, name in names.items() for form in _forms(part)}
        longest_first = sorted(self._names, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        if self._pattern is not None:
            text = self._pattern.sub(lambda found: f"[{self._names[found[0]]}]", text)
        return scrubbed(text)

    def data(self, value: Any) -> Any:
        """JSON data with every text in it redacted."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {self(str(name)): self.data(member) for name, member in cast(dict[Any, Any], value).items()}
        if isinstance(value, list | tuple):
            return [self.data(entry) for entry in cast(list[Any], value)]
        return value


class RedactedStream:
    """A text stream that redacts what is written to it as text; all else is the stream's own."""

    def __init__(self, stream: TextIO, redactor: Redactor):
        self._stream = stream
        self._redactor = redactor

    def write(self, text: str) -> int:
        self._stream.write(self._redactor(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def secrets_of(environment: Mapping[str, str], credentials: Path | None) -> dict[str, str]:
    """Values that must not be shown, by their names: variables that are credentials or are named like secrets, and the
    files of the source's Secret, as far as they can be read."""
    found = {name: value for name, value in environment.items() if name in CREDENTIALS or _is_secret(name, value)}
    if credentials is None:
        return found
    for key in CREDENTIALS:
        try:
            with (credentials / key).open("rb") as file:
                found[key] = file.read(LONGEST_BYTES).decode(errors="replace")
        except OSError:
            continue
    return found


def _is_secret(name: str, value: str) -> bool:
    """By its name, unless the value is only the place of a secret."""
    return _SECRET_NAME.search(name) is not None and not (value.startswith("/") and Path(value).exists())


def _parts(name: str, value: str) -> Iterator[str]:
    """A value, and its parts that are secrets by themselves: of JSON, connection strings and queries."""
    if "://" in value and name.startswith("AWS_ENDPOINT_URL"):
        value = _WITHOUT_HOST.sub("", value)  # which messages name
    is_json = value.lstrip().startswith("{")
    pairs = [part for part in re.split(r"[;&?\s]", value) if not is_json and not part.startswith(_NO_SECRETS)]
    candidates = {value, *value.splitlines(), *_of_json(value), *pairs, *(part.partition("=")[2] for part in pairs)}
    for part in (part.strip() for part in candidates):
        if len(part) >= SHORTEST and not part.startswith(_NO_SECRETS):
            yield part


def _of_json(value: str) -> Iterator[str]:
    if not value.lstrip().startswith("{"):
        return
    try:
        document = json.loads(value)
    except (ValueError, RecursionError):
        return
    for member in cast(dict[str, Any], document).values():
        if isinstance(member, str):
            yield member
            yield from member.splitlines()


def _forms(part: str) -> set[str]:
    """How libraries write a text: as it is, in addresses, in JSON and in Python's own notation."""
    plain = unquote(part)
    forms = {
        part,
        plain,
        quote(plain),
        quote(plain, safe=""),
        quote_plus(plain),
        json.dumps(part)[1:-1],
        repr(part)[1:-1],
    }
    return {form for form in forms if len(form) >= SHORTEST}
