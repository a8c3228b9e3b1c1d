"""Signatures of notifications, as https://www.standardwebhooks.com describes them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

ENTRY = "webhook-key"
"""Entry of the secret that holds the key."""
_SHORTEST_KEY_BYTES = 16
_PREFIX = b"whsec_"


class UnusableKeyError(ValueError):
    """The secret holds no usable key."""


def key_of(secret: dict[str, str]) -> bytes:
    """The key from a Secret's data (base64): as it is, or base64 after `whsec_`. Raises UnusableKeyError."""
    encoded = secret.get(ENTRY)
    if encoded is None:
        raise UnusableKeyError(f"it has no entry {ENTRY}")
    key = base64.b64decode(encoded).rstrip(b"\r\n")
    if key.startswith(_PREFIX):
        try:
            key = base64.b64decode(key.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            raise UnusableKeyError(f"its entry {ENTRY} is not base64 after whsec_") from None
    if len(key) < _SHORTEST_KEY_BYTES:
        raise UnusableKeyError(f"its entry {ENTRY} is shorter than {_SHORTEST_KEY_BYTES} bytes")
    return key


def headers(key: bytes, identifier: str, timestamp: int, body: bytes) -> dict[str, str]:
    """`timestamp` is in seconds since 1970."""
    signed = f"{identifier}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }
