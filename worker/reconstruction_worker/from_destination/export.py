"""Stage `export` from what was published: entries that are there are fetched, others made from what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from reconstruction_api.engines import Makes
from reconstruction_api.exports import Export
from reconstruction_api.stage_table import listed

from ..exporters.exports_document import FILE, ExportsDocument
from ..exporters.surface_gaussians import COUNT, surface_gaussians
from ..exporters.textured_model import Model
from ..files import write_document
from ..geometry.gaussians import Gaussians
from ..stage import StageContext, StageOutput
from ..stages.export import SimplerMeshes, write_entry
from .earlier_set import EarlierSet, earlier_set, gone
from .entries import files_of, published_exports
from .published_gaussians import check_count, gaussians_for, read_gaussians
from .published_model import READ_AGAIN, best_source, read_model
from .requirements import check_settings, engine_makes, lacking, takes_trained_gaussians

DOCUMENT = ExportsDocument
"""Of the entries that were made here; what is known of the others is in the published manifest."""


def run(context: StageContext) -> StageOutput:
    """Raises InputsRemoved for what the published files are not enough for, and what `stages.export` raises."""
    with earlier_set(context) as earlier:
        check_settings(context.spec, earlier.manifest)
        published, wanted = published_exports(earlier.manifest), context.spec.exports
        there = [each for each in published if files_of(each, earlier.manifest)]
        new = [each for each in wanted if each not in there]
        content = _Content(context, earlier, there, engine_makes(context.spec, earlier.manifest))
        content.check(new)
        made = []
        for done, export in enumerate(wanted):
            context.advance(100 * done / len(wanted), f"writing {export.label}")
            if export in new:
                made.append(write_entry(export, content.of(export), context.folder))
                continue
            for file in files_of(export, earlier.manifest):
                earlier.fetch(file, context.folder)
    write_document(context.folder / FILE, ExportsDocument(metric=content.metric, exports=made))
    names = ", ".join(each.label for each in new) or "nothing new"
    from_where = f" from {', '.join(content.read)}" if content.read else ""
    return StageOutput(f"{names}: made{from_where} at the destination, as the workspace is gone")


class _Content:
    """What entries show: the textured model and the trained Gaussians, read when they are first asked for."""

    def __init__(self, context: StageContext, earlier: EarlierSet, there: list[Export], makes: Makes):
        self.context, self.earlier, self.there, self.makes = context, earlier, there, makes
        self.metric = earlier.manifest.metres_per_unit is not None
        self.read: list[str] = []
        """Labels of the entries that were read."""
        self._gaussians: dict[str, Gaussians] = {}

    def check(self, new: list[Export]) -> None:
        """Raises InputsRemoved for the first entry that needs more than was published."""
        for export in new:
            if lacks := lacking(export, self.there, self.earlier.manifest, self.makes):
                raise gone(f"the workspace is gone: spec.exports, entry {export.label}, needs {lacks}")
        of_the_model = [each for each in new if not takes_trained_gaussians(each, self.makes)]
        if of_the_model and best_source(self.there) is None:
            raise _no_model(self.there, of_the_model)

    def of(self, export: Export) -> Model | Gaussians:
        """Of an entry that `check` has let pass."""
        if takes_trained_gaussians(export, self.makes):
            return self._trained(export)
        if export.format.gaussians:
            return surface_gaussians(self.meshes.model, export.max_splats or COUNT)
        return self.meshes.with_at_most(export.target_faces)

    @cached_property
    def meshes(self) -> SimplerMeshes:
        source = best_source(self.there)
        assert source is not None
        with self._fetched(source) as folder:
            return SimplerMeshes(read_model(folder, source, metric=self.metric))

    def _trained(self, export: Export) -> Gaussians:
        source = gaussians_for(export, self.there)
        assert source is not None
        if source.label not in self._gaussians:
            with self._fetched(source) as folder:
                self._gaussians[source.label] = read_gaussians(next(folder.iterdir()))
        check_count(export, self._gaussians[source.label])
        return self._gaussians[source.label]

    @contextmanager
    def _fetched(self, source: Export) -> Iterator[Path]:
        """A folder with the files of an entry, until the block ends."""
        self.read.append(source.label)
        with TemporaryDirectory(dir=self.context.folder, prefix=".reading-") as scratch:
            for file in files_of(source, self.earlier.manifest):
                self.earlier.fetch(file, Path(scratch))
            yield Path(scratch)


def _no_model(published: list[Export], new: list[Export]) -> Exception:
    there = ", ".join(each.label for each in published) or "no model"
    wanted, whole = ", ".join(each.label for each in new), listed(READ_AGAIN)
    return gone(
        f"the workspace is gone: spec.exports, entry {wanted}, needs the whole model with its texture, as {whole} "
        f"without targetFaces has it, and what was published is {there}"
    )
