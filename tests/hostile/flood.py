"""Requests with worthless tokens from many connections at once, as a program of its own: whoever measures the server
meanwhile is not slowed down by it. Only against this machine.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import sys
import time
from collections import Counter
from pathlib import Path

import uvloop

HOST = "127.0.0.1"
LONGEST_SECONDS = 30.0


class Flood:
    """`connections` clients, each with one connection after the other, until `requests` have been sent: answered, or
    refused by closing the connection."""

    def __init__(self, port: int, requests: int, connections: int, tokens: list[str]):
        self._port = port
        self._left = requests
        self._connections = connections
        self._tokens = tokens
        self.answers: Counter[str] = Counter()

    async def run(self) -> None:
        try:
            async with asyncio.timeout(LONGEST_SECONDS), asyncio.TaskGroup() as tasks:
                for _ in range(self._connections):
                    tasks.create_task(self._client())
        except TimeoutError:
            self.answers["out of time"] += 1

    async def _client(self) -> None:
        while self._left > 0:
            try:
                reader, writer = await asyncio.open_connection(HOST, self._port)
            except OSError:
                self.answers["not connected"] += 1
                await asyncio.sleep(0.1)
                continue
            try:
                while self._left > 0:
                    self._left -= 1
                    writer.write(self._request())
                    answer = await reader.readuntil(b"\r\n\r\n")
                    self.answers[answer.split(b" ", 2)[1].decode()] += 1
            except (OSError, asyncio.IncompleteReadError):
                self.answers["closed"] += 1
                await asyncio.sleep(random.uniform(0.2, 0.6))
            finally:
                writer.close()

    def _request(self) -> bytes:
        token = secrets.choice(self._tokens) if self._tokens else secrets.token_hex(40)
        return (
            f"POST /v1/progress HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 2\r\n\r\n{{}}"
        ).encode()


def main() -> None:
    """Arguments: port, requests, connections, and optionally a file with tokens, one a line."""
    port, requests, connections = map(int, sys.argv[1:4])
    tokens = Path(sys.argv[4]).read_text().split() if len(sys.argv) > 4 else []
    flood, started = Flood(port, requests, connections, tokens), time.monotonic()
    uvloop.run(flood.run())
    print(json.dumps({"seconds": round(time.monotonic() - started, 2), **flood.answers}))


if __name__ == "__main__":
    main()
