"""The guard of a worker pod's stage: for as long as it stands, this process reaches what the profile allows."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from typing import Final, Self

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.network import Allowed, Host, RefusedError, not_allowed
from reconstruction_api.worker import NetworkAccess

from .lock import ConnectionLock
from .proxy import Proxy
from .route import LookUp, Router, look_up
from .upstream import PROXY_VARIABLES, Upstreams

NO_METADATA: Final = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "NO_GCE_CHECK": "true",
}
"""Libraries look for no role of the node, and for no files that could name another source of credentials."""
NOT_FOR_LIBRARIES: Final = (
    "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "GCE_METADATA_HOST", "GCE_METADATA_ROOT", "GCE_METADATA_IP",
    "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET",
)  # fmt: skip
"""Ways to credentials that only the code in `ingest.storage` decides about."""


class Guard:
    """A context: inside it every storage client of the process goes through a proxy that refuses what is not allowed.

    `environment` is what the process was given, before the guard changed it for the libraries.
    """

    def __init__(
        self,
        access: NetworkAccess,
        profile: str,
        environment: MutableMapping[str, str] = os.environ,
        resolver: LookUp = look_up,
    ):
        """`profile` is the name of the profile, for messages. Raises InvalidSpec where the environment names a proxy
        that is none."""
        self.access = access
        self.environment = dict(environment)
        self.lock = ConnectionLock()
        self._profile = profile
        self._changed = environment
        self._router = Router(Allowed.of(access.allow), Upstreams.of(environment), resolver)
        self._refused: list[str] = []
        self._proxy = Proxy(self._router, self._refused.append, self.lock.exempt)
        self.proxy_url = ""

    def __enter__(self) -> Self:
        port = self._proxy.start()
        self.proxy_url = f"http://127.0.0.1:{port}"
        self.lock.permit("127.0.0.1", port)
        proxies = {name: self.proxy_url for name in PROXY_VARIABLES if name != "NO_PROXY"}
        for name in (*NOT_FOR_LIBRARIES, "NO_PROXY", "no_proxy"):
            self._changed.pop(name, None)
        self._changed.update(NO_METADATA | proxies | {name.lower(): url for name, url in proxies.items()})
        return self

    def __exit__(self, *_: object) -> None:
        self._proxy.close()
        self._changed.clear()
        self._changed.update(self.environment)

    def check(self, field: str, host: str, port: int, scheme: str = "https") -> None:
        """Raises AddressNotAllowed where a host may not be connected to: at once, before any library tries several
        times. `field` says where the user has written it."""
        try:
            with self.lock.exempt():
                self._router.check(scheme, Host.of(host), port)
        except RefusedError:
            raise not_allowed(field, host, self._profile) from None
        except OSError:
            return  # DNS does not answer: the client's attempts decide

    def refusal(self, field: str, host: str) -> ReconstructionError | None:
        """AddressNotAllowed when the proxy has refused a connection, though `host`, where the user's address leads,
        may be connected to."""
        if not self._refused:
            return None
        other = self._refused[-1]
        same = other == host.lower() or other.endswith(f".{host.lower()}")
        return not_allowed(field, host, self._profile, leads_to=None if same else other)
