"""On whose behalf storage is read or written, and through what."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.network import Host, RefusedError

from ...credentials import with_credentials
from ...network.guard import Guard

CONNECT_SECONDS: Final = 20
SILENT_SECONDS: Final = 60
"""Without a byte after which a connection counts as broken."""
URI_FIELD: Final = "spec.source.uri"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The host that is connected to first, and where the user has named it."""

    host: str
    port: int
    scheme: str = "https"
    field: str = URI_FIELD


@dataclass(frozen=True, slots=True)
class Opened:
    """A file system of fsspec and the path of the source there."""

    system: Any
    root: str
    anonymous: bool = False
    """Whether a worker pod had no credentials to show."""


@dataclass(frozen=True)
class Access:
    """Credentials and the way out.

    In a worker pod there is a guard: libraries get what this code gives them and look for nothing themselves. A local
    run has none, and there they find what they find: a login of the cloud's command line, a configuration file.
    """

    guard: Guard | None = None
    has_secret: bool = False
    """Whether a Secret is named: its credentials are the only ones then."""
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    part: str = "spec.source"
    """The part of the spec that names the address and the Secret."""
    denied: str = "SourceAccessDenied"
    """Code of the catalogue for credentials that are of no use."""

    @classmethod
    def of(
        cls, guard: Guard | None, has_secret: bool, credentials: Mapping[str, str] | None = None, **names: str
    ) -> Access:
        """`credentials` are those of the Secret; without, the environment has what there is. `names` are the last two
        fields."""
        environment = dict(os.environ) if guard is None else guard.environment
        return cls(
            guard,
            has_secret,
            environment if credentials is None else with_credentials(environment, credentials),
            **names,
        )

    @property
    def uri_field(self) -> str:
        """Where the user has written the address."""
        return f"{self.part}.uri"

    def get(self, key: str) -> str | None:
        """A credential; None where it is unset or empty."""
        return self.environment.get(key) or None

    @property
    def proxies(self) -> dict[str, str]:
        """By scheme; empty without a guard."""
        return {} if self.guard is None else dict.fromkeys(("http", "https"), self.guard.proxy_url)

    @property
    def own_identity(self) -> bool:
        """Whether the pod may read as its service account."""
        return self.guard is not None and self.guard.access.service_account and not self.has_secret

    def named(self, key: str) -> str:
        """Where a credential comes from, for messages."""
        if self.has_secret:
            return f"{key} in the secret of {self.part}.secretName"
        return f"{key} in the environment" if self.guard is None else f"{key} in the profile's environment"

    def unusable(self, key: str, problem: str) -> ReconstructionError:
        """The error about a credential; `problem` must not repeat its value."""
        return ReconstructionError(self.denied, f"{self.named(key)} {problem}.")

    def matching(self, key: str, pattern: re.Pattern[str], what: str) -> str | None:
        """A value that becomes a part of a host's name, so that it can't become the whole of one."""
        value = self.get(key)
        if value is not None and not pattern.fullmatch(value):
            raise self.unusable(key, f"is not {what}")
        return value

    def address(self, key: str, value: str) -> Endpoint:
        """The host of an address among the credentials. Raises SourceAccessDenied for one that is no plain address."""
        try:
            parts = urlsplit(value)
            host, port = parts.hostname, parts.port
            plain = "@" not in parts.netloc and not parts.query and not parts.fragment
        except ValueError:
            parts, host, port, plain = urlsplit(""), None, None, False
        odd = any(mark <= " " or mark in "\x7f\\" for mark in value)
        if parts.scheme not in ("http", "https") or not host or not plain or odd:
            raise self.unusable(key, "is not an address such as https://storage.example.org, without user and query")
        if self.guard is not None:
            try:
                Host.of(host)
            except RefusedError:
                raise self.unusable(key, "is not the address of a host") from None
        return Endpoint(host, port or (443 if parts.scheme == "https" else 80), parts.scheme, self.named(key))
