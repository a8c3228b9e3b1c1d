"""Stage `export` from what was published: entries that are there are fetched, others made from the model in them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from reconstruction_api.engines import Makes
from reconstruction_api.exports import Export
from reconstruction_api.stage_table import listed

from ..engines.registry import engine_spec
from ..exporters.exports_document import FILE, ExportsDocument
from ..exporters.surface_gaussians import COUNT, surface_gaussians
from ..exporters.textured_model import Model
from ..files import write_document
from ..stage import StageContext, StageOutput
from ..stages.export import SimplerMeshes, write_entry
from .earlier_set import EarlierSet, earlier_set, gone
from .entries import files_of, published_exports
from .published_model import READ_AGAIN, best_source, read_model
from .requirements import check_settings, lacking

DOCUMENT = ExportsDocument
"""Of the entries that were made here; what is known of the others is in the published manifest."""


def run(context: StageContext) -> StageOutput:
    """Raises InputsRemoved for what the published files are not enough for, and what `stages.export` raises."""
    with earlier_set(context) as earlier:
        check_settings(context.spec, earlier.manifest)
        published, wanted = published_exports(earlier.manifest), context.spec.exports
        new = [each for each in wanted if each not in published or not files_of(each, earlier.manifest)]
        _check(new, earlier, engine_spec(context.spec.chosen_engine).makes)
        source = best_source([each for each in published if files_of(each, earlier.manifest)]) if new else None
        if new and source is None:
            raise _no_model(published, new)
        made, metric = [], earlier.manifest.metres_per_unit is not None
        meshes = SimplerMeshes(_model(context, earlier, source, metric=metric)) if source is not None else None
        for done, export in enumerate(wanted):
            context.advance(20 + 80 * done / len(wanted), f"writing {export.label}")
            if export not in new or meshes is None:
                for file in files_of(export, earlier.manifest):
                    earlier.fetch(file, context.folder)
                continue
            gaussian = export.format.gaussians
            made.append(
                write_entry(
                    export,
                    surface_gaussians(meshes.model, export.max_splats or COUNT)
                    if gaussian
                    else meshes.with_at_most(export.target_faces),
                    context.folder,
                )
            )
    write_document(context.folder / FILE, ExportsDocument(metric=metric, exports=made))
    names = ", ".join(each.label for each in new) or "nothing new"
    from_where = f" from {source.label}" if source is not None else ""
    return StageOutput(f"{names}: made{from_where} at the destination, as the workspace is gone")


def _model(context: StageContext, earlier: EarlierSet, source: Export, *, metric: bool) -> Model:
    context.advance(0, f"reading {source.label} from the destination")
    with TemporaryDirectory(dir=context.folder, prefix=".reading-") as scratch:
        for file in files_of(source, earlier.manifest):
            earlier.fetch(file, Path(scratch))
        return read_model(Path(scratch), source, metric=metric)


def _check(new: list[Export], earlier: EarlierSet, makes: Makes) -> None:
    """Raises InputsRemoved for the first entry that needs more than the model."""
    for export in new:
        if lacks := lacking(export, earlier.manifest, makes):
            raise gone(f"the workspace is gone: spec.exports, entry {export.label}, needs {lacks}")


def _no_model(published: list[Export], new: list[Export]) -> Exception:
    there = ", ".join(each.label for each in published) or "no model"
    wanted, whole = ", ".join(each.label for each in new), listed(READ_AGAIN)
    return gone(
        f"the workspace is gone: spec.exports, entry {wanted}, needs the whole model with its texture, as {whole} "
        f"without targetFaces has it, and what was published is {there}"
    )
