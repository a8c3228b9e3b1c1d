"""An S3 server with the bucket `assets`, and the environment of somebody who may write there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.object_storage import s3_server

from .bucket import Bucket


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with s3_server() as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
        yield Bucket(address)
