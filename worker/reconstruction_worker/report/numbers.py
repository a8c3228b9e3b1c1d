"""`quality.json` and `manifest.json`: the job in numbers, for programs."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from reconstruction_api.baseline import explicit
from reconstruction_api.defaults import completed
from reconstruction_api.documents.engines import EnginesDocument
from reconstruction_api.documents.manifest import (
    DeliveredFile,
    ManifestDocument,
    ManifestEngine,
    ManifestPhotos,
    ManifestSource,
    ManifestStage,
    ManifestSubject,
)
from reconstruction_api.documents.quality import FILE as QUALITY_FILE
from reconstruction_api.documents.quality import MeshSummary, QualityDocument, RegistrationSummary, TextureSummary
from reconstruction_api.exports import PreviewStyle
from reconstruction_api.formats import PREVIEW, REPORT_PAGE, format_of, media_type_of
from reconstruction_api.turntable import TurntableOutput

from ..engines.engine_document import EngineDocument
from ..files import sha256_of
from .findings import Findings
from .side_views import file_of

PACKAGES = ("reconstruction-operator", "torch", "nerfstudio", "pycolmap", "numpy", "trimesh")
TURNTABLE, SIDE_VIEW = "Turntable", "Preview"
SETTINGS = (
    "images", "poses", "engine", "engines", "training", "mesh", "exports", "quality", "turntable", "report", "endAfter",
)  # fmt: skip
"""Fields of the spec that the manifest repeats."""
OWN_FILES = (REPORT_PAGE, QUALITY_FILE, PREVIEW)


def quality_document(findings: Findings) -> QualityDocument:
    """What `evaluate` measured, with registration, mesh and texture beside it."""
    mesh, texture = findings.mesh, findings.texture
    shown = texture.held_out if texture else None
    beside = {
        "registration": RegistrationSummary(
            photos=len(findings.photos()),
            registered=len(findings.registered()),
            unregistered=findings.unregistered(),
            reprojection_error_pixels=findings.registration.mean_reprojection_error,
        ),
        "mesh": (findings.quality.mesh or MeshSummary()).model_copy(
            update={
                "vertices": mesh.vertices if mesh else None,
                "faces": mesh.faces if mesh else None,
                "components": mesh.components if mesh else None,
                "watertight": mesh.watertight if mesh else None,
                "coverage": shown.coverage if shown else None,
                "psnr": shown.psnr if shown else None,
                "ssim": shown.ssim if shown else None,
            }
        ),
        "texture": TextureSummary(
            size=texture.size if texture else None,
            pages=texture.pages if texture else None,
            pixels_per_texel=texture.pixels_per_texel if texture else None,
            photo_share=texture.photo_share if texture else None,
        ),
    }
    return findings.quality.model_copy(update=beside)


def artifacts(folder: Path, findings: Findings, side_views: Sequence[str] = ()) -> list[DeliveredFile]:
    """The files that are in `folder`, as the manifest lists them."""
    known = {name: format_of(name) for name in OWN_FILES if (folder / name).exists()}
    known |= {file.name: export.format for export in findings.delivered() for file in export.files}
    known |= dict.fromkeys(side_views, SIDE_VIEW)
    if findings.turntable is not None:
        known |= dict.fromkeys(findings.turntable.files, TURNTABLE)
    return [described(folder / name, kind) for name, kind in sorted(known.items())]


def described(path: Path, kind: str | None = None, name: str | None = None) -> DeliveredFile:
    """A file as the manifest lists it; `kind` is the format that it belongs to, where its name does not say, and `name`
    its path from there, where it is in a folder."""
    return DeliveredFile(
        name=name or path.name,
        format=kind or format_of(path.name),
        media_type=media_type_of(path.name),
        size_bytes=path.stat().st_size,
        sha256=sha256_of(path),
    )


def manifest_document(
    findings: Findings,
    files: list[DeliveredFile],
    engine: ManifestEngine | None,
    subject: ManifestSubject | None = None,
    engines: EnginesDocument | None = None,
) -> ManifestDocument:
    """What was delivered and how it came about; `engine` and `subject` are None where nothing was trained, `engines`
    where no more than one was."""
    return ManifestDocument(
        job=findings.job_name,
        engine=engine,
        **({"engines": engines} if engines is not None else {}),
        photos=ManifestPhotos(
            used=len(findings.photos()), dropped=len(findings.dropped()), registered=len(findings.registered())
        ),
        source=_source(findings),
        settings=_settings(findings),
        metres_per_unit=findings.transforms.get("metresPerUnit"),
        stages=[
            ManifestStage(
                name=record.stage,
                seconds=record.seconds,
                settings_digest=record.digest,
                peak_memory_bytes=record.peak_memory_bytes,
                message=record.message,
                libraries=findings.libraries(record),
            )
            for record in findings.records
        ],
        versions=versions(),
        subject=subject,
        picture=picture_of([file.name for file in files]),
        artifacts=files,
    )


def _source(findings: Findings) -> ManifestSource:
    originals = (photo.get("original", {}).get("sha256") for photo in findings.photos())
    checksums = sorted(each for each in originals if each)
    whole = hashlib.sha256("".join(f"{each}\n" for each in checksums).encode()).hexdigest()
    return ManifestSource(digest=whole, sha256=checksums)


def _settings(findings: Findings) -> dict[str, Any]:
    written = explicit(completed(findings.spec))
    return {name: written[name] for name in SETTINGS if name in written}


def picture_of(names: Sequence[str]) -> str | None:
    """What stands for the job: the best of the pictures that there are."""
    wanted = (TurntableOutput.POSTER.file, file_of(PreviewStyle.TEXTURED, "three-quarter"), PREVIEW)
    return next((name for name in wanted if name in names), None)


def engine_used(findings: Findings) -> ManifestEngine:
    """The engine's name, licence and device; None for what the training stage did not say."""
    engine = findings.engine or EngineDocument(engine=findings.spec.chosen_engine)
    return ManifestEngine(name=engine.engine, licence=engine.licence, device=engine.device, steps=engine.step)


def versions() -> dict[str, str]:
    """Of Python and of the packages that shape the result, where they are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
