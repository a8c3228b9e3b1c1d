"""Stage `render` from what was published: another turntable shows the published model; one that is there stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from reconstruction_api.baseline import explicit
from reconstruction_api.defaults import completed
from reconstruction_api.documents.manifest import ManifestDocument
from reconstruction_api.engines import Makes
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stage_table import BY_NAME, StageName
from reconstruction_api.turntable import PathCoordinates, TurntablePath, TurntableRenderer

from ..exporters.textured_model import Model
from ..geometry.scene import NOWHERE
from ..stage import StageContext, StageOutput
from ..turntable.films import check_outputs
from ..turntable.named_path import poses_of_file
from ..turntable.paths import Subject, cameras, subject_of
from ..turntable.rendering import write_turntable
from ..turntable.showing import show_mesh
from .earlier_set import EarlierSet, earlier_set, gone
from .entries import files_of, published_exports
from .published_model import best_source, read_model
from .requirements import engine_makes


def run(context: StageContext) -> StageOutput:
    """Raises InputsRemoved for a turntable that shows more than the model, or along a path that goes by the photos."""
    turntable = context.spec.turntable
    assert turntable is not None, "the graph has this stage for jobs with a turntable"
    with earlier_set(context) as earlier:
        if is_published(context.spec, earlier.manifest):
            return StageOutput("as it was published")
        check_outputs(turntable)
        _check(context.spec, engine_makes(context.spec, earlier.manifest))
        model = _model(context, earlier)
    vertices = model.vertices.astype(np.float64)
    subject = _subject(earlier.manifest) or subject_of(NOWHERE, vertices)
    path = cameras(turntable, NOWHERE, subject, poses_of_file(context))
    return write_turntable(context, turntable, path, TurntableRenderer.MESH, lambda: show_mesh(model))


def is_published(spec: ReconstructionJobSpec, manifest: ManifestDocument) -> bool:
    """Whether the turntable that the spec asks for is among the published files."""
    stage = BY_NAME[StageName.RENDER]
    wanted, known = stage.settings_in(explicit(completed(spec))), stage.settings_in(manifest.settings)
    return "turntable" in known and wanted.get("turntable") == known["turntable"]


def _check(spec: ReconstructionJobSpec, makes: Makes) -> None:
    turntable = spec.turntable
    assert turntable is not None
    splats = turntable.renderer is TurntableRenderer.AUTO and makes is Makes.GAUSSIANS
    if splats or turntable.renderer not in (TurntableRenderer.AUTO, TurntableRenderer.MESH):
        raise gone(
            f"the workspace is gone: spec.turntable.renderer {turntable.renderer} shows what the engine has trained",
            "Set spec.turntable.renderer to Mesh: the published model is shown.",
        )
    provided = turntable.path_file is not None and turntable.path_file.coordinates is PathCoordinates.PROVIDED
    if turntable.path is TurntablePath.PHOTOS or provided:
        field = "pathFile.coordinates Provided" if provided else "path Photos"
        raise gone(
            f"the workspace is gone: spec.turntable.{field} needs the camera poses of the photos",
            "Use another path, or a file of poses in the coordinates of the report's viewer.",
        )


def _model(context: StageContext, earlier: EarlierSet) -> Model:
    """In the scene's own unit."""
    source = best_source([each for each in published_exports(earlier.manifest) if files_of(each, earlier.manifest)])
    if source is None:
        raise gone("the workspace is gone: spec.turntable needs the whole model with its texture, which no file has")
    context.advance(0, f"reading {source.label} from the destination")
    metres = earlier.manifest.metres_per_unit
    with TemporaryDirectory(dir=context.workspace, prefix=".reading-") as scratch:
        for file in files_of(source, earlier.manifest):
            earlier.fetch(file, Path(scratch))
        model = read_model(Path(scratch), source, metric=metres is not None)
    return model if metres is None else replace(model, vertices=model.vertices / np.float32(metres), metric=False)


def _subject(manifest: ManifestDocument) -> Subject | None:
    """What the published turntable's camera would look at; None in sets of earlier releases: then all of the model."""
    seen = manifest.subject
    return None if seen is None else Subject(np.array(seen.centre), seen.radius, np.radians(seen.field_of_view_degrees))
