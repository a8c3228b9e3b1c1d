"""A worker pod's stage can't connect around the proxy, and says in its report what it may not connect to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.worker import test_pod
from tests.worker.ingest.servers import Web, web_server
from tests.worker.stage_packages import a_spec

from reconstruction_api.errors import ExitCode
from reconstruction_api.stages import ResourceClass
from reconstruction_api.worker import NetworkAccess, PodReport
from reconstruction_worker.executor import STAGE_PACKAGE

from .clients import LOOPBACK, closed_port, listening

IGNORES_THE_PROXY = """
import asyncio, json, os, socket, urllib.request
import aiohttp, requests
from reconstruction_worker.stage import StageOutput

def plain(port):
    socket.create_connection(("127.0.0.1", port), 5)

def not_blocking(port):
    connection = socket.socket()
    connection.setblocking(False)
    connection.connect_ex(("127.0.0.1", port))

def datagram(port):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", port))

def message(port):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendmsg([b"x"], [], 0, ("127.0.0.1", port))

def ipv6(port):
    socket.socket(socket.AF_INET6).connect(("::ffff:127.0.0.1", port))

def name(port):
    socket.getaddrinfo("inside.example", port)

def stream(port):
    asyncio.run(asyncio.open_connection("127.0.0.1", port))

def session(port):
    session = requests.Session()
    session.trust_env = False
    session.get(f"http://127.0.0.1:{port}/", timeout=5)

def opener(port):
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{port}/", timeout=5)

def client(port):
    async def get():
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/"):
            pass
    asyncio.run(get())

def cause(error):
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return type(error).__name__

def run(context):
    seen = {"proxy": os.environ["HTTPS_PROXY"], "guard": context.guard.proxy_url}
    for way in (plain, not_blocking, datagram, message, ipv6, name, stream, session, opener, client):
        try:
            way(int(context.spec.source.uri.rpartition(":")[2]))
            seen[way.__name__] = "connected"
        except Exception as error:
            seen[way.__name__] = cause(error)
    (context.folder / "seen.json").write_text(json.dumps(seen))
    (context.folder / "out.json").write_text("[]")
    return StageOutput("tried")
"""


def test_a_client_that_ignores_the_proxy_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what the profile allows is reached through the proxy only."""
    a_pod = test_pod.Pod(tmp_path, monkeypatch, ingest=IGNORES_THE_PROXY)
    with listening() as (port, heard):
        spec = a_spec(source={"uri": f"http://127.0.0.1:{port}"})
        status, _ = a_pod.run(ResourceClass.PREPARE, spec, network=NetworkAccess(allow=[LOOPBACK]))
    assert status == ExitCode.DONE
    seen = json.loads((a_pod.workspace / "ingest" / "seen.json").read_text())
    assert seen.pop("proxy") == seen.pop("guard")
    assert set(seen.values()) == {"BypassError"}, seen
    assert heard == []


def _report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str, *allow: str) -> tuple[int, PodReport]:
    """Of a pod that runs the real stages."""
    monkeypatch.setattr(test_pod, "PACKAGE", STAGE_PACKAGE)
    a_pod = test_pod.Pod(tmp_path, monkeypatch)
    spec = a_spec(source={"uri": uri}, profileName="museum")
    return a_pod.run(ResourceClass.PREPARE, spec, network=NetworkAccess(allow=list(allow)))


def test_every_pod_is_guarded_and_says_the_same_of_an_open_port_and_a_closed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = []
    with listening() as (port, heard):
        for number, each in enumerate((port, closed_port())):
            status, report = _report(tmp_path / str(number), monkeypatch, f"http://127.0.0.1:{each}/photos.zip")
            assert status == ExitCode.INVALID_INPUT and report.failure is not None
            reports.append(report.failure)
    assert reports[0] == reports[1]
    assert (reports[0].code, reports[0].retryable) == ("AddressNotAllowed", False)
    assert reports[0].message.startswith(
        "spec.source.uri: '127.0.0.1' is not an address that worker pods may connect to"
    )
    assert "profile 'museum'" in reports[0].message
    assert heard == []


def test_an_address_of_ipv6_is_refused_in_the_same_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, report = _report(tmp_path, monkeypatch, "http://[::1]:80/photos.zip")
    assert report.failure is not None and report.failure.code == "AddressNotAllowed"
    assert "'[::1]' is not an address that worker pods may connect to" in report.failure.message


def test_what_the_profile_allows_is_fetched_by_a_locked_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the real stage: what it fetched is no archive, which it says only after it has read it."""
    with web_server(Web({"/photos.zip": b"no archive"})) as web:
        _, report = _report(tmp_path, monkeypatch, f"{web.address}/photos.zip", "127.0.0.0/8")
        assert web.served["/photos.zip"] == len(b"no archive")
    assert report.failure is not None and report.failure.code == "UnsupportedFormat"
