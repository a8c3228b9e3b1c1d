"""`spec.destination`: where a job's results are published, so that they are of use without the job's volume."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import ClassVar, Final

from pydantic import Field

from .base import ApiModel, DNSSubdomain, RelativePath
from .rules import BLANK, INVISIBLE, Rule, cel_pattern
from .source import CREDENTIALS as SOURCE_CREDENTIALS

_WEB: Final = r"^https?://[^/?#@\\]+(/[^?#\\]*)?$"
_UNADORNED: Final = rf"^[^{BLANK}{INVISIBLE}?#@\\]([^{INVISIBLE}?#@\\]*[^{BLANK}{INVISIBLE}?#@\\])?$"
"""No query, no fragment, no user: nothing that could be a secret."""
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
PLACEHOLDERS: Final = ("namespace", "name", "uid")
"""What `{...}` in a prefix may stand for: metadata of the job."""

HTTP_AUTHORIZATION: Final = "HTTP_AUTHORIZATION"
"""Key of a secret: value of the header `Authorization` for https:// destinations."""
CREDENTIALS: Final = SOURCE_CREDENTIALS | {HTTP_AUTHORIZATION}
"""Keys of the secret of `Destination.secret_name` that mean something."""


def _is_below(path: str) -> bool:
    return not {"..", "."} & set(path.split("/"))


class WhoOverwrites(StrEnum):
    """Whose `latest.json` a job may replace."""

    JOB = "Job"
    NAME = "Name"
    ANYONE = "Anyone"


class ClaimDestination(ApiModel):
    """A folder on a persistent volume claim in the job's namespace."""

    rules: ClassVar = (
        Rule(
            "path must stay on the volume: no '..' in it",
            cel="!self.path.split('/').exists(part, part == '..' || part == '.')",
            holds=lambda claim: _is_below(claim.path),
            field="path",
        ),
        Rule(
            "path must have no line breaks, control characters, '?', '#', '@' and backslashes",
            cel=f"self.path == '' || self.path.matches({cel_pattern(_UNADORNED)})",
            holds=lambda claim: claim.path == "" or re.fullmatch(_UNADORNED, claim.path) is not None,
            field="path",
        ),
    )

    claim_name: DNSSubdomain
    """Name of the claim. It is mounted for writing; not the job's own workspace."""
    path: RelativePath = ""
    """Folder on the volume, relative to its root; empty is the root. `{namespace}`, `{name}` and `{uid}` stand for the
    job's."""


class EncryptionMethod(StrEnum):
    STORAGE_KEY = "StorageKey"
    KMS = "KMS"


class Encryption(ApiModel):
    """How the storage encrypts what it keeps."""

    rules: ClassVar = (
        Rule(
            "keyName is for method KMS; leave it out for StorageKey",
            cel="!has(self.keyName) || self.method == 'KMS'",
            holds=lambda encryption: encryption.key_name is None or encryption.method is EncryptionMethod.KMS,
            field="keyName",
        ),
    )

    method: EncryptionMethod
    """`StorageKey`: with keys that the storage manages (SSE-S3). `KMS`: with a key of its key management service
    (SSE-KMS)."""
    key_name: str | None = Field(default=None, min_length=1, max_length=2048, pattern="^[A-Za-z0-9:/_.-]+$")
    """Name or ARN of the key; the account's default key when unset."""


def _on_s3(destination: Destination) -> bool:
    return destination.uri is not None and destination.uri.startswith("s3://")


