"""`quality.json` and `manifest.json`: the job in numbers, for programs."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..files import sha256_of
from .findings import Findings

PACKAGES = ("reconstruction-operator", "torch", "nerfstudio", "pycolmap", "numpy", "trimesh", "xatlas")
OWN_FILES = {
    "report.html": ("HTML", "text/html"),
    "quality.json": ("JSON", "application/json"),
    "preview.png": ("PNG", "image/png"),
}


def quality_document(findings: Findings) -> dict[str, Any]:
    """What `evaluate` measured, with registration, mesh and texture beside it."""
    return {
        **findings.quality,
        "registration": {
            "photos": len(findings.photos()),
            "registered": len(findings.registered()),
            "unregistered": findings.unregistered(),
            "reprojectionErrorPixels": findings.registration.get("meanReprojectionError"),
        },
        "mesh": {key: findings.mesh.get(key) for key in ("vertices", "faces", "components", "watertight")},
        "texture": {key: findings.texture.get(key) for key in ("size", "photoShare")},
    }


def artifacts(folder: Path, findings: Findings) -> list[dict[str, Any]]:
    """Name, format, media type, size and checksum of the files that are in `folder`."""
    known = {name: kinds for name, kinds in OWN_FILES.items() if (folder / name).exists()}
    for export in findings.exports.get("exports", []):
        for file in export["files"]:
            known[file["name"]] = (export["format"], file["mediaType"])
    return [described(folder / name, kind, media_type) for name, (kind, media_type) in sorted(known.items())]


def described(path: Path, kind: str, media_type: str) -> dict[str, Any]:
    """A file as the manifest lists it."""
    return {
        "name": path.name,
        "format": kind,
        "mediaType": media_type,
        "sizeBytes": path.stat().st_size,
        "sha256": sha256_of(path),
    }


def manifest_document(findings: Findings, files: list[dict[str, Any]]) -> dict[str, Any]:
    """What was delivered and how it came about. No addresses and no secrets: it may be published with the model."""
    return {
        "job": findings.job_name,
        "engine": engine_document(findings),
        "photos": {
            "used": len(findings.photos()),
            "dropped": len(findings.dropped()),
            "registered": len(findings.registered()),
        },
        "metresPerUnit": findings.transforms.get("metresPerUnit"),
        "stages": [
            {
                "name": record.stage.value,
                "seconds": record.seconds,
                "settingsDigest": record.digest,
                "peakMemoryBytes": record.peak_memory_bytes,
                "message": record.message,
            }
            for record in findings.records
        ],
        "versions": versions(),
        "artifacts": files,
    }


def engine_document(findings: Findings) -> dict[str, Any]:
    """The engine's name, licence and device; None where the training stage did not say."""
    return {
        "name": findings.engine.get("engine", findings.spec.chosen_engine),
        "licence": findings.engine.get("licence"),
        "device": findings.engine.get("device"),
        "steps": findings.engine.get("step"),
    }


def versions() -> dict[str, str]:
    """Of Python and of the packages that shape the result, where they are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
