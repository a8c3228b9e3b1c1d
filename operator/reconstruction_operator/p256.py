"""ECDSA signatures over the curve P-256 (FIPS 186-5, SP 800-186), verified with nothing but Python's integers.

For public values only: how long it takes depends on them. Each key has a table of its multiples, made once in a few
hundredths of a second; with it a signature takes less than a millisecond.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

_P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_BYTES = 32
_WINDOWS = 64
"""Of four bits each."""

_Point = tuple[int, int]
_Jacobian = tuple[int, int, int]
"""(X / Z², Y / Z³); Z is 0 for the point at infinity."""
_Table = tuple[tuple[_Point, ...], ...]


class P256Key(NamedTuple):
    """A public key."""

    table: _Table
    """For each window the point's multiples by 1 to 15, times 16 to the power of the window."""


def public_key(x: int, y: int) -> P256Key | None:
    """None where the curve has no such point."""
    if not (0 <= x < _P and 0 <= y < _P) or (y * y - (x * x * x - 3 * x + _B)) % _P:
        return None
    return P256Key(_table((x, y)))


def verified(key: P256Key, digest: bytes, signature: bytes) -> bool:
    """Whether it is the key's signature of what has the SHA-256 digest; r and s, 32 bytes each (RFC 7518, 3.4)."""
    if len(signature) != 2 * _BYTES:
        return False
    r, s = int.from_bytes(signature[:_BYTES]), int.from_bytes(signature[_BYTES:])
    if not (0 < r < _N and 0 < s < _N):
        return False
    inverse = pow(s, -1, _N)
    total = _add_multiple((1, 1, 0), _generator(), int.from_bytes(digest) * inverse % _N)
    x, _, z = _add_multiple(total, key.table, r * inverse % _N)
    return z != 0 and x * pow(z, -2, _P) % _P % _N == r


@cache
def _generator() -> _Table:
    return _table(_G)


def _table(point: _Point) -> _Table:
    """The order of the curve is prime and larger than any factor here: no multiple is at infinity, and none of the
    additions is of a point and its negative."""
    rows: list[tuple[_Point, ...]] = []
    for _ in range(_WINDOWS):
        row = [point, _double(point)]
        while len(row) < 15:
            row.append(_add(row[-1], point))
        rows.append(tuple(row))
        point = _add(row[-1], point)
    return tuple(rows)


def _add_multiple(total: _Jacobian, table: _Table, factor: int) -> _Jacobian:
    for row in table:
        if digit := factor & 15:
            total = _add_mixed(total, row[digit - 1])
        factor >>= 4
    return total


def _add_mixed(one: _Jacobian, other: _Point) -> _Jacobian:
    x1, y1, z1 = one
    x2, y2 = other
    if not z1:
        return x2, y2, 1
    zz = z1 * z1 % _P
    h, r = (x2 * zz - x1) % _P, (y2 * z1 * zz - y1) % _P
    if not h:
        return (1, 1, 0) if r else (*_double(other), 1)
    hh = h * h % _P
    hhh, v = h * hh % _P, x1 * hh % _P
    x3 = (r * r - hhh - 2 * v) % _P
    return x3, (r * (v - x3) - y1 * hhh) % _P, z1 * h % _P


def _add(one: _Point, other: _Point) -> _Point:
    """Of two points with different x."""
    return _third(one, other, (other[1] - one[1]) * pow(other[0] - one[0], -1, _P))


def _double(point: _Point) -> _Point:
    return _third(point, point, (3 * point[0] * point[0] - 3) * pow(2 * point[1], -1, _P))


def _third(one: _Point, other: _Point, slope: int) -> _Point:
    x = (slope * slope - one[0] - other[0]) % _P
    return x, (slope * (one[0] - x) - one[1]) % _P
