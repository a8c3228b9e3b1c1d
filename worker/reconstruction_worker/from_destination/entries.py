"""Which of the published files belong to which entry of `spec.exports`."""

from __future__ import annotations

from reconstruction_api.baseline import with_baseline
from reconstruction_api.documents.manifest import DeliveredFile, ManifestDocument
from reconstruction_api.exports import Export
from reconstruction_api.formats import BUNDLE
from reconstruction_api.job import ReconstructionJobSpec


def published_exports(manifest: ManifestDocument) -> list[Export]:
    """The entries that the set was made for."""
    document = with_baseline({"source": {"uri": "file:///"}, "exports": manifest.settings.get("exports")})
    if document["exports"] is None:
        document = with_baseline({"source": {"uri": "file:///"}})
    return ReconstructionJobSpec.model_validate(document, extra="ignore").exports


def files_of(export: Export, manifest: ManifestDocument) -> list[DeliveredFile]:
    """Those of an entry: its names are its own with `.` or `_` behind them."""
    stem = export.name or export.format.stem
    ours = (f"{stem}.", f"{stem}_")
    return [file for file in manifest.artifacts if file.format == export.format and file.name.startswith(ours)]


def files_beside(manifest: ManifestDocument) -> list[DeliveredFile]:
    """Those of no entry: the report, its pictures and numbers, the turntable. Not the bundle, which holds them all."""
    exported = {file.name for export in published_exports(manifest) for file in files_of(export, manifest)}
    return [file for file in manifest.artifacts if file.name not in exported and file.name != BUNDLE]
