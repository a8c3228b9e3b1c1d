"""Google Cloud Storage: gs://."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import google.auth
import google.oauth2.credentials
import google.oauth2.service_account

# Not the class that fsspec would choose: that one asks another service (over gRPC) for the kind of the bucket.
from gcsfs.core import GCSFileSystem
from google.auth.exceptions import GoogleAuthError

from reconstruction_api.errors import ReconstructionError

from .access import Access, Endpoint, Opened

KEY: Final = "GOOGLE_CREDENTIALS_JSON"
"""Content of a key file: a secret's keys become variables, not files."""
FILE: Final = "GOOGLE_APPLICATION_CREDENTIALS"
READ_SCOPE: Final = "https://www.googleapis.com/auth/devstorage.read_only"
TOKEN_ADDRESS: Final = "https://oauth2.googleapis.com/token"
_TOKEN_ADDRESSES: Final = frozenset(
    {
        TOKEN_ADDRESS, "https://accounts.google.com/o/oauth2/token", "https://www.googleapis.com/oauth2/v4/token",
        "https://www.googleapis.com/oauth2/v3/token",
    }
)  # fmt: skip
"""What key files of Google have held over the years; all lead to the first."""
_NEEDED: Final = {
    "service_account": ("client_email", "private_key"),
    "authorized_user": ("client_id", "client_secret", "refresh_token"),
}


def endpoint(uri: str, access: Access) -> Endpoint:
    if url := access.get("STORAGE_EMULATOR_HOST"):  # the platform's; no key of a secret
        return access.address("STORAGE_EMULATOR_HOST", url if "://" in url else f"http://{url}")
    return Endpoint("storage.googleapis.com", 443, field=access.uri_field)


def open_storage(uri: str, access: Access) -> Opened:
    """Raises SourceAccessDenied for credentials that are not of an accepted kind."""
    options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False, "token": token_of(access)}
    if access.guard is not None:
        options["session_kwargs"] = {"proxy": access.guard.proxy_url}
    if emulator := access.get("STORAGE_EMULATOR_HOST"):
        options["endpoint_url"] = emulator
    system = GCSFileSystem(**options)
    anonymous = access.guard is not None and options["token"] == "anon"
    return Opened(system, str(system._strip_protocol(uri)), anonymous)


def token_of(access: Access, scope: str = READ_SCOPE) -> Any:
    """Credentials, or the word for how the library is to look for them; in a worker pod it never looks itself."""
    if text := access.get(KEY):
        return from_key_file(text, access, KEY, scope)
    file = access.get(FILE)
    if access.guard is None:
        return file  # without one, what the library finds
    if file is None or access.has_secret:
        return "anon"
    return _from_platform(file, access, scope)


def from_key_file(text: str, access: Access, key: str, scope: str = READ_SCOPE) -> Any:
    """Credentials made of the fields that matter; whatever else the text holds is not looked at, for a field of other
    kinds of credentials may be an address that gets a token or a file of the pod.

    Raises SourceAccessDenied, which never repeats a value.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    kind = document.get("type") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(kind, str):
        raise access.unusable(key, "is not the content of a key file")
    if kind not in _NEEDED:
        raise access.unusable(key, "has a type that is not accepted: accepted are service_account and authorized_user")
    needed = {name: document.get(name) for name in _NEEDED[kind]}
    for name, value in needed.items():
        if not isinstance(value, str) or not value:
            raise access.unusable(key, f"has no {name}")
    address = document.get("token_uri", TOKEN_ADDRESS)
    if not isinstance(address, str) or address not in _TOKEN_ADDRESSES:
        raise access.unusable(key, f"has a token_uri that is not Google's ({TOKEN_ADDRESS})")
    if document.get("universe_domain", "googleapis.com") != "googleapis.com":
        raise access.unusable(key, "has a universe_domain that is not googleapis.com")
    try:
        if kind == "authorized_user":
            return google.oauth2.credentials.Credentials(None, **needed, token_uri=TOKEN_ADDRESS, scopes=[scope])  # type: ignore[no-untyped-call]
        info = {**needed, "type": kind, "token_uri": TOKEN_ADDRESS}
        if isinstance(number := document.get("private_key_id"), str):
            info["private_key_id"] = number
        return google.oauth2.service_account.Credentials.from_service_account_info(info, scopes=[scope])
    except (ValueError, TypeError, AttributeError, GoogleAuthError):
        # Without its cause, whose text may hold a part of the key.
        raise access.unusable(key, "is not the content of a key file") from None


def _from_platform(file: str, access: Access, scope: str) -> Any:
    """Credentials of a file that the profile's environment names: also those of workload identity federation, where the
    profile names the service account whose token they exchange."""
    try:
        text = Path(file).read_text(encoding="utf-8")
        document = json.loads(text)
    except (OSError, ValueError):
        raise access.unusable(FILE, "names no file with credentials") from None
    if not isinstance(document, dict) or document.get("type") != "external_account":
        return from_key_file(text, access, FILE, scope)
    source = document.get("credential_source")
    if not access.own_identity or not isinstance(source, dict) or not isinstance(source.get("file"), str):
        raise access.unusable(
            FILE, "exchanges a token, which needs serviceAccountName in the profile and a credential_source with a file"
        )
    try:
        return google.auth.load_credentials_from_dict(document, scopes=[scope])[0]
    except (ValueError, TypeError, GoogleAuthError) as error:
        raise ReconstructionError(access.denied, f"{access.named(FILE)} can't be used.") from error
