"""What a change of the job needs beyond the published files, in words for its author."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconstruction_api.baseline import explicit
from reconstruction_api.defaults import completed
from reconstruction_api.documents.manifest import ManifestDocument
from reconstruction_api.engines import Makes
from reconstruction_api.exports import Export
from reconstruction_api.formats import ExportFormat
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stage_table import listed
from reconstruction_api.stages import STAGES, StageName

from ..engines.registry import engine_spec
from .earlier_set import gone
from .published_gaussians import IN_FULL, gaussians_for

_AT_HAND: Final = (StageName.EXPORT, StageName.RENDER, StageName.BUNDLE, StageName.PUBLISH)
"""Stages that the published files are enough for, or that say themselves what they lack."""
_ON_THE_MAP: Final = (ExportFormat.POINT_CLOUD, ExportFormat.ORTHOPHOTO, ExportFormat.DSM, ExportFormat.TILES)


def check_settings(spec: ReconstructionJobSpec, manifest: ManifestDocument) -> None:
    """Raises InputsRemoved where the spec asks for something else than was published, beside exports and turntable."""
    if changed := sorted(set(_changed(spec, manifest))):
        fields = ", ".join(f"spec.{path}" for path in changed)
        raise gone(
            f"the workspace is gone, and the published files are not enough for what {fields} asks for: it takes the "
            "photos, the camera poses or the trained model"
        )


def engine_makes(spec: ReconstructionJobSpec, manifest: ManifestDocument) -> Makes:
    """What the engine does whose results were published: of several the best one."""
    best = manifest.engine.name if spec.engines is not None and manifest.engine is not None else spec.chosen_engine
    return engine_spec(best).makes


def takes_trained_gaussians(export: Export, makes: Makes) -> bool:
    """Whether an entry holds what the engine has trained, and not what is laid on the textured model. `makes` is what
    the job's engine does."""
    return export.format.gaussians and makes is Makes.GAUSSIANS


def lacking(export: Export, published: list[Export], manifest: ManifestDocument, makes: Makes) -> str:
    """What an entry needs and nobody has any more; empty where what was published is enough."""
    if takes_trained_gaussians(export, makes) and gaussians_for(export, published) is None:
        return f"the Gaussians that the engine has trained, which {listed(IN_FULL)} would have in full"
    if export.format in _ON_THE_MAP and manifest.metres_per_unit is not None:
        return "the place on Earth, which was kept with the camera poses"
    return ""


def _changed(spec: ReconstructionJobSpec, manifest: ManifestDocument) -> Iterator[str]:
    """Paths of fields. The source never changes, and how often stages were asked for again is not in a manifest."""
    document = explicit(completed(spec))
    for stage in STAGES:
        if stage.name in _AT_HAND:
            continue
        wanted, published = stage.settings_in(document), stage.settings_in(manifest.settings)
        for path in {*wanted, *published} - {"source", f"redo.{stage.name}"}:
            if wanted.get(path) != published.get(path):
                yield path
