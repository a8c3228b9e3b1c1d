"""A worker pod that fetches photos leaves its credentials nowhere, however that ends: not in its log or report, its
progress updates, nor in any file of the workspace. The storage is as unkind as it can be: it repeats what it was sent.
"""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.hostile.canaries import MARK, canary, traces, traces_below
from tests.worker.ingest.photos import encoded, picture
from tests.worker.test_pod import Operator, Pod

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.names import ENV_PROGRESS_URL
from reconstruction_api.source import CREDENTIALS
from reconstruction_api.stages import ResourceClass
from reconstruction_api.worker import NetworkAccess

INGEST = "from reconstruction_worker.stages.ingest import run\n"
NOTHING = """
from reconstruction_worker.stage import StageOutput

def run(context):
    return StageOutput("done")
"""
QUERY = f"X-Amz-Signature={canary('signature')}&X-Amz-Credential={canary('credential')}%2F20260101"
GOOGLE = {
    "type": "service_account", "project_id": canary("project"), "private_key_id": canary("keyid"),
    "private_key": f"-----BEGIN PRIVATE KEY-----\n{canary('private')}\n-----END PRIVATE KEY-----\n",
    "client_email": f"{canary('client')}@museum.iam.gserviceaccount.com", "client_id": canary("clientid"),
    "token_uri": "https://oauth2.googleapis.com/token",
}  # fmt: skip
AWS = {name: canary(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}
AZURE_KEY = f"{MARK}azurekey{MARK}0123456789AA=="
ANSWERS = {"denied": 403, "missing": 404, "unavailable": 503}


class _Storage(BaseHTTPRequestHandler):
    """Answers with the status that the address names, and repeats the request."""

    protocol_version = "HTTP/1.1"
    archive: bytes

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        words = urlsplit(self.path).path.strip("/").split("/")
        if "broken" in words:
            self.close_connection = True
            return
        status = next((ANSWERS[word] for word in words if word in ANSWERS), 200)
        said = f"<Error><Code>{self.path}</Code><Message>{self.path} {self.headers}</Message></Error>".encode()
        body = self.archive if status == 200 else said
        self.send_response(status)
        if status != 200:
            self.send_header("X-Repeated", self.path)
        self.send_header("Content-Type", "application/zip" if status == 200 else "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    """Its address."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as photos:
        for seed in range(3):
            photos.writestr(f"p{seed}.jpg", encoded(picture(seed), "JPEG"))
    handler = type("Handler", (_Storage,), {"archive": archive.getvalue()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Worker:
    """A pod whose operator listens."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], ingest: str = INGEST
    ) -> None:
        self._monkeypatch = monkeypatch
        self._capfd = capfd
        self._operator = Operator()
        self.pod = Pod(folder, monkeypatch, ingest=ingest, poses=NOTHING)
        monkeypatch.setenv(ENV_PROGRESS_URL, self._operator.url)
        monkeypatch.setenv("API_TOKEN", canary("environment"))
        for name in CREDENTIALS:
            monkeypatch.delenv(name, raising=False)

    def run(self, uri: str, secret: dict[str, str] | None = None) -> tuple[str | None, list[str]]:
        """Code of the failure, and the canaries that were found."""
        for name, value in (secret or {}).items():
            (self.pod.credentials / name).write_text(value)
        source = {"uri": uri} | ({"secretName": "captures-read"} if secret is not None else {})
        spec = ReconstructionJobSpec.model_validate({"source": source, "engine": "elsewhere"})
        with self._operator.serving():
            _, report = self.pod.run(ResourceClass.PREPARE, spec, network=NetworkAccess(allow=["127.0.0.1/32"]))
        printed = self._capfd.readouterr()
        found = traces("output", printed.out) + traces("errors", printed.err)
        found += traces("report", report.model_dump_json())
        found += [each for update in self._operator.updates for each in traces("progress", update.model_dump_json())]
        found += traces_below(self.pod.workspace)
        return report.failure.code if report.failure is not None else None, found


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Worker:
    return Worker(tmp_path, monkeypatch, capfd)


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("statue.zip", None), ("denied/statue.zip", "SourceAccessDenied"), ("missing/statue.zip", "SourceNotFound"),
        ("broken/statue.zip", "ArtifactStoreError"),
    ],
)  # fmt: skip
def test_the_query_of_a_presigned_address(worker: Worker, storage: str, place: str, code: str | None) -> None:
    assert worker.run(f"{storage}/{place}?{QUERY}") == (code, [])


def s3(address: str) -> tuple[str, dict[str, str]]:
    return "s3://denied/statue/", {**AWS, "AWS_ENDPOINT_URL": address, "AWS_DEFAULT_REGION": "us-east-1"}


def azure(address: str) -> tuple[str, dict[str, str]]:
    connection = (
        f"DefaultEndpointsProtocol=http;AccountName=museum;AccountKey={AZURE_KEY};BlobEndpoint={address}/museum"
    )
    return "az://denied/statue/", {"AZURE_STORAGE_CONNECTION_STRING": connection}


def azure_malformed(_: str) -> tuple[str, dict[str, str]]:
    return "az://denied/statue/", {"AZURE_STORAGE_CONNECTION_STRING": f"{canary('connection')};{canary('other')}"}


def google_without_key(_: str) -> tuple[str, dict[str, str]]:
    return "gs://denied/statue/", {"GOOGLE_CREDENTIALS_JSON": json.dumps(GOOGLE)}


def google_not_json(_: str) -> tuple[str, dict[str, str]]:
    return "gs://denied/statue/", {"GOOGLE_CREDENTIALS_JSON": json.dumps(GOOGLE)[:-40]}


def not_text(_: str) -> tuple[str, dict[str, str]]:
    return "s3://denied/statue/", {**AWS, "AWS_SECRET_ACCESS_KEY": f"{canary('zero')}\0"}


def no_credentials(_: str) -> tuple[str, dict[str, str]]:
    return "s3://denied/statue/", {"password": canary("password")}


DENIED = [s3, azure, google_without_key, google_not_json, not_text, no_credentials]


@pytest.mark.parametrize("kind", DENIED, ids=lambda kind: kind.__name__)
def test_credentials_that_are_refused(worker: Worker, storage: str, kind: Any) -> None:
    assert worker.run(*kind(storage)) == ("SourceAccessDenied", [])


def test_credentials_that_no_library_understands(worker: Worker, storage: str) -> None:
    code, found = worker.run(*azure_malformed(storage))
    assert code in ("ArtifactStoreError", "SourceAccessDenied") and found == []


def everything() -> dict[str, str]:
    return {name: canary(name) for name in CREDENTIALS} | {
        "GOOGLE_CREDENTIALS_JSON": json.dumps(GOOGLE),
        "AZURE_STORAGE_CONNECTION_STRING": f"AccountName=museum;AccountKey={AZURE_KEY}",
        "AWS_ENDPOINT_URL": f"https://minio.example/?token={canary('endpoint')}",
    }


DEFECTS = """
import logging, sys, warnings
from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.credentials import read_credentials
from reconstruction_worker.stage import StageOutput

def run(context):
    values = read_credentials(context.credentials, "captures-read")
    context.report_progress(5, "fetching")
    for value in [*values.values(), context.spec.source.uri]:
        print(value, repr(value))
        warnings.warn(value)
        logging.getLogger("storage").error("sent %s", value)
        context.report_progress(100, value)
    ERROR
"""
DEFECT = 'raise RuntimeError(f"{values} {context.spec.source.uri}")'
MESSAGE = (
    'raise ReconstructionError("ArtifactStoreError", f"{values} of {context.spec.source.uri}", '
    'suggestion=f"{list(values.values())}", details={"sent": list(values.values())})'
)


SUCCESS = 'return StageOutput(f"{values}", {"sent": values["AWS_SECRET_ACCESS_KEY"]})'


@pytest.mark.parametrize(("end", "code"), [(DEFECT, "InternalError"), (MESSAGE, "ArtifactStoreError"), (SUCCESS, None)])
def test_a_stage_that_prints_and_tells_all_that_it_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], end: str, code: str | None
) -> None:
    """As libraries do in warnings, tracebacks and messages of exceptions."""
    worker = Worker(tmp_path, monkeypatch, capfd, DEFECTS.replace("ERROR", end))
    assert worker.run(f"https://storage.example/statue.zip?{QUERY}", everything()) == (code, [])
    log = (worker.pod.workspace / "logs" / "ingest.log").read_text()
    assert "[AWS_SECRET_ACCESS_KEY]" in log and "https://storage.example/statue.zip" in log


LEAKS = {
    "log": "import os; os.write(2, secret)",
    "file": '(context.folder / "dataset.json").write_bytes(secret)',
    "file in base64": 'import base64; (context.folder / "token").write_bytes(base64.b64encode(b"x" + secret))',
    "name": "(context.folder / secret.decode()).touch()",
}
LEAK = """
from reconstruction_worker.stage import StageOutput

def run(context):
    secret = (context.credentials / "AWS_SECRET_ACCESS_KEY").read_bytes()
    context.folder.mkdir(exist_ok=True)
    LEAK
    return StageOutput("done")
"""


@pytest.mark.parametrize("leak", LEAKS)
def test_a_planted_leak_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], leak: str
) -> None:
    """Otherwise the tests above could not fail."""
    worker = Worker(tmp_path, monkeypatch, capfd, LEAK.replace("LEAK", LEAKS[leak]))
    code, found = worker.run("s3://captures/statue/", AWS)
    assert code is None and found
