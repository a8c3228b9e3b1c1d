"""Reads files that a job has published, and signs addresses of them, with the credentials of whoever calls.

S3, Google Cloud Storage and Azure take them from the environment (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`,
`GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_CONNECTION_STRING` ...); a web server is asked without any.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final
from urllib.parse import unquote

from reconstruction_api.errors import ReconstructionError

OBJECTS: Final = ("s3", "gs", "az")
"""Schemes whose addresses can be signed."""
_CONNECTION_STRING: Final = {
    "accountname": "account_name",
    "accountkey": "account_key",
    "sharedaccesssignature": "sas_key",
    "blobendpoint": "endpoint",
}
"""Parts of Azure's connection string, and obstore's names of them."""
_WEB: Final = ("https", "http")
_AT_ONCE: Final = 2**20
_SECONDS: Final = 60


def is_published(uri: str) -> bool:
    """Whether an artifact's address leads to storage that this machine may reach, rather than to a volume."""
    return uri.partition("://")[0] in (*OBJECTS, *_WEB)


def read_published(uri: str, offset: int, *, requester_pays: bool = False) -> Iterator[bytes]:
    """The content from a byte on; `requester_pays` is for S3, where the bucket asks for it. Raises ConnectionError for
    what may pass, DestinationAccessDenied, and ArtifactStoreError where there is no such file."""
    scheme = uri.partition("://")[0]
    yield from _read_web(uri, offset) if scheme in _WEB else _read_object(uri, offset, requester_pays)


def signed(uri: str, seconds: int, *, requester_pays: bool = False) -> str:
    """An address that anybody can read for so long. Raises DestinationAccessDenied."""
    import obstore

    with _Denials(uri):
        client, path = _object(uri, requester_pays)
        return str(obstore.sign(client, "GET", path, timedelta(seconds=seconds)))


def _read_object(uri: str, offset: int, requester_pays: bool) -> Iterator[bytes]:
    import obstore

    with _Denials(uri):
        client, path = _object(uri, requester_pays)
        options: Any = {"range": {"offset": offset}} if offset else {}
        for part in obstore.get(client, path, options=options).stream(min_chunk_size=_AT_ONCE):
            yield bytes(part)


def _read_web(uri: str, offset: int) -> Iterator[bytes]:
    request = urllib.request.Request(uri, headers={"Range": f"bytes={offset}-"} if offset else {})
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            if offset and answer.status != 206:
                raise _failed(uri, "the server can't send the rest of a file")
            while part := answer.read(_AT_ONCE):
                yield part
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise _denied(uri) from None
        if error.code < 500:
            raise _failed(uri, f"the server answers {error.code}") from None
        raise ConnectionError(f"the server answers {error.code}") from None
    except urllib.error.URLError as error:
        raise ConnectionError(str(error.reason)) from None


def _object(uri: str, requester_pays: bool) -> tuple[Any, str]:
    """A store of obstore, and the path there."""
    from obstore.store import from_url

    scheme, _, rest = uri.partition("://")
    container, _, path = rest.partition("/")
    config = _of_shell(scheme) | ({"request_payer": True} if requester_pays and scheme == "s3" else {})
    address = str(config.get("endpoint") or config.get("base_url") or os.environ.get("AWS_ENDPOINT_URL", ""))
    options: dict[str, Any] = {"client_options": {"allow_http": address.startswith("http://")}, **config}
    open_store: Any = from_url  # its types tell stores apart by literal keys
    return open_store(f"{scheme}://{container}", **options), unquote(path)


def _of_shell(scheme: str) -> dict[str, Any]:
    """What the shell says that obstore does not look for: another server of Google's protocol, Azure's connection
    string."""
    if scheme == "gs" and (host := os.environ.get("STORAGE_EMULATOR_HOST")):
        return {"base_url": host if "://" in host else f"http://{host}", "skip_signature": True}
    text = os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
    if scheme != "az" or not text:
        return {}
    given = {name.strip().lower(): value for name, _, value in (part.partition("=") for part in text.split(";"))}
    return {option: given[name] for name, option in _CONNECTION_STRING.items() if given.get(name)}


class _Denials:
    """A context: what obstore raises, as the catalogue has it."""

    def __init__(self, uri: str):
        self._uri = uri

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        from obstore.exceptions import BaseError, NotFoundError, PermissionDeniedError, UnauthenticatedError

        if isinstance(error, PermissionDeniedError | UnauthenticatedError):
            raise _denied(self._uri) from None
        if isinstance(error, FileNotFoundError | NotFoundError):
            raise _failed(self._uri, "it is no longer there") from None
        if isinstance(error, BaseError):
            if "credential" in str(error).lower():
                raise _denied(self._uri) from None
            raise ConnectionError(type(error).__name__) from None


def _denied(uri: str) -> ReconstructionError:
    return ReconstructionError(
        "DestinationAccessDenied",
        f"Access to {uri} was denied with the credentials of this shell.",
        suggestion="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or those of Google or Azure) to ones that may "
        "read there; `eval $(aws configure export-credentials --format env)` takes those of a profile.",
    )


def _failed(uri: str, why: str) -> ReconstructionError:
    return ReconstructionError("ArtifactStoreError", f"{uri} can't be read: {why}.", suggestion="Run the job again.")