class Destination(ApiModel):
    """Where results are published: exactly one of `uri` and `persistentVolumeClaim`."""

    rules: ClassVar = (
        Rule(
            "set exactly one of uri and persistentVolumeClaim",
            cel="has(self.uri) != has(self.persistentVolumeClaim)",
            holds=lambda destination: (destination.uri is None) != (destination.persistent_volume_claim is None),
        ),
        Rule(
            "secretName holds the credentials for uri; a claim needs none",
            cel="!has(self.secretName) || has(self.uri)",
            holds=lambda destination: destination.secret_name is None or destination.uri is not None,
            field="secretName",
        ),
        Rule(
            "uri must begin with s3://, gs://, az:// or https://; a path works only in local runs, so name a volume "
            "claim in persistentVolumeClaim",
            cel="!has(self.uri) || self.uri.matches('^(s3|gs|az|https)://[^/]')",
            field="uri",
        ),
        Rule(
            "uri must have no query, fragment, user name or password, backslashes and control characters, and no "
            "spaces at its ends; credentials belong in the Secret that secretName names",
            cel=f"!has(self.uri) || self.uri.matches({cel_pattern(_UNADORNED)})",
            holds=lambda destination: destination.uri is None or re.fullmatch(_UNADORNED, destination.uri) is not None,
            field="uri",
        ),
        Rule(
            "uri must have no empty part, '.' or '..' in its path",
            cel="!has(self.uri) || (!self.uri.split('/').exists(part, part in ['.', '..']) && "
            "!self.uri.replace('://', '').contains('//'))",
            holds=lambda destination: destination.uri is None or not _odd_path(destination.uri),
            field="uri",
        ),
        Rule(
            "in uri and path, only {namespace}, {name} and {uid} may stand in braces",
            cel="(!has(self.uri) || !self.uri.replace('{namespace}', '').replace('{name}', '').replace('{uid}', '')"
            ".matches('[{}]')) && (!has(self.persistentVolumeClaim) || !self.persistentVolumeClaim.path"
            ".replace('{namespace}', '').replace('{name}', '').replace('{uid}', '').matches('[{}]'))",
            holds=lambda destination: not unknown_placeholders(location(destination)),
        ),
        Rule(
            "encryption and requesterPays are for s3://",
            cel="(!has(self.encryption) && !self.requesterPays) || (has(self.uri) && self.uri.startsWith('s3://'))",
            holds=lambda destination: (
                (destination.encryption is None and not destination.requester_pays) or _on_s3(destination)
            ),
        ),
        Rule(
            "publicBaseURL must be an address such as https://cdn.example.org/models, without user and query",
            cel=f"!has(self.publicBaseURL) || self.publicBaseURL.matches({cel_pattern(_WEB)})",
            holds=lambda destination: (
                destination.public_base_url is None or re.fullmatch(_WEB, destination.public_base_url) is not None
            ),
            field="publicBaseURL",
        ),
    )

    uri: str | None = Field(default=None, min_length=1, max_length=1024)
    """Prefix that belongs to this job alone: `s3://bucket/statue/`, `gs://`, `az://`, or an `https://` address whose
    server takes PUT. `{namespace}`, `{name}` and `{uid}` stand for the job's. Each set of results gets a prefix of its
    own below it; `latest.json` there leads to the newest. In local runs also a path, relative to the file that names
    it."""
    secret_name: DNSSubdomain | None = None
    """Secret in the job's namespace with credentials that may write, read, list and delete below `uri`: the keys of
    `source.secretName`, or `HTTP_AUTHORIZATION`, the value of that header, for `https://`."""
    persistent_volume_claim: ClaimDestination | None = None
    """A folder on another volume claim, instead of `uri`."""
    public_base_url: str | None = Field(default=None, alias="publicBaseURL", min_length=1, max_length=1024)
    """Where readers find what is below `uri`, such as the address of a CDN: `status.artifacts` then has these
    addresses."""
    cache_seconds: int | None = Field(default=None, ge=0, le=31_536_000)
    """How long readers may keep a file of a set (`Cache-Control`); a year when unset, for files of a set never change.
    `latest.json` is always asked for again."""
    encryption: Encryption | None = None
    """How the storage encrypts the objects; as the bucket says when unset."""
    requester_pays: bool = False
    """The bucket charges those who ask: requests say that the credentials' account pays."""


def location(destination: Destination) -> str:
    """The prefix as its author wrote it, with `/` at its end; of a claim `pvc://CLAIM/PATH/`."""
    claim = destination.persistent_volume_claim
    text = destination.uri if claim is None else f"pvc://{claim.claim_name}/{claim.path}"
    return f"{(text or '').rstrip('/')}/"


def expanded(text: str, *, namespace: str, name: str, uid: str) -> str:
    """With what the placeholders stand for."""
    values = {"namespace": namespace, "name": name, "uid": uid}
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


def unknown_placeholders(text: str) -> bool:
    """Whether braces hold anything else than a placeholder, or don't match."""
    return any(brace in _PLACEHOLDER.sub(lambda f: "" if f[1] in PLACEHOLDERS else f[0], text) for brace in "{}")


def overlap(one: str, other: str) -> bool:
    """Whether one of two prefixes, each with `/` at its end, lies within the other."""
    return one.startswith(other) or other.startswith(one)


def _odd_path(uri: str) -> bool:
    _, separator, rest = uri.partition("://")
    parts = rest.removesuffix("/").split("/") if separator else []
    return any(part in ("", ".", "..") for part in parts)
