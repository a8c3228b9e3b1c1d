"""What credentials may say, and as whom a pod reads that was given none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.identity.aio import ClientSecretCredential, WorkloadIdentityCredential
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.source import CREDENTIALS
from reconstruction_worker.ingest.storage import azure, google, s3
from reconstruction_worker.ingest.storage.access import Access

from .clients import LOOPBACK, fetched, guarded, listening


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@contextmanager
def access(service_account: Any = False, has_secret: Any = True, **environment: Any) -> Iterator[Access]:
    with guarded(service_account=service_account, environment=environment) as guard:
        yield Access.of(guard, has_secret)


def key_file(key: str, **changes: Any) -> str:
    document = {
        "type": "service_account",
        "project_id": "museum",
        "private_key_id": "1",
        "private_key": key,
        "client_email": "reader@museum.iam.gserviceaccount.com",
        "client_id": "1",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "auth_provider_x509_cert_url": "https://evil.example/certs",
        "universe_domain": "googleapis.com",
    }
    return json.dumps({**document, **changes})


def user_file(**changes: Any) -> str:
    document = {"type": "authorized_user", "client_id": "1", "client_secret": "s", "refresh_token": "r"}
    return json.dumps({**document, **changes})


def google_credentials(text: str) -> Any:
    with access(GOOGLE_CREDENTIALS_JSON=text) as given:
        return google.token_of(given)


@pytest.mark.parametrize("address", sorted(google._TOKEN_ADDRESSES))
def test_a_key_file_of_google_is_taken_and_leads_to_google(private_key: str, address: str) -> None:
    credentials = google_credentials(key_file(private_key, token_uri=address))
    assert credentials.service_account_email == "reader@museum.iam.gserviceaccount.com"
    assert credentials._token_uri == google.TOKEN_ADDRESS
    user = google_credentials(user_file(token_uri=address))
    assert (user.refresh_token, user.token_uri) == ("r", google.TOKEN_ADDRESS)


def test_fields_that_are_not_needed_do_nothing() -> None:
    user = google_credentials(user_file(rapt_token="x", trust_boundary={"a": 1}, quota_project_id="q", token="ya29.x"))
    assert (user.token, user.quota_project_id, user.rapt_token) == (None, None, None)


EXTERNAL = {
    "type": "external_account", "audience": "//iam.googleapis.com/x",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": "https://evil.example/token",
}  # fmt: skip


@pytest.mark.parametrize(
    "document",
    [
        {**EXTERNAL, "credential_source": {"file": "/etc/passwd"}},
        {**EXTERNAL, "credential_source": {"url": "http://169.254.169.254/latest/meta-data/"}},
        {**EXTERNAL, "credential_source": {"executable": {"command": "/bin/sh"}}},
        {**EXTERNAL, "credential_source": {"environment_id": "aws1", "url": "http://169.254.169.254/"}},
        {"type": "external_account_authorized_user", "token_url": "https://evil.example/token"},
        {"type": "impersonated_service_account", "source_credentials": EXTERNAL},
        {"type": "gdch_service_account", "token_uri": "https://evil.example/token"},
        {"type": ["service_account"]},
        {"type": "service_account"},
        {"type": "authorized_user", "client_id": "1", "client_secret": {"a": 1}, "refresh_token": "r"},
        {},
        [],
        "service_account",
        None,
    ],
)
def test_other_kinds_of_google_credentials_are_refused(document: Any) -> None:
    with pytest.raises(ReconstructionError) as error:
        google_credentials(json.dumps(document))
    assert error.value.code == "SourceAccessDenied"
    assert error.value.message.startswith("GOOGLE_CREDENTIALS_JSON in the secret of spec.source.secretName")
    kind = document.get("type") if isinstance(document, dict) else None
    if isinstance(kind, str) and kind not in ("service_account", "authorized_user"):
        assert "accepted are service_account and authorized_user" in error.value.message


@pytest.mark.parametrize(
    "changes",
    [
        {"token_uri": "https://evil.example/token"}, {"token_uri": "http://oauth2.googleapis.com/token"},
        {"token_uri": "https://oauth2.googleapis.com@evil.example/token"}, {"token_uri": None}, {"token_uri": ["x"]},
        {"universe_domain": "evil.example"}, {"private_key": "nonsense"}, {"client_email": ""},
    ],
)  # fmt: skip
def test_a_key_file_that_leads_elsewhere_is_refused(private_key: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ReconstructionError) as error:
        google_credentials(key_file(private_key, **changes))
    assert error.value.code == "SourceAccessDenied"
    assert "evil.example" not in error.value.message and error.value.__cause__ is None


@pytest.mark.parametrize("text", ["not json", "[" * 100_000, '{"type": "service_account"', "\u0000"])
def test_what_is_no_key_file_is_refused(text: str) -> None:
    with pytest.raises(ReconstructionError, match="is not the content of a key file"):
        google_credentials(text)


def test_without_credentials_google_is_read_anonymously_and_the_platforms_file_only_without_a_secret(
    tmp_path: Path, private_key: str
) -> None:
    file = tmp_path / "key.json"
    file.write_text(key_file(private_key))
    platform = {"GOOGLE_APPLICATION_CREDENTIALS": str(file)}
    with access(has_secret=False) as given:
        assert google.token_of(given) == "anon"
    with access(has_secret=True, **platform) as given:
        assert google.token_of(given) == "anon"
    with access(has_secret=False, **platform) as given:
        assert google.token_of(given).service_account_email == "reader@museum.iam.gserviceaccount.com"


def test_a_federated_identity_of_google_needs_a_service_account_and_a_file(tmp_path: Path) -> None:
    file = tmp_path / "federation.json"
    platform = {"GOOGLE_APPLICATION_CREDENTIALS": str(file)}
    document = {**EXTERNAL, "token_url": "https://sts.googleapis.com/v1/token"}
    file.write_text(json.dumps({**document, "credential_source": {"file": "/var/run/secrets/token"}}))
    with access(service_account=True, has_secret=False, **platform) as given:
        assert type(google.token_of(given)).__module__ == "google.auth.identity_pool"
    with access(service_account=False, has_secret=False, **platform) as given, pytest.raises(ReconstructionError):
        google.token_of(given)
    file.write_text(json.dumps({**document, "credential_source": {"url": "http://169.254.169.254/"}}))
    with access(service_account=True, has_secret=False, **platform) as given, pytest.raises(ReconstructionError):
        google.token_of(given)


KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret"}


def aws_options(service_account: Any = False, has_secret: Any = True, **environment: Any) -> dict[str, Any]:
    with access(service_account, has_secret, **environment) as given:
        return s3.credentials_for(given, {})


def test_keys_of_the_secret_are_used_as_they_are() -> None:
    assert aws_options(**KEYS) == {"key": "AKIA", "secret": "secret", "token": None}
    assert aws_options(**KEYS, AWS_SESSION_TOKEN="t")["token"] == "t"


@pytest.mark.parametrize("key", sorted(KEYS))
def test_half_a_pair_of_keys_is_named(key: str) -> None:
    with pytest.raises(ReconstructionError, match=r"in the secret of spec\.source\.secretName needs AWS_"):
        aws_options(**{key: "x"})


WEB_IDENTITY = {"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/photos", "AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({"has_secret": False}, {"anon": True}),
        ({"has_secret": True}, {"anon": True}),
        ({"has_secret": False, **WEB_IDENTITY}, {"anon": True}),
        ({"has_secret": True, "service_account": True, **WEB_IDENTITY}, {"anon": True}),
        ({"has_secret": False, "AWS_PROFILE": "node", "AWS_CONFIG_FILE": "/config"}, {"anon": True}),
        ({"has_secret": False, "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.2/"}, {"anon": True}),
    ],
)
def test_without_keys_the_bucket_is_read_anonymously(given: dict[str, Any], options: dict[str, Any]) -> None:
    assert aws_options(**given) == options


def test_a_service_account_reads_with_its_web_identity() -> None:
    assert set(aws_options(has_secret=False, service_account=True, **WEB_IDENTITY)) == {"session"}
    assert aws_options(has_secret=False, service_account=True, **WEB_IDENTITY, **KEYS)["key"] == "AKIA"


def test_a_service_account_reads_with_the_identity_of_its_pod_from_the_agents_address_only(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t")
    right = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token),
    }
    assert set(aws_options(has_secret=False, service_account=True, **right)) == {"session"}
    for address in (
        "http://169.254.170.2/v1/credentials",
        "http://169.254.170.23:81/",
        "https://169.254.170.23/",
        "http://169.254.169.254/",
        "http://x@169.254.170.23/",
        "http://evil.example/",
    ):
        wrong = right | {"AWS_CONTAINER_CREDENTIALS_FULL_URI": address}
        assert aws_options(has_secret=False, service_account=True, **wrong) == {"anon": True}, address


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("AWS_REGION", "x.evil.example#"), ("AWS_REGION", "evil.example/"), ("AWS_DEFAULT_REGION", "-"),
        ("AWS_DEFAULT_REGION", "a@b"), ("AWS_REGION", "eu-central-1\n"),
        ("AWS_ENDPOINT_URL", "file:///etc/passwd"), ("AWS_ENDPOINT_URL", "http://me:pass@example.org"),
        ("AWS_ENDPOINT_URL", "http://example.org/?x"), ("AWS_ENDPOINT_URL_S3", "http://exa mple.org"),
        ("AWS_ENDPOINT_URL", "http://"), ("AWS_ENDPOINT_URL", "example.org"), ("AWS_ENDPOINT_URL", "http://a\\@b"),
        ("AWS_ENDPOINT_URL", "http://[::1"), ("AWS_ENDPOINT_URL", "http://example.org:port"),
        ("AWS_ENDPOINT_URL", "http://ex%61mple.org"),
    ],
)  # fmt: skip
def test_what_becomes_a_part_of_an_address_is_no_address_itself(tmp_path: Path, key: str, value: str) -> None:
    with guarded(environment={**KEYS, key: value}) as guard, pytest.raises(ReconstructionError) as error:
        fetched("s3://captures/x", tmp_path, guard, has_secret=True)
    assert error.value.code == "SourceAccessDenied"
    assert error.value.message.startswith(f"{key} in the secret of spec.source.secretName")
    assert not any(part in error.value.message for part in ("evil.example", "me:pass", "passwd", "a@b"))


@pytest.mark.parametrize("uri", ["s3://evil.example#/x", "s3://a@b/x", "s3:///x", "s3://%61/x"])
def test_a_bucket_has_the_name_of_one(tmp_path: Path, uri: str) -> None:
    environment = {**KEYS, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    with guarded(LOOPBACK, environment=environment) as guard, pytest.raises(ReconstructionError) as error:
        fetched(uri, tmp_path, guard, has_secret=True)
    assert "is not the name of a bucket" in error.value.message
    assert error.value.code == "InvalidSpec"


def azure_account(
    uri: str = "az://captures/x", /, service_account: Any = False, has_secret: Any = True, **environment: Any
) -> Any:
    with access(service_account, has_secret, **environment) as given:
        return azure.account_of(uri, given)


def test_the_kinds_of_azure_credentials_are_taken_from_what_is_given() -> None:
    name = {"AZURE_STORAGE_ACCOUNT_NAME": "captures"}
    key = azure_account(**name, AZURE_STORAGE_ACCOUNT_KEY="bm90IGEgc2VjcmV0")
    assert key.url == "https://captures.blob.core.windows.net"
    assert isinstance(key.credential, AzureNamedKeyCredential)
    assert isinstance(azure_account(**name, AZURE_STORAGE_SAS_TOKEN="?sig=x").credential, AzureSasCredential)
    client = {"AZURE_STORAGE_TENANT_ID": "t", "AZURE_STORAGE_CLIENT_ID": "c", "AZURE_STORAGE_CLIENT_SECRET": "s"}
    assert isinstance(azure_account(**name, **client).credential, ClientSecretCredential)
    assert azure_account(**name).credential is None
    assert azure_account("abfs://captures@other.dfs.core.windows.net/x").url == "https://other.blob.core.windows.net"


def test_a_service_account_reads_azure_with_its_federated_token_and_nothing_else() -> None:
    identity = {
        "AZURE_STORAGE_ACCOUNT_NAME": "captures",
        "AZURE_FEDERATED_TOKEN_FILE": "/token",
        "AZURE_CLIENT_ID": "c",
        "AZURE_TENANT_ID": "t",
        "AZURE_AUTHORITY_HOST": "https://evil.example/",
    }
    account = azure_account(has_secret=False, service_account=True, **identity)
    assert isinstance(account.credential, WorkloadIdentityCredential)
    with access(True, False, **identity) as given:
        assert azure._authority(given) == "login.microsoftonline.com"
    for others in ({"has_secret": False}, {"has_secret": True, "service_account": True}):
        assert azure_account(**others, **identity).credential is None


@pytest.mark.parametrize(
    "text",
    [
        "UseDevelopmentStorage=true", "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://10.0.0.1",
        "AccountName=evil.example#;AccountKey=eA==", "AccountName=a@b;AccountKey=eA==",
        "AccountName=captures;AccountKey=eA==;EndpointSuffix=evil.example/x",
        "AccountName=captures;AccountKey=eA==;DefaultEndpointsProtocol=file",
        "AccountName=captures;AccountKey=eA==;BlobEndpoint=file:///etc/passwd",
        "AccountName=captures;AccountKey=eA==;BlobEndpoint=http://me:pass@example.org",
        "AccountName=captures;Command=x", "AccountKey=eA==;BlobEndpoint=https://example.org", "nonsense", ";",
        "AccountKey=eA==",
    ],
)  # fmt: skip
def test_a_connection_string_has_known_parts_that_lead_to_an_account(text: str) -> None:
    with pytest.raises(ReconstructionError) as error:
        azure_account(AZURE_STORAGE_CONNECTION_STRING=text)
    assert error.value.code == "SourceAccessDenied"
    assert error.value.message.startswith("AZURE_STORAGE_CONNECTION_STRING in the secret of spec.source.secretName")
    assert "eA==" not in error.value.message


def test_connection_strings_as_the_portal_writes_them_are_taken() -> None:
    key = azure_account(
        AZURE_STORAGE_CONNECTION_STRING="DefaultEndpointsProtocol=https;AccountName=captures;AccountKey=bm90IGEgc2VjcmV0;"
        "EndpointSuffix=core.windows.net"
    )
    assert key.url == "https://captures.blob.core.windows.net"
    assert isinstance(key.credential, AzureNamedKeyCredential)
    token = azure_account(
        AZURE_STORAGE_CONNECTION_STRING="BlobEndpoint=https://captures.blob.core.windows.net/;QueueEndpoint=https://q/;"
        "FileEndpoint=https://f/;TableEndpoint=https://t/;SharedAccessSignature=sv=2024&sig=a%3D"
    )
    assert (token.url, token.credential.signature) == ("https://captures.blob.core.windows.net", "sv=2024&sig=a%3D")


@pytest.mark.parametrize(
    ("uri", "environment", "code"),
    [
        ("az://captures/x", {}, "SourceAccessDenied"),
        ("az://captures/x", {"AZURE_STORAGE_ACCOUNT_NAME": "evil.example#"}, "SourceAccessDenied"),
        ("az://captures/x", {"AZURE_STORAGE_ACCOUNT_NAME": "Captures"}, "SourceAccessDenied"),
        ("az://captures/x", {"AZURE_STORAGE_ACCOUNT_NAME": "captures", "AZURE_STORAGE_CLIENT_ID": "c"},
         "SourceAccessDenied"),
        ("az://captures/x", {"AZURE_STORAGE_ACCOUNT_NAME": "captures", "AZURE_STORAGE_TENANT_ID": "a/b",
                             "AZURE_STORAGE_CLIENT_ID": "c", "AZURE_STORAGE_CLIENT_SECRET": "s"},
                             "SourceAccessDenied"),
        ("abfs://captures@evil.example/x", {}, "InvalidSpec"),
        ("abfs://captures@ev_il.dfs.core.windows.net/x", {}, "InvalidSpec"),
    ],
)  # fmt: skip
def test_an_account_has_the_name_of_one(uri: str, environment: dict[str, str], code: str) -> None:
    with pytest.raises(ReconstructionError) as error:
        azure_account(uri, **environment)
    assert error.value.code == code


LISTING = """<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>private</Name>
<Prefix>statue/</Prefix><KeyCount>1</KeyCount><IsTruncated>false</IsTruncated><Contents><Key>statue/p0.jpg</Key>
<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"1"</ETag><Size>5</Size></Contents></ListBucketResult>"""
ROLE = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
<SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""
DENIED = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A bucket for the role that a web identity may take, in the environment; yields the tokens that came."""
    tokens: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            tokens.extend(form["WebIdentityToken"])
            self._send(200, ROLE)

        def do_GET(self) -> None:
            if "Credential=ASIAROLE/" not in self.headers.get("Authorization", ""):
                self._send(403, DENIED)
            else:
                self._send(200, LISTING if "list-type" in self.path else "photo")

        do_HEAD = do_GET  # noqa: N815

        def _send(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(text)))
            self.send_header("ETag", '"1"')
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    for name in (*KEYS, *WEB_IDENTITY, "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        yield tokens
        server.shutdown()
        thread.join()


def test_web_identity_is_exchanged_through_the_proxy_and_opens_the_bucket(
    tmp_path: Path, cloud: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text("of the account")
    monkeypatch.setenv("AWS_ROLE_ARN", WEB_IDENTITY["AWS_ROLE_ARN"])
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    with guarded(LOOPBACK, service_account=True) as guard:
        files = fetched("s3://private/statue/", tmp_path / "out", guard)
    assert isinstance(files, list) and [file.path.read_bytes() for file in files] == [b"photo"]
    assert cloud == ["of the account"]
    with guarded(LOOPBACK, service_account=True) as guard, pytest.raises(ReconstructionError):
        fetched("s3://private/statue/", tmp_path / "other", guard, has_secret=True)
    assert cloud == ["of the account"]  # an endpoint of a secret's author gets no token


def test_without_a_secret_and_an_account_a_private_bucket_is_denied_and_what_to_set_is_said(
    tmp_path: Path, cloud: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the node would have a role: nobody asks for it."""
    with listening() as (port, heard):
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{port}/role")
        with guarded(LOOPBACK) as guard, pytest.raises(ReconstructionError) as error:
            fetched("s3://private/statue/", tmp_path, guard)
    assert error.value.code == "SourceAccessDenied"
    assert "spec.source.secretName" in error.value.suggestion and "serviceAccountName" in error.value.suggestion
    assert heard == [] and cloud == []


def test_google_and_azure_ask_no_metadata_service_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Denying(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    seen: list[str] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Denying) as server, listening() as (port, heard):
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        storage = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage)
        monkeypatch.setenv("GCE_METADATA_HOST", f"127.0.0.1:{port}")
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{port}/msi")
        monkeypatch.setenv("IDENTITY_HEADER", "x")
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", f"AccountName=captures;BlobEndpoint={storage}/captures")
        try:
            for uri in ("gs://captures/statue/", "az://captures/statue/"):
                with guarded(LOOPBACK) as guard, pytest.raises(ReconstructionError) as error:
                    fetched(uri, tmp_path, guard)
                assert error.value.code == "SourceAccessDenied", uri
        finally:
            server.shutdown()
            thread.join()
    assert len(seen) >= 2 and heard == []


def test_every_key_of_the_catalogue_is_known_here() -> None:
    """A key that is new has to be reviewed: what may it say, and where does it lead?"""
    reviewed = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION",
                "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "GOOGLE_CREDENTIALS_JSON"}  # fmt: skip
    reviewed |= {f"AZURE_STORAGE_{part}" for part in ("CONNECTION_STRING", "ACCOUNT_NAME", "ACCOUNT_KEY", "SAS_TOKEN",
                                                      "TENANT_ID", "CLIENT_ID", "CLIENT_SECRET")}  # fmt: skip
    assert reviewed == CREDENTIALS
