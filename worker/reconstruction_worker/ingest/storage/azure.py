"""Azure Blob Storage: az://."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import fsspec
from adlfs import AzureBlobFileSystem
from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.identity.aio import ClientSecretCredential, WorkloadIdentityCredential
from azure.storage.blob.aio import BlobServiceClient

from reconstruction_api.errors import ReconstructionError

from .access import Access, Endpoint, Opened

CONNECTION: Final = "AZURE_STORAGE_CONNECTION_STRING"
ACCOUNT: Final = "AZURE_STORAGE_ACCOUNT_NAME"
AUTHORITIES: Final = ("login.microsoftonline.com", "login.microsoftonline.us", "login.chinacloudapi.cn")
"""Microsoft's; the first where the platform names no other in AZURE_AUTHORITY_HOST."""
_ACCOUNT: Final = re.compile(r"[a-z0-9]{3,24}")
_TENANT: Final = re.compile(r"[A-Za-z0-9.-]{1,255}")
_SUFFIX: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_PARTS: Final = {
    name.lower(): name
    for name in (
        "AccountName", "AccountKey", "SharedAccessSignature", "EndpointSuffix", "BlobEndpoint",
        "DefaultEndpointsProtocol",
    )
}  # fmt: skip
_OF_NO_USE: Final = frozenset({"queueendpoint", "tableendpoint", "fileendpoint", "blobsecondaryendpoint"})
"""Parts that the portal writes into connection strings and that reading blobs does not need."""


@dataclass(frozen=True, slots=True)
class Account:
    """Where an account's blobs are, and what opens it; None for what anybody may read."""

    url: str
    endpoint: Endpoint
    credential: Any = None


class _GuardedFileSystem(AzureBlobFileSystem):
    """With a client that is given, instead of one that the library makes of what it finds."""

    def __init__(self, client: dict[str, Any], **options: Any):
        self._client = client
        super().__init__(**options)

    def do_connect(self) -> None:
        self.service_client = BlobServiceClient(**self._client)


def endpoint(uri: str, access: Access) -> Endpoint:
    if access.guard is None:
        return Endpoint("blob.core.windows.net", 443, field=access.uri_field)
    return account_of(uri, access).endpoint


def open_storage(uri: str, access: Access) -> Opened:
    """Raises SourceAccessDenied for credentials that are incomplete or not what they should be."""
    options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
    if access.guard is None:
        system, root = fsspec.core.url_to_fs(uri, **options)
        return Opened(system, root)
    account = account_of(uri, access)
    client = {"account_url": account.url, "credential": account.credential, "proxies": access.proxies}
    token = account.credential if hasattr(account.credential, "get_token") else None
    system = _GuardedFileSystem(client, account_name="given", anon=True, credential=token, **options)
    return Opened(system, str(system._strip_protocol(uri)), anonymous=account.credential is None)


def account_of(uri: str, access: Access) -> Account:
    if text := access.get(CONNECTION):
        return _from_connection_string(text, access)
    name = _in_address(uri, access) or access.matching(ACCOUNT, _ACCOUNT, "the name of a storage account")
    if name is None:
        raise ReconstructionError(
            access.denied,
            f"{access.uri_field}: {ACCOUNT} is set nowhere, so the account is unknown.",
            suggestion=f"Set {access.part}.secretName to a secret with {ACCOUNT} and a key or SAS token, or with "
            f"{CONNECTION}.",
        )
    host = f"{name}.blob.core.windows.net"
    return Account(f"https://{host}", Endpoint(host, 443, field=access.uri_field), _credential(name, access))


