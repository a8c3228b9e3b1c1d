"""Reads files of a pod: each through a program that the API server starts in it (a WebSocket, as `kubectl exec`)."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlencode

from kubernetes.stream.ws_client import create_websocket, get_websocket_url
from websocket import ABNF, WebSocket, WebSocketBadStatusException, WebSocketException

from .connection import Cluster, Disconnected
from .problems import refusal

_PROTOCOL: Final = "v4.channel.k8s.io"
_STDOUT, _STDERR, _ERROR = 1, 2, 3
_SILENCE_SECONDS: Final = 60.0
_READ: Final = """
import shutil, sys
with open(sys.argv[1], "rb") as file:
    file.seek(int(sys.argv[2]))
    shutil.copyfileobj(file, sys.stdout.buffer, 1 << 18)
"""


class Unreadable(Exception):  # noqa: N818 - shown to the user as a failure of the catalogue
    """The program in the pod has failed; the text says how."""


def read_file(cluster: Cluster, pod: str, container: str, path: str, offset: int) -> Iterator[bytes]:
    """The content of a file from byte `offset` on, in pieces of at most some hundred kilobytes.

    Raises Unreadable when the file can't be read, Disconnected when the connection breaks off, and what `Cluster`
    raises.
    """
    return output_of(cluster, pod, container, [_READ, path, str(offset)])


def output_of(cluster: Cluster, pod: str, container: str, arguments: list[str]) -> Iterator[bytes]:
    """What a Python program with arguments writes that is run in a pod, in pieces. Raises the same."""
    command = ["python3", "-I", "-c", *arguments]
    query = [("container", container), ("stdout", "true"), ("stderr", "true"), *(("command", word) for word in command)]
    address = f"/api/v1/namespaces/{cluster.namespace}/pods/{pod}/exec"
    connection = _open(cluster, address, query)
    complaint = b""
    try:
        while True:
            kind, frame = connection.recv_data(control_frame=True)
            if kind == ABNF.OPCODE_CLOSE:
                raise Disconnected("the stream ended before the file did")
            if kind != ABNF.OPCODE_BINARY or not frame:
                continue
            channel, data = frame[0], frame[1:]
            if channel == _STDOUT and data:
                yield data
            elif channel == _STDERR:
                complaint += data
            elif channel == _ERROR:
                _check_end(data, complaint)
                return
    except (WebSocketException, OSError) as error:
        raise Disconnected(str(error)) from None
    finally:
        connection.close(timeout=1)


def _open(cluster: Cluster, path: str, query: list[tuple[str, str]]) -> WebSocket:
    url = get_websocket_url(f"{cluster.configuration.host}{path}?{urlencode(query)}")
    headers = {"sec-websocket-protocol": _PROTOCOL}
    headers |= {name.lower(): value for name, value in cluster.authorization(path).items()}
    try:
        connection = create_websocket(cluster.configuration, url, headers)
    except WebSocketBadStatusException as error:
        raise refusal(error.status_code, error.resp_body or b"") from None
    except (WebSocketException, OSError, ssl.SSLError, socket.gaierror) as error:
        raise Disconnected(str(error)) from None
    connection.settimeout(_SILENCE_SECONDS)
    return connection


def _check_end(status: bytes, complaint: bytes) -> None:
    """`status` is the API server's last word about the program. Raises Unreadable."""
    answer = json.loads(status)
    if answer.get("status") != "Success":
        lines = complaint.decode(errors="replace").strip().splitlines()
        raise Unreadable(lines[-1] if lines else str(answer.get("message", "")))
