"""HTTP clients that mean harm: each does its worst at an address, and returns what it was answered."""

from __future__ import annotations

import asyncio
import gzip
import json
import secrets
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass

PATIENCE_SECONDS = 2.0
"""How long a client waits for an answer, or for the connection to be closed."""
MIB = 1024 * 1024


@dataclass(frozen=True)
class Target:
    """Where the client goes and what it has got hold of."""

    port: int
    forged: Callable[[], str]
    """A new token each time, with true claims and a wrong signature."""
    stolen: str
    """A valid token of a pod of another namespace."""
    host: str = "127.0.0.1"
    patience: float = PATIENCE_SECONDS


Client = Callable[[Target], Coroutine[None, None, list[bytes]]]
CLIENTS: dict[str, Client] = {}


def client(attack: Client) -> Client:
    CLIENTS[attack.__name__] = attack
    return attack


def head(
    token: str = "", method: str = "POST", path: str = "/v1/progress", version: str = "1.1", **fields: str
) -> bytes:
    """The lines before a body; in names of fields `_` stands for `-`."""
    known = {"Host": "operator"} | ({"Authorization": f"Bearer {token}"} if token else {})
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in (known | fields).items()]
    return "\r\n".join([f"{method} {path} HTTP/{version}", *lines, "", ""]).encode()


async def send(target: Target, *parts: bytes, pause: float = 0.0) -> bytes:
    """The answer, as far as it came before the server closed the connection or patience was over."""
    answer = b""
    with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
        async with asyncio.timeout(target.patience):
            reader, writer = await asyncio.open_connection(target.host, target.port)
            try:
                reading = asyncio.create_task(reader.read(MIB))
                with suppress(OSError):  # the server may have answered before it closed the connection
                    for part in parts:
                        writer.write(part)
                        await writer.drain()
                        if pause and (await asyncio.wait([reading], timeout=pause))[0]:
                            break
                answer = await reading
            finally:
                writer.close()
    return answer


