"""One job, one profile and one moment, which all tests of decisions share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from reconstruction_api.worker import Artifact, Failure
from reconstruction_operator.model import JobKey

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
UID = "7c0f1d3e-0000-4000-8000-000000000001"
KEY = JobKey("museum", "statue")

SPEC: dict[str, Any] = {"source": {"persistentVolumeClaim": {"claimName": "photos"}}}
PROFILE_SPEC: dict[str, Any] = {"engines": [{"name": "nerfacto", "image": "registry.example/worker:1"}]}


def artifact(name: str) -> Artifact:
    return Artifact(
        name=name,
        format="GLB",
        uri=f"pvc://statue-workspace/artifacts/{name}",
        size_bytes=1,
        sha256="0" * 64,
        media_type="model/gltf-binary",
    )


def failure(code: str = "HostOutOfMemory", *, retryable: bool = True, stage: str | None = None) -> Failure:
    return Failure(
        code=code, category="Resource", message="it broke", suggestion="fix it", retryable=retryable, stage=stage
    )
