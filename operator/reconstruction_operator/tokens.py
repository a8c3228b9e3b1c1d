"""What a worker's token says about itself: read without a check of its signature, to refuse for nothing what can't be
valid. Only the API server decides what is (reviews.py).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import orjson

from reconstruction_api.names import PROGRESS_AUDIENCE

_LONGEST_TOKEN = 8 * 1024
_LARGEST_PAYLOAD = 4 * 1024
_LONGEST_NAME = 253
_LEEWAY_SECONDS = 60.0
"""The clocks of API server and operator differ by less."""


@dataclass(frozen=True, slots=True)
class PodIdentity:
    """The pod that a token is bound to."""

    namespace: str
    name: str
    uid: str


def claimed_identity(token: str, now: float) -> PodIdentity | None:
    """The pod that a projected token of our audience names; None for everything else, such as an expired one.

    `now` is the time in seconds since 1970. Anybody can write such a token: nothing is proven by it.
    """
    if len(token) > _LONGEST_TOKEN or token.count(".") != 2:
        return None
    head, body, signature = token.split(".")
    if not head or not signature or not isinstance(_json(head), dict):
        return None
    payload = _json(body)
    if not isinstance(payload, dict) or not _is_current(payload, now):
        return None
    audience = payload.get("aud")
    if PROGRESS_AUDIENCE not in (audience if isinstance(audience, list) else [audience]):
        return None
    return _pod(payload.get("kubernetes.io"))


def _json(part: str) -> Any:
    """One part of the token; None where it is none."""
    if len(part) > _LARGEST_PAYLOAD * 4 // 3 + 4:
        return None
    try:
        return orjson.loads(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        return None


def _is_current(payload: dict[str, Any], now: float) -> bool:
    begins, ends = payload.get("nbf", 0), payload.get("exp")
    if not isinstance(begins, int | float) or not isinstance(ends, int | float):
        return False
    return begins - _LEEWAY_SECONDS <= now < ends + _LEEWAY_SECONDS


def _pod(claim: Any) -> PodIdentity | None:
    pod = claim.get("pod") if isinstance(claim, dict) else None
    if not isinstance(pod, dict):
        return None
    namespace, name, uid = (_name(word) for word in (claim.get("namespace"), pod.get("name"), pod.get("uid")))
    return PodIdentity(namespace, name, uid) if namespace and name and uid else None


def _name(word: object) -> str:
    """Empty for what can't be one."""
    return word if isinstance(word, str) and len(word) <= _LONGEST_NAME else ""
