"""From `spec.destination` to the store behind it, with its credentials and through the guard of the pod."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from reconstruction_api.destination import HTTP_AUTHORIZATION, Destination, EncryptionMethod, location
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.network import Allowed, Host, RefusedError

from ..credentials import FOR_DESTINATION, credentials_in, read_credentials
from ..ingest.storage.access import CONNECT_SECONDS, SILENT_SECONDS, Access, Endpoint
from ..network.guard import Guard
from .destination_errors import destination_errors, without_credentials
from .stores.store import Store

PART: Final = "spec.destination"
_WRITE_SCOPE: Final = "https://www.googleapis.com/auth/devstorage.read_write"
_RETRIES: Final[dict[str, Any]] = {"max_retries": 6, "retry_timeout": timedelta(seconds=120)}
_SEND_SECONDS: Final = 300
"""For one request, with a part of a file in it."""
_TRUSTED: Final = ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


@dataclass(frozen=True, slots=True)
class Place:
    """A destination of a job, and how it may be reached."""

    destination: Destination
    address: str
    """Its prefix, without placeholders and with `/` at its end."""
    folder: Path | None = None
    """Where the claim is mounted, or the folder of a local run is."""
    guard: Guard | None = None
    credentials: Path | None = None
    """Folder with the credentials of the Secret; None where the environment has them."""
    hosts: tuple[str, ...] = ()
    """Hosts that the profile lets results go to; any when empty."""
    largest: int = 0
    """Size of the largest file that is to be sent, in bytes."""


@contextmanager
def opened(place: Place) -> Iterator[Store]:
    """The store, for as long as the context is open: errors inside it become those of the catalogue.

    Raises DestinationNotFound, DestinationAccessDenied, DestinationNotAllowed, AddressNotAllowed, ArtifactStoreError.
    """
    shown_as = f"'{place.address}'"
    if place.folder is not None:
        from .stores.folder import FolderStore

        root = place.folder
        with destination_errors(shown_as):
            root.mkdir(parents=True, exist_ok=True)
            yield FolderStore(root)
        return
    secret = _secret(place)
    names = {"part": PART, "denied": "DestinationAccessDenied"}
    with nullcontext() if secret is None else credentials_in(os.environ, secret):
        access = Access.of(place.guard, place.destination.secret_name is not None, secret, **names)
        where, store, anonymous = _open(place, access)
        _check_host(place, where)

        def refusal() -> ReconstructionError | None:
            return place.guard.refusal(where.field, where.host) if place.guard is not None else None

        with destination_errors(shown_as, refusal, anonymous):
            if place.guard is not None:
                place.guard.check(where.field, where.host, where.port, where.scheme)
            yield store


def _secret(place: Place) -> dict[str, str] | None:
    name = place.destination.secret_name
    if place.credentials is None or name is None:
        return None
    return read_credentials(place.credentials, name, FOR_DESTINATION)


def _check_host(place: Place, where: Endpoint) -> None:
    if not place.hosts:
        return
    allowed, host = Allowed.of(place.hosts), _host(where)
    inside = host is not None and (
        allowed.names_host(host)
        or (host.address is not None and any(host.address in network for network in allowed.networks))
    )
    if not inside:
        raise ReconstructionError(
            "DestinationNotAllowed",
            f"{where.field}: results may not be sent to {where.host!r}. Allowed are: {', '.join(place.hosts)}.",
            suggestion="Use one of these, or ask the platform team to add it to destinations.hosts of the profile.",
        )


def _host(where: Endpoint) -> Host | None:
    try:
        return Host.of(where.host)
    except RefusedError:
        return None


def _open(place: Place, access: Access) -> tuple[Endpoint, Store, bool]:
    """The host that is connected to, the store, and whether there are no credentials to show."""
    scheme, _, rest = place.address.partition("://")
    container, _, prefix = rest.partition("/")
    if scheme in ("http", "https"):
        return _open_web(place, access)
    from .stores.objects import ObjectStore

    opening = {"s3": _open_s3, "gs": _open_google, "az": _open_azure}.get(scheme)
    if opening is None:
        known = "s3://, gs://, az:// or https://"
        raise ReconstructionError(
            "InvalidSpec", f"{PART}.uri must begin with {known}.", details={"field": f"{PART}.uri"}
        )
    where, client, anonymous = opening(container, place, access)
    return where, ObjectStore(client, prefix, place.largest), anonymous


def _open_web(place: Place, access: Access) -> tuple[Endpoint, Store, bool]:
    from .stores.web import WebStore

    parts = urlsplit(place.address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    authorization = access.get(HTTP_AUTHORIZATION)
    proxy = access.guard.proxy_url if access.guard is not None else None
    where = Endpoint(parts.hostname or "", port, parts.scheme, access.uri_field)
    return where, WebStore(place.address, authorization, proxy), authorization is None


def _open_s3(container: str, place: Place, access: Access) -> tuple[Endpoint, Any, bool]:
    from obstore.store import S3Store

    from ..ingest.storage import s3

    s3.check_bucket(place.address, access)
    where = s3.endpoint(place.address, access)
    config: dict[str, Any] = {"region": s3.region_of(access) or "us-east-1"}
    if where.field != access.uri_field:
        config["endpoint"] = (access.get("AWS_ENDPOINT_URL_S3") or access.get("AWS_ENDPOINT_URL") or "").rstrip("/")
    found = s3.credentials_for(access, _network(access)) if access.guard is not None else _local_s3_credentials(access)
    provider = None
    if "key" in found:
        config |= {"access_key_id": found["key"], "secret_access_key": found["secret"]}
        if found["token"]:
            config["session_token"] = found["token"]
    elif "session" in found:
        provider = _SessionCredentials(found["session"])
    else:
        config["skip_signature"] = True
    destination = place.destination
    if destination.requester_pays:
        config["request_payer"] = True
    if (encryption := destination.encryption) is not None:
        kms = encryption.method is EncryptionMethod.KMS
        config["server_side_encryption"] = "aws:kms" if kms else "AES256"
        if encryption.key_name is not None:
            config["sse_kms_key_id"] = encryption.key_name
    options: dict[str, Any] = {"client_options": _client_options(access, where), "retry_config": _RETRIES}
    if provider is not None:
        options["credential_provider"] = provider
    client = S3Store(container, **config, **options)
    return where, client, "skip_signature" in config


def _local_s3_credentials(access: Access) -> dict[str, Any]:
    """Those that the environment has, else what the files and logins of the cloud's command line give."""
    key, secret = access.get("AWS_ACCESS_KEY_ID"), access.get("AWS_SECRET_ACCESS_KEY")
    if key and secret:
        return {"key": key, "secret": secret, "token": access.get("AWS_SESSION_TOKEN")}
    from aiobotocore.session import AioSession

    session = AioSession()
    return {"session": session} if asyncio.run(session.get_credentials()) is not None else {}