def _in_address(uri: str, access: Access) -> str | None:
    """Of `abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/...`."""
    parts = urlsplit(uri)
    found = re.fullmatch(r"([^.]*)\.(?:dfs|blob)\.core\.windows\.net", parts.hostname or "")
    if found is None:
        if "@" in parts.netloc:
            raise ReconstructionError(
                "InvalidSpec",
                f"{access.uri_field}: after '@' comes ACCOUNT.dfs.core.windows.net.",
                details={"field": access.uri_field},
            )
        return None
    if not _ACCOUNT.fullmatch(found[1]):
        raise ReconstructionError(
            "InvalidSpec",
            f"{access.uri_field}: this is not the name of a storage account.",
            details={"field": access.uri_field},
        )
    return found[1]


def _credential(name: str, access: Access) -> Any:
    """A key, a token, a client's identity, else that of the pod's service account, else nobody's."""
    if key := access.get("AZURE_STORAGE_ACCOUNT_KEY"):
        return AzureNamedKeyCredential(name, key)
    if token := access.get("AZURE_STORAGE_SAS_TOKEN"):
        return AzureSasCredential(token.removeprefix("?"))
    tenant = access.matching("AZURE_STORAGE_TENANT_ID", _TENANT, "the identifier of a tenant")
    client, secret = access.get("AZURE_STORAGE_CLIENT_ID"), access.get("AZURE_STORAGE_CLIENT_SECRET")
    if tenant and client and secret:
        return ClientSecretCredential(tenant, client, secret, authority=AUTHORITIES[0], proxies=access.proxies)
    if tenant or client or secret:
        raise ReconstructionError(
            access.denied,
            "A client's identity needs AZURE_STORAGE_TENANT_ID, AZURE_STORAGE_CLIENT_ID and "
            "AZURE_STORAGE_CLIENT_SECRET together; not all of them are set.",
        )
    token_file = access.get("AZURE_FEDERATED_TOKEN_FILE")
    tenant, client = access.get("AZURE_TENANT_ID"), access.get("AZURE_CLIENT_ID")
    if access.own_identity and token_file and tenant and client:
        return WorkloadIdentityCredential(
            tenant_id=tenant,
            client_id=client,
            token_file_path=token_file,
            authority=_authority(access),
            proxies=access.proxies,
        )
    return None


def _authority(access: Access) -> str:
    host = urlsplit(access.get("AZURE_AUTHORITY_HOST") or "").hostname
    return host if host in AUTHORITIES else AUTHORITIES[0]


def _from_connection_string(text: str, access: Access) -> Account:
    parts: dict[str, str] = {}
    for part in text.strip().strip(";").split(";"):
        name, separator, value = part.partition("=")
        known = name.strip().lower()
        if known in _OF_NO_USE:
            continue
        if not separator or known not in _PARTS:
            accepted = ", ".join(_PARTS.values())
            raise access.unusable(CONNECTION, f"has a part that is not accepted; accepted are {accepted}")
        parts[_PARTS[known]] = value
    account = parts.get("AccountName", "")
    if account and not _ACCOUNT.fullmatch(account):
        raise access.unusable(CONNECTION, "has an AccountName that is not the name of a storage account")
    url = parts.get("BlobEndpoint") or _default_address(parts, access)
    where = access.address(CONNECTION, url)
    credential: Any = None
    if key := parts.get("AccountKey"):
        if not account:
            raise access.unusable(CONNECTION, "has an AccountKey without AccountName")
        credential = AzureNamedKeyCredential(account, key)
    elif token := parts.get("SharedAccessSignature"):
        credential = AzureSasCredential(token.removeprefix("?"))
    return Account(url.rstrip("/"), where, credential)


def _default_address(parts: dict[str, str], access: Access) -> str:
    account, suffix = parts.get("AccountName"), parts.get("EndpointSuffix", "core.windows.net")
    protocol = parts.get("DefaultEndpointsProtocol", "https")
    if not account:
        raise access.unusable(CONNECTION, "has neither AccountName nor BlobEndpoint")
    if protocol not in ("http", "https") or not _SUFFIX.fullmatch(suffix):
        raise access.unusable(CONNECTION, "has an EndpointSuffix or DefaultEndpointsProtocol that can't be used")
    return f"{protocol}://{account}.blob.{suffix}"
