"""Whether a token was signed by the API server: so far as that can be found out without asking about each one.

Whoever knows a pod can write a token that names it, and only its signature gives the forgery away. The API server
publishes the keys that it signs with. Its own answer (TokenReview) still decides about what is signed: a token can have
been withdrawn. Where keys can't be had, or are of another kind than RSA and P-256, nothing is said about a signature.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import aiohttp
import orjson

from . import p256, paths
from .kube import ApiError, Kube
from .p256 import P256Key

_log = logging.getLogger(__name__)

_PAUSE_SECONDS = 60.0
"""Between two questions for keys: a new key signs for a day or more."""
_SECONDS = 5.0
_KEY_SET = "application/jwk-set+json"
_MOST_KEYS = 16
_LARGEST_EXPONENT = 1 << 32
_LARGEST_MODULUS_BITS = 8192
_RSA_HASHES = {"RS256": "sha256", "RS384": "sha384", "RS512": "sha512"}
_P256_ALGORITHM = "ES256"
_PREFIXES = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
"""How PKCS #1 v1.5 names a hash (RFC 8017, section 9.2)."""


class RsaKey(NamedTuple):
    """A public key."""

    modulus: int
    exponent: int


Key = RsaKey | P256Key


class SigningKeys:
    """The keys of the API server, asked for when a token names one that is not known, at most once a minute."""

    def __init__(self, kube: Kube, clock: Callable[[], float]):
        self._kube = kube
        self._clock = clock
        self._keys: dict[str, Key] = {}
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def signed(self, token: str) -> bool | None:
        """None when that can't be said."""
        head, _, signature = token.rpartition(".")
        algorithm, name = _header(head.partition(".")[0])
        if algorithm not in _RSA_HASHES and algorithm != _P256_ALGORITHM:
            return None
        if name not in self._keys:
            await self._ask()
        key, text = self._keys.get(name), head.encode()
        if isinstance(key, RsaKey) and algorithm in _RSA_HASHES:
            return verified(key, _RSA_HASHES[algorithm], text, _decoded(signature))
        if isinstance(key, P256Key) and algorithm == _P256_ALGORITHM:
            return p256.verified(key, hashlib.sha256(text).digest(), _decoded(signature))
        return None if key is None else False  # no token is signed with a key of another kind

    async def _ask(self) -> None:
        async with self._asking:
            if self._clock() < self._asked_at + _PAUSE_SECONDS:
                return
            self._asked_at = self._clock()
            try:
                async with asyncio.timeout(_SECONDS):
                    self._keys = usable_keys(await self._kube.get(paths.SIGNING_KEYS, accept=_KEY_SET))
            except (ApiError, aiohttp.ClientError, TimeoutError, ValueError) as error:
                _log.info("the keys of service account tokens can't be read: %s", error)


def usable_keys(document: Any) -> dict[str, Key]:
    """Those of a JSON Web Key Set (RFC 7517) that signatures can be verified with, by their identifiers."""
    listed = document.get("keys") if isinstance(document, dict) else None
    found: dict[str, Key] = {}
    for each in listed[:_MOST_KEYS] if isinstance(listed, list) else []:
        if isinstance(each, dict) and isinstance(each.get("kid"), str):
            key = _rsa_key(each) if each.get("kty") == "RSA" else _p256_key(each)
            if key is not None:
                found[each["kid"]] = key
    return found


def _rsa_key(document: dict[str, Any]) -> RsaKey | None:
    key = RsaKey(_number(document, "n"), _number(document, "e"))
    fits = 2 < key.exponent < _LARGEST_EXPONENT and 1024 <= key.modulus.bit_length() <= _LARGEST_MODULUS_BITS
    return key if fits else None


def _p256_key(document: dict[str, Any]) -> P256Key | None:
    if (document.get("kty"), document.get("crv")) != ("EC", "P-256"):
        return None
    return p256.public_key(_number(document, "x"), _number(document, "y"))


def _number(document: dict[str, Any], part: str) -> int:
    return int.from_bytes(_decoded(str(document.get(part, ""))))


def verified(key: RsaKey, hash_name: str, text: bytes, signature: bytes) -> bool:
    """Whether it is the RSASSA-PKCS1-v1_5 signature of the text."""
    length = (key.modulus.bit_length() + 7) // 8
    number = int.from_bytes(signature)
    if len(signature) != length or number >= key.modulus:
        return False
    digest = _PREFIXES[hash_name] + hashlib.new(hash_name, text).digest()
    expected = b"\x00\x01" + b"\xff" * (length - len(digest) - 3) + b"\x00" + digest
    return hmac.compare_digest(pow(number, key.exponent, key.modulus).to_bytes(length), expected)


def _header(part: str) -> tuple[str, str]:
    """Algorithm and key that a token names, as texts."""
    try:
        header = orjson.loads(_decoded(part))
    except ValueError:
        return "", ""
    if not isinstance(header, dict):
        return "", ""
    return str(header.get("alg", "")), str(header.get("kid", ""))


def _decoded(part: str) -> bytes:
    """Empty where it is no base64url."""
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
