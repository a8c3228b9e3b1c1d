"""Which parts of addresses may be secrets, and how such parts are kept out of messages, logs and status.

A presigned address carries its signature in the query, a webhook's carries its token in the path. People need to see
which address is meant, so the rest of it is shown.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

_SCHEME: Final = "[A-Za-z][A-Za-z0-9+.-]{0,30}"
_ADDRESS: Final = re.compile(rf"({_SCHEME})://([^/?#]*)([^?#]*)", re.DOTALL)
_QUOTES: Final = "'\"`<>"
_IN_TEXT: Final = re.compile(
    rf"(?P<scheme>\b{_SCHEME}://)(?P<user>[^\s/?#@{_QUOTES}]{{1,512}}@)?"
    rf"(?P<path>[^\s?#{_QUOTES}]{{0,4096}})(?P<rest>[?#][^\s{_QUOTES}]*)?"
)
_ASSIGNED: Final = re.compile(
    r"(?i)\b(AccountKey|SharedAccessSignature|client_secret|refresh_token|private_key(?:_id)?|password|"
    r"x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential)|sig|signature|access_token|"
    r"aws_secret_access_key|aws_session_token)"
    r"(\"?\s*[=:]\s*\"?)([^\s\"'&;,<>]{4,})"
)
_HEADER: Final = re.compile(r"(?i)\b((?:proxy-)?authorization['\"]?\s*[:=]\s*['\"]?)[^\r\n\"']+")
_KEY_BLOCK: Final = re.compile(r"-----BEGIN ([A-Z ]{0,40}PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL)
HIDDEN: Final = "[hidden]"
MORE: Final = "…"
"""Stands for the part of an address that is not shown."""


def shown_address(uri: str) -> str:
    """The address without user name, password, query and fragment. A path without a scheme is shown as it is."""
    found = _ADDRESS.match(uri)
    if found is None:
        return uri
    scheme, authority, path = found.groups()
    return f"{scheme}://{authority.rpartition('@')[2]}{path}"


def shown_receiver(url: str) -> str:
    """The receiver of notifications as `scheme://host:port/…`: paths of webhooks are secrets as often as queries."""
    found = _ADDRESS.match(url)
    if found is None:
        return MORE
    scheme, authority, path = found.groups()
    nothing_more = path in ("", "/") and found.end() == len(url)
    return f"{scheme}://{authority.rpartition('@')[2]}{path if nothing_more else f'/{MORE}'}"


def receiver_id(url: str) -> str:
    """Distinguishes receivers whose addresses are shown alike."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def scrubbed(text: str) -> str:
    """Text of other software, such as the message of an exception, without what looks like a secret: queries and
    passwords in addresses, signatures, account keys, private keys, headers that authorise."""
    if "://" in text:
        text = _IN_TEXT.sub(_shown, text)
    if "PRIVATE KEY" in text:
        text = _KEY_BLOCK.sub(HIDDEN, text)
    return _HEADER.sub(rf"\1{HIDDEN}", _ASSIGNED.sub(rf"\1\2{HIDDEN}", text))


def scrubbed_data(value: Any) -> Any:
    """JSON data with every text in it scrubbed."""
    if isinstance(value, str):
        return scrubbed(value)
    if isinstance(value, Mapping):
        return {name: scrubbed_data(member) for name, member in cast(Mapping[Any, Any], value).items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [scrubbed_data(entry) for entry in cast(Sequence[Any], value)]
    return value


def _shown(found: re.Match[str]) -> str:
    rest = f"?{MORE}" if found["rest"] else ""
    return f"{found['scheme']}{found['path']}{rest}"
