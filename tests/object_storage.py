"""S3 on loopback as moto plays it.

moto keeps its buckets and users in the process, not in the server, so a second server in one process would show what a
first one was given. Each server here starts with nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from moto.server import ThreadedMotoServer


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of an S3 server without buckets or users, until the block ends."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    try:
        requests.post(f"{address}/moto-api/reset", timeout=10).raise_for_status()
        yield address
    finally:
        server.stop()