class _SessionCredentials:
    """Credentials of a session of aiobotocore, asked for again when they are about to end."""

    def __init__(self, session: Any):
        self._session = session

    def __call__(self) -> dict[str, Any]:
        credentials = asyncio.run(self._current())
        return {
            "access_key_id": credentials.access_key,
            "secret_access_key": credentials.secret_key,
            "token": credentials.token,
            "expires_at": None,
        }

    async def _current(self) -> Any:
        found = await self._session.get_credentials()
        return await found.get_frozen_credentials()


def _open_google(container: str, place: Place, access: Access) -> tuple[Endpoint, Any, bool]:
    from obstore.store import GCSStore

    from ..ingest.storage import google

    where = google.endpoint(place.address, access)
    token: Any = google.token_of(access, _WRITE_SCOPE)
    if access.guard is None and (token is None or isinstance(token, str)):
        import google.auth as google_auth

        token = google_auth.default(scopes=[_WRITE_SCOPE])[0]
    config: dict[str, Any] = {}
    if where.field != access.uri_field:
        config["base_url"] = f"{where.scheme}://{where.host}:{where.port}"
    options: dict[str, Any] = {"client_options": _client_options(access, where), "retry_config": _RETRIES}
    if token == "anon":
        if where.field == access.uri_field:  # obstore would ask the node for the credentials that it has
            raise without_credentials(f"'{place.address}'")
        options["credential_provider"] = lambda: {"token": "none", "expires_at": None}
        return where, GCSStore(container, **config, **options), True
    options["credential_provider"] = _GoogleToken(token)
    return where, GCSStore(container, **config, **options), False


class _GoogleToken:
    """A token of credentials of google-auth, renewed when it is about to end."""

    def __init__(self, credentials: Any):
        self._credentials = credentials

    def __call__(self) -> dict[str, Any]:
        from google.auth.transport.requests import Request

        self._credentials.refresh(Request())
        expiry = self._credentials.expiry
        return {"token": self._credentials.token, "expires_at": expiry and expiry.replace(tzinfo=UTC)}


def _open_azure(container: str, place: Place, access: Access) -> tuple[Endpoint, Any, bool]:
    from obstore.store import AzureStore

    from ..ingest.storage import azure

    account = azure.account_of(place.address, access)
    host = urlsplit(account.url)
    name = access.get(azure.ACCOUNT) or (host.hostname or "").partition(".")[0]
    config: dict[str, Any] = {"account_name": name, "endpoint": account.url}
    credential: Any = account.credential
    provider: Any = None
    if hasattr(credential, "named_key"):
        config |= {"account_name": credential.named_key.name, "account_key": credential.named_key.key}
    elif hasattr(credential, "signature"):
        config["sas_key"] = credential.signature
    elif credential is not None:
        provider = _AzureToken(credential)
    else:
        config["skip_signature"] = True
    options: dict[str, Any] = {"client_options": _client_options(access, account.endpoint), "retry_config": _RETRIES}
    if provider is not None:
        options["credential_provider"] = provider
    return account.endpoint, AzureStore(container, **config, **options), credential is None


class _AzureToken:
    def __init__(self, credential: Any):
        self._credential = credential

    async def __call__(self) -> dict[str, Any]:
        from datetime import datetime

        found = await self._credential.get_token("https://storage.azure.com/.default")
        return {"token": found.token, "expires_at": datetime.fromtimestamp(found.expires_on, UTC)}


def _network(access: Access) -> dict[str, Any]:
    """For clients of aiobotocore."""
    return {"connect_timeout": CONNECT_SECONDS, "read_timeout": SILENT_SECONDS, "proxies": access.proxies}


def _client_options(access: Access, where: Endpoint) -> dict[str, Any]:
    """obstore's own connections, which know nothing of the pod's guard but what is said here."""
    options: dict[str, Any] = {
        "allow_http": where.scheme == "http",
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "timeout": timedelta(seconds=_SEND_SECONDS),
        "read_timeout": timedelta(seconds=SILENT_SECONDS),
    }
    if access.guard is not None:
        options["proxy_url"] = access.guard.proxy_url
    if (certificates := _certificates(access.environment)) is not None:
        options["root_certificate"] = certificates
    return options


def _certificates(environment: Mapping[str, str]) -> bytes | None:
    """Of a private authority that the platform trusts."""
    file = next((path for name in _TRUSTED if (path := environment.get(name))), None)
    return Path(file).read_bytes() if file is not None and Path(file).is_file() else None


def shown(destination: Destination) -> str:
    """In the user's words."""
    return location(destination)
