"""Amazon S3 and what speaks its protocol: s3://."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioAssumeRoleWithWebIdentityProvider, AioContainerProvider, AioCredentialResolver
from aiobotocore.session import AioSession
from s3fs import S3FileSystem

from reconstruction_api.errors import ReconstructionError

from .access import CONNECT_SECONDS, SILENT_SECONDS, Access, Endpoint, Opened

_REGION: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_BUCKET: Final = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}"
    r"|arn:aws[a-z-]*:s3(-object-lambda|-outposts)?:[a-z0-9-]*:[0-9]*:[A-Za-z0-9_-]+([/:][A-Za-z0-9_-]+)*"
)
_POD_IDENTITY: Final = frozenset({"169.254.170.23", "fd00:ec2::23"})
"""Addresses of the agent of EKS that gives credentials to service accounts."""


def endpoint(uri: str, access: Access) -> Endpoint:
    for key in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        if url := access.get(key):
            return access.address(key, url)
    region = region_of(access)
    return Endpoint(f"s3.{region}.amazonaws.com" if region else "s3.amazonaws.com", 443, field=access.uri_field)


def open_storage(uri: str, access: Access) -> Opened:
    """Raises SourceAccessDenied for credentials that are incomplete or not what they should be."""
    options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
    config: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "read_timeout": SILENT_SECONDS}
    check_bucket(uri, access)
    where = endpoint(uri, access)
    if access.guard is not None:
        options |= credentials_for(access, config | {"proxies": access.proxies})
        config["proxies"] = access.proxies
        if where.field != access.uri_field:
            options["endpoint_url"] = access.get("AWS_ENDPOINT_URL_S3") or access.get("AWS_ENDPOINT_URL")
        if region := region_of(access):
            options["client_kwargs"] = {"region_name": region}
    system = S3FileSystem(config_kwargs=config, **options)
    return Opened(system, str(system._strip_protocol(uri)), anonymous=options.get("anon", False))


def check_bucket(uri: str, access: Access) -> None:
    """Raises InvalidSpec for a name that no bucket can have."""
    bucket = uri.partition("://")[2].partition("?")[0]
    bucket = bucket if bucket.startswith("arn:") else bucket.partition("/")[0]
    if not bucket.startswith("arn:") and not _BUCKET.fullmatch(bucket):
        field, problem = access.uri_field, "this is not the name of a bucket"
        raise ReconstructionError("InvalidSpec", f"{field}: {problem}.", details={"field": field})


def region_of(access: Access) -> str | None:
    """Raises SourceAccessDenied, or what `access` says instead, for text that is none."""
    what = "the name of a region, such as eu-central-1"
    return access.matching("AWS_REGION", _REGION, what) or access.matching("AWS_DEFAULT_REGION", _REGION, what)


def credentials_for(access: Access, config: dict[str, Any]) -> dict[str, Any]:
    """Keys, else the identity of the pod's service account, else nobody's: never those of the node."""
    key, secret = access.get("AWS_ACCESS_KEY_ID"), access.get("AWS_SECRET_ACCESS_KEY")
    if key and secret:
        return {"key": key, "secret": secret, "token": access.get("AWS_SESSION_TOKEN")}
    if key or secret:
        missing = "AWS_SECRET_ACCESS_KEY" if key else "AWS_ACCESS_KEY_ID"
        raise access.unusable("AWS_ACCESS_KEY_ID" if key else "AWS_SECRET_ACCESS_KEY", f"needs {missing} beside it")
    provider = _identity(access, config) if access.own_identity else None
    return {"anon": True} if provider is None else {"session": provider}


def _identity(access: Access, config: dict[str, Any]) -> AioSession | None:
    """A session with the credentials that the cluster gives to the service account; None where it gives none."""
    assert access.guard is not None
    session = AioSession()
    session.set_default_client_config(AioConfig(**config))
    if access.get("AWS_ROLE_ARN") and access.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
        given = {
            "web_identity_token_file": access.get("AWS_WEB_IDENTITY_TOKEN_FILE"),
            "role_arn": access.get("AWS_ROLE_ARN"),
            "role_session_name": access.get("AWS_ROLE_SESSION_NAME"),
        }
        provider: Any = AioAssumeRoleWithWebIdentityProvider(
            load_config=lambda: {"profiles": {"default": given}},
            client_creator=partial(session.create_client, region_name=region_of(access) or "us-east-1"),
            profile_name="default",
            cache={},
            disable_env_vars=True,
        )
    elif agent := _pod_identity(access):
        # The one address that is asked without the proxy: no source leads there, and the agent wants the pod's token.
        access.guard.lock.permit(agent, 80)
        provider = AioContainerProvider(
            environ={
                name: value
                for name, value in access.environment.items()
                if name in ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
            }
        )
    else:
        return None
    session.register_component("credential_provider", AioCredentialResolver([provider]))
    return session


def _pod_identity(access: Access) -> str | None:
    parts = urlsplit(access.get("AWS_CONTAINER_CREDENTIALS_FULL_URI") or "")
    at_agent = (
        parts.scheme == "http"
        and parts.hostname in _POD_IDENTITY
        and parts.netloc.rpartition("]")[2] in ("", parts.hostname)
    )
    token = access.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    return parts.hostname if at_agent and token and Path(token).is_file() else None
