"""Stage `texture`: the mesh cut into charts (`mesh.npz`) and its colours from the photos (`basecolor.png`)."""

from __future__ import annotations

import numpy as np
from PIL import Image

from reconstruction_api.metric_names import Metric
from reconstruction_api.stages import StageName

from ..engines.trained import trained_field
from ..files import write_document
from ..geometry.atlas import texels, unwrap
from ..geometry.bake import bake
from ..geometry.ply_file import read_ply
from ..geometry.scene import Scene, load_scene
from ..geometry.stand_ins import RenderedView, with_stand_ins
from ..geometry.texture_document import FILE, TextureDocument
from ..stage import StageContext, StageOutput
from ..stage_files import BASE_COLOUR, CHARTS, SURFACE

DOCUMENT = TextureDocument


def run(context: StageContext) -> StageOutput:
    """All photos that can be used count, held-out ones too: nothing is measured on the texture. Without any, the
    colours are those that the trained scene shows."""
    size = context.spec.mesh.texture_size
    context.advance(0, "cutting the surface into charts")
    atlas = unwrap(read_ply(context.of(StageName.MESH) / SURFACE), size)
    context.advance(25, "laying out the texture")
    surface = texels(atlas, size)
    scene = _photographed(context)
    views = [view for view in scene.views if view.usable]
    baked = bake(atlas, surface, views, size, lambda percent, message: context.advance(25 + 0.7 * percent, message))
    context.advance(95, "writing the texture")
    np.savez(
        context.folder / CHARTS,
        vertices=atlas.mesh.vertices.astype(np.float32),
        normals=atlas.normals,
        faces=atlas.mesh.faces,
        uv=atlas.uv,
    )
    Image.fromarray(baked.picture).save(context.folder / BASE_COLOUR, compress_level=4)
    document = TextureDocument(
        size=size,
        charts=atlas.charts,
        surface_share=len(surface.index) / size**2,
        photo_share=baked.photo_share,
        views={name: round(share, 4) for name, share in baked.views.items()},
    )
    write_document(context.folder / FILE, document)
    used = sum(share > 0 for share in baked.views.values())
    source = "photos" if not isinstance(scene.views[0], RenderedView) else "renderings"
    return StageOutput(
        f"{size} x {size} texels, {baked.photo_share:.0%} of the surface from {used} {source}",
        {Metric.TEXTURE_PHOTO_PERCENT: int(baked.photo_share * 100)} if source == "photos" else {},
    )


def _photographed(context: StageContext) -> Scene:
    scene = load_scene(context.workspace)
    return scene if any(view.usable for view in scene.views) else with_stand_ins(scene, trained_field(context))
