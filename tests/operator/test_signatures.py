"""Which tokens the API server can have signed."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from reconstruction_operator import p256
from reconstruction_operator.kube import ApiError
from reconstruction_operator.signatures import RsaKey, SigningKeys, usable_keys

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
CURVE = ec.generate_private_key(ec.SECP256R1())
HASHES = {"RS256": hashes.SHA256(), "RS384": hashes.SHA384(), "RS512": hashes.SHA512()}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8))


def published(key: rsa.RSAPrivateKey, name: str = "k") -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "kid": name, "use": "sig", "n": number(numbers.n), "e": number(numbers.e)}


def token(key: rsa.RSAPrivateKey = KEY, algorithm: str = "RS256", name: str = "k", claims: Any = "mine") -> str:
    text = b64(orjson.dumps({"alg": algorithm, "kid": name})) + "." + b64(orjson.dumps({"sub": claims}))
    return f"{text}.{b64(key.sign(text.encode(), padding.PKCS1v15(), HASHES[algorithm]))}"


def published_curve(name: str = "c") -> dict[str, str]:
    numbers = CURVE.public_key().public_numbers()
    return {"kty": "EC", "kid": name, "crv": "P-256", "x": number(numbers.x), "y": number(numbers.y)}


def curve_token(key: ec.EllipticCurvePrivateKey = CURVE, claims: Any = "mine", name: str = "c") -> str:
    text = b64(orjson.dumps({"alg": "ES256", "kid": name})) + "." + b64(orjson.dumps({"sub": claims}))
    r, s = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{text}.{b64(r.to_bytes(32) + s.to_bytes(32))}"


class ApiServer:
    def __init__(self, *keys: dict[str, str]):
        self.keys = list(keys)
        self.asked = 0
        self.broken = False

    async def get(self, path: str, *, accept: str) -> dict[str, Any]:
        assert (path, accept) == ("/openid/v1/jwks", "application/jwk-set+json")
        self.asked += 1
        if self.broken:
            raise ApiError(403, "Forbidden", "not for you")
        return {"keys": self.keys}


def keys_of(server: ApiServer, now: list[float]) -> SigningKeys:
    return SigningKeys(server, lambda: now[0])  # type: ignore[arg-type]


@pytest.mark.parametrize("algorithm", HASHES)
async def test_a_signature_of_the_api_server_is_told_from_a_forged_one(algorithm: str) -> None:
    keys = keys_of(ApiServer(published(KEY)), [0.0])
    good = token(algorithm=algorithm)
    assert await keys.signed(good) is True
    assert await keys.signed(token(OTHER, algorithm)) is False
    head, body, signature = good.split(".")
    for forged in (
        f"{head}.{b64(b'{}')}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-4]}",
        f"{head}.{body}.AAAA{signature}",
        f"{head}.{body}.{'_' * len(signature)}",
        f"{head}.{body}.{b64(bytes(256))}",
        f"{head}.{body}.!",
    ):
        assert await keys.signed(forged) is False


@pytest.mark.parametrize(
    "header",
    [{"alg": "none"}, {"alg": "HS256", "kid": "k"}, {"alg": "ES384", "kid": "k"}, {"alg": ["RS256"]}, {}, [], 7],
)
async def test_nothing_is_said_about_other_kinds_of_signatures(header: Any) -> None:
    keys = keys_of(ApiServer(published(KEY)), [0.0])
    assert await keys.signed(f"{b64(orjson.dumps(header))}.{b64(b'{}')}.AAAA") is None
    assert await keys.signed("no token") is None


async def test_keys_are_asked_for_when_a_new_one_appears_and_not_for_each_made_up_one() -> None:
    now, server = [0.0], ApiServer(published(KEY))
    keys = keys_of(server, now)
    assert await keys.signed(token()) is True
    for each in range(20):
        assert await keys.signed(token(OTHER, name=f"made up {each}")) is None
    assert server.asked == 1
    now[0], server.keys = 61.0, [published(KEY), published(OTHER, "next")]
    assert await keys.signed(token(OTHER, name="next")) is True
    assert await keys.signed(token()) is True
    assert server.asked == 2


async def test_without_keys_nothing_is_said() -> None:
    server = ApiServer()
    server.broken = True
    assert await keys_of(server, [0.0]).signed(token()) is None


def test_keys_of_other_kinds_and_unusable_ones_are_left_out() -> None:
    curve = CURVE.public_key().public_numbers()
    elliptic = {"kty": "EC", "kid": "e", "crv": "P-384", "x": number(curve.x), "y": number(curve.y)}
    beside = elliptic | {"crv": "P-256", "y": number(curve.y ^ 1)}
    broken = [
        beside,
        {"kty": "RSA", "kid": "a"},
        {"kty": "RSA", "kid": "b", "n": "AQ", "e": "AQAB"},
        {"kty": "RSA"},
        7,
        None,
    ]
    huge = published(KEY, "c") | {"e": number(1 << 4000)}
    found = usable_keys({"keys": [elliptic, *broken, huge, published(KEY)]})
    assert found == {"k": RsaKey(KEY.public_key().public_numbers().n, 65537)}
    assert usable_keys({"keys": "none"}) == usable_keys([]) == {}


async def test_a_signature_over_p256_is_told_from_a_forged_one() -> None:
    keys = keys_of(ApiServer(published_curve(), published(KEY)), [0.0])
    for claims in range(50):
        good = curve_token(claims=claims)
        assert await keys.signed(good) is True
        head, body, signature = good.split(".")
        assert await keys.signed(f"{head}.{b64(b'{}')}.{signature}") is False
    other = ec.generate_private_key(ec.SECP256R1())
    assert await keys.signed(curve_token(other)) is False
    for r, s in ((0, 0), (0, 1), (1, 0), (ORDER, 1), (1, ORDER), (ORDER + 1, 1), (1, 1), (ORDER - 1, ORDER - 1)):
        assert await keys.signed(f"{head}.{body}.{b64(r.to_bytes(32) + s.to_bytes(32))}") is False
    for signature in ("", b64(bytes(63)), b64(bytes(65)), "!"):
        assert await keys.signed(f"{head}.{body}.{signature}") is False


async def test_a_key_signs_only_with_the_algorithm_of_its_kind() -> None:
    keys = keys_of(ApiServer(published_curve("k"), published(KEY, "c")), [0.0])
    assert await keys.signed(token(name="k")) is False
    assert await keys.signed(curve_token(name="c")) is False


@pytest.mark.parametrize("factor", [1, 2, 3, 15, 16, 17, 2**255, ORDER - 1])
def test_signatures_of_keys_that_are_special_multiples_are_verified(factor: int) -> None:
    """Among them the generator itself and its negative: sums meet equal and opposite points."""
    key = ec.derive_private_key(factor, ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    ours = p256.public_key(numbers.x, numbers.y)
    assert ours is not None
    for text in (b"one", b"two", b"three"):
        r, s = utils.decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
        digest = hashlib.sha256(text).digest()
        assert p256.verified(ours, digest, r.to_bytes(32) + s.to_bytes(32))
        assert not p256.verified(ours, digest, s.to_bytes(32) + r.to_bytes(32))
