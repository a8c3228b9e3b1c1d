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
LONGEST_SECONDS = 20.0


class Flood:
    """`connections` clients, each with one connection after the other, until `requests` have been sent: answered, or
    refused by closing the connection."""

    def __init__(self, port: int, requests: int, connections: int, addresses: int, tokens: list[str]):
        self._port = port
        self._left = requests
        self._connections = connections
        self._addresses = addresses
        self._tokens = tokens
        self.answers: Counter[str] = Counter()

    async def run(self) -> None:
        try:
            async with asyncio.timeout(LONGEST_SECONDS), asyncio.TaskGroup() as tasks:
                for number in range(self._connections):
                    tasks.create_task(self._client(f"127.0.1.{number % self._addresses + 1}"))
        except TimeoutError:
            self.answers["out of time"] += 1

    async def _client(self, address: str) -> None:
        while self._left > 0:
            try:
                reader, writer = await asyncio.open_connection(HOST, self._port, local_addr=(address, 0))
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
        token = secrets.choice(self._tokens)
        return (
            f"POST /v1/progress HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 2\r\n\r\n{{}}"
        ).encode()


def main() -> None:
    """Arguments: port, requests, connections, addresses that they come from, and a file with tokens, one a line."""
    port, requests, connections, addresses = map(int, sys.argv[1:5])
    tokens = Path(sys.argv[5]).read_text().split()
    flood, started = Flood(port, requests, connections, addresses, tokens), time.monotonic()
    uvloop.run(flood.run())
    print(json.dumps({"seconds": round(time.monotonic() - started, 2), **flood.answers}))


if __name__ == "__main__":
    main()
