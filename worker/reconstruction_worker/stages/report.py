"""Stage `report`: what the job hands over, in `artifacts/`: exported files, report page, numbers and manifest."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path

import numpy as np

from reconstruction_api.documents.manifest import FILE as MANIFEST_FILE
from reconstruction_api.documents.manifest import ManifestDocument, ManifestSubject
from reconstruction_api.documents.quality import FILE as QUALITY_FILE
from reconstruction_api.exports import Audience
from reconstruction_api.formats import PREVIEW, REPORT_PAGE
from reconstruction_api.stages import StageName, end_stage

from ..engines.trained import kept_gaussians, trained_makes
from ..exporters.textured_model import Model, load_model
from ..files import write_document
from ..geometry.scene import Scene, load_scene
from ..geometry.sparse import read_coloured_points
from ..geometry.world_scale import metres_per_unit
from ..report.cloud import worth_showing
from ..report.comparisons import comparisons
from ..report.engines import deliver_engines
from ..report.findings import Document, Findings, gather
from ..report.numbers import artifacts, engine_used, manifest_document, quality_document
from ..report.page import report_page
from ..report.poses_delivery import deliver_poses
from ..report.preview import preview
from ..report.public import for_the_public, without_cameras
from ..report.side_views import write_side_views
from ..report.viewer_data import sparse_document, viewer_document, views_document, with_support
from ..stage import StageContext, StageOutput
from ..stage_files import POINTS
from ..turntable.paths import subject_of
from ..turntable.showing import show_mesh

DOCUMENT = ManifestDocument


def run(context: StageContext) -> StageOutput:
    """Nothing is computed again but pictures; the numbers are what the stages measured. For the public, photos, cameras
    and names are left out of all files."""
    if end_stage(context.spec) is StageName.POSES:
        return deliver_poses(context)
    public = context.spec.report is not None and context.spec.report.audience is Audience.PUBLIC
    findings = gather(context.workspace, context.spec, context.job_name)
    if public:
        findings = for_the_public(findings)
    scene = load_scene(context.workspace)
    shown = without_cameras(scene) if public else scene
    model = load_model(context.of(StageName.TEXTURE), metres_per_unit=None)
    context.advance(0, "collecting files")
    _collect(findings, context.folder)
    context.advance(10, "rendering the preview")
    pictures = preview(model, shown)
    pictures.sheet.save(context.folder / PREVIEW)
    side_views = _side_views(context, model, scene)
    quality = quality_document(findings)
    write_document(context.folder / QUALITY_FILE, quality)
    context.advance(60, "writing the report")
    engines = deliver_engines(context, shown, public=public)
    viewer = viewer_document(model, scene, findings.held_out(), kept_gaussians(context))
    viewer |= views_document(shown, findings.held_out())
    viewer["metresPerUnit"] = metres_per_unit(scene.metres_per_unit, context.spec)
    if not public:
        viewer = _with_evidence(context, viewer, scene, findings)
    compared = comparisons(findings, quality, trained_makes(context), shown, show_mesh(model))
    of_engines = engines.files if engines is not None else []
    page = report_page(
        findings,
        quality,
        compared,
        [*artifacts(context.folder, findings, side_views), *of_engines],
        viewer,
        pictures.model,
        engines,
    )
    (context.folder / REPORT_PAGE).write_text(page, encoding="utf-8")
    context.advance(90, "writing the manifest")
    delivered = [*artifacts(context.folder, findings, side_views), *of_engines]
    manifest = manifest_document(
        findings,
        delivered,
        engine_used(findings),
        _subject(scene, model),
        engines.document if engines is not None else None,
    )
    write_document(context.folder / MANIFEST_FILE, manifest)
    size = sum(file.size_bytes for file in delivered)
    return StageOutput(f"{len(delivered) + 1} files, {size / 1e6:.1f} MB")


def _subject(scene: Scene, model: Model) -> ManifestSubject:
    seen = subject_of(scene, model.vertices.astype(np.float64))
    x, y, z = (round(float(value), 6) for value in seen.centre)
    return ManifestSubject(
        centre=(x, y, z),
        radius=round(seen.radius, 6),
        field_of_view_degrees=round(math.degrees(seen.field_of_view), 4),
    )


def _with_evidence(context: StageContext, viewer: Document, scene: Scene, findings: Findings) -> Document:
    """What shows where photos were, too: how well they hold the surface, and the points that they share."""
    names = findings.split.train if findings.split is not None else [view.name for view in scene.views]
    viewer = with_support(viewer, [view.camera for view in scene.only(names).views])
    points = worth_showing(read_coloured_points(context.of(StageName.POSES) / POINTS))
    return {**viewer, "sparse": sparse_document(points)}


def _side_views(context: StageContext, model: Model, scene: Scene) -> list[str]:
    """Those of `spec.report.previews`."""
    report = context.spec.report
    if report is None or report.previews is None:
        return []

    def advance(share: float) -> None:
        context.advance(20 + 40 * share, "rendering the previews")

    return write_side_views(report.previews, model, scene, context.folder, advance)


def _collect(findings: Findings, folder: Path) -> None:
    """The exported files and those of the turntable, as hard links where the file system has them."""
    files = [findings.folder(StageName.EXPORT) / file.name for export in findings.delivered() for file in export.files]
    if findings.turntable is not None:
        files += [findings.folder(StageName.RENDER) / name for name in findings.turntable.files]
    for source in files:
        target = folder / source.name
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)