def status(answer: bytes) -> int:
    """0 when there was none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else 0


def update(namespace: str = "museum") -> bytes:
    return json.dumps({"namespace": namespace, "name": "statue", "uid": "u", "attempt": 1, "sequence": 1}).encode()


@client
async def slow_headers(target: Target) -> list[bytes]:
    return [await send(target, *[bytes([byte]) for byte in head("a.b.c")], pause=0.1)]


@client
async def slow_body(target: Target) -> list[bytes]:
    return [await send(target, head(target.stolen, Content_Length="60000"), *[b" "] * 60, pause=0.1)]


@client
async def slow_chunks(target: Target) -> list[bytes]:
    return [await send(target, head(target.stolen, Transfer_Encoding="chunked"), *[b"1\r\n \r\n"] * 60, pause=0.1)]


@client
async def silence(target: Target) -> list[bytes]:
    return list(await asyncio.gather(*(send(target) for _ in range(20))))


@client
async def half_open(target: Target) -> list[bytes]:
    """Says that it has no more to say, in the middle of a request."""
    answer = b""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(target.patience):
            reader, writer = await asyncio.open_connection(target.host, target.port)
            writer.write(head(target.stolen, Content_Length="100"))
            writer.write_eof()
            answer = await reader.read(MIB)
            writer.close()
    return [answer]


@client
async def endless_header(target: Target) -> list[bytes]:
    return [await send(target, b"POST /v1/progress HTTP/1.1\r\nX: ", *[b"y" * 65536] * 64)]


@client
async def many_headers(target: Target) -> list[bytes]:
    return [await send(target, b"POST /v1/progress HTTP/1.1\r\n", *[b"X-%d: y\r\n" % n for n in range(5000)], b"\r\n")]


@client
async def endless_address(target: Target) -> list[bytes]:
    return [await send(target, b"POST /" + b"a" * MIB + b" HTTP/1.1\r\n\r\n")]


@client
async def endless_token(target: Target) -> list[bytes]:
    return [await send(target, head("a." * 30_000))]


@client
async def endless_body(target: Target) -> list[bytes]:
    return [await send(target, head(target.stolen, Content_Length=str(1 << 40)), *[b"[" * 65536] * 64)]


@client
async def chunks_without_end(target: Target) -> list[bytes]:
    chunk = b"10000\r\n" + b"[" * 65536 + b"\r\n"
    return [await send(target, head(target.stolen, Transfer_Encoding="chunked"), *[chunk] * 64)]


@client
async def chunk_extensions(target: Target) -> list[bytes]:
    chunk = b"1;" + b"x" * 65536 + b"\r\n[\r\n"
    return [await send(target, head(target.stolen, Transfer_Encoding="chunked"), *[chunk] * 64)]


@client
async def compressed_bomb(target: Target) -> list[bytes]:
    body = gzip.compress(b" " * 50 * MIB)
    fields = {"Content_Encoding": "gzip", "Content_Length": str(len(body))}
    return [await send(target, head(target.stolen, **fields) + body)]


@client
async def two_lengths(target: Target) -> list[bytes]:
    lines = head("a.b.c", Content_Length="2", Transfer_Encoding="chunked")
    return [await send(target, lines + b"0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n")]


@client
async def pipeline(target: Target) -> list[bytes]:
    return [await send(target, *[head("a.b.c", Content_Length="0") * 1000] * 4)]


@client
async def wrong_methods(target: Target) -> list[bytes]:
    methods = ("GET", "PUT", "DELETE", "TRACE", "CONNECT", "OPTIONS", "PRI", "M-SEARCH", "XYZZY")
    return [await send(target, head("a.b.c", method, Content_Length="0")) for method in methods]


@client
async def old_http(target: Target) -> list[bytes]:
    return [await send(target, head("a.b.c", version=version)) for version in ("1.0", "0.9", "2.0", "9.9")]


@client
async def upgrade(target: Target) -> list[bytes]:
    websocket = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec_WebSocket_Key": "a",
        "Sec_WebSocket_Version": "13",
    }
    return [await send(target, head("a.b.c", Content_Length="0", **websocket), b"\x81\xff" + b"\xff" * 70_000)]


@client
async def garbage(target: Target) -> list[bytes]:
    return [await send(target, secrets.token_bytes(size)) for size in (1, 100, 70_000)] + [
        await send(target, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)),  # TLS
        await send(target, b"\r\n" * 50_000),
        await send(target, b"POST /v1/progress HTTP/1.1\r\nHost: a\x00b\r\nAuthorization: Bearer \xff\xfe\r\n\r\n"),
    ]


@client
async def random_tokens(target: Target) -> list[bytes]:
    """As in a flood: one connection for each."""
    requests = (head(secrets.token_hex(40), Content_Length="2", Connection="close") + b"{}" for _ in range(300))
    return list(await asyncio.gather(*(send(target, request) for request in requests)))


@client
async def forged_tokens(target: Target) -> list[bytes]:
    requests = (head(target.forged(), Content_Length="2", Connection="close") + b"{}" for _ in range(100))
    return list(await asyncio.gather(*(send(target, request) for request in requests)))


@client
async def token_of_another_namespace(target: Target) -> list[bytes]:
    body = update()
    return [await send(target, head(target.stolen, Content_Length=str(len(body)), Connection="close") + body)]


@client
async def updates_without_pause(target: Target) -> list[bytes]:
    """With a valid token: what its body says is nobody's business here."""
    requests = [head(target.stolen, Content_Length="3000") + b"[" * 3000] * 100
    return list(await asyncio.gather(*(send(target, request) for request in requests)))


@client
async def many_connections(target: Target) -> list[bytes]:
    """All at once, each with the beginning of a request."""
    beginning = head("a.b.c")[:-2]
    return list(await asyncio.gather(*(send(target, beginning) for _ in range(300))))
