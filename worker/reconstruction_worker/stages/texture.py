"""Stage `texture`: the mesh cut into charts (`mesh.npz`) and its colours from the photos (`basecolor.png`)."""

from __future__ import annotations

from statistics import fmean

import numpy as np
from PIL import Image

from reconstruction_api.metric_names import Metric
from reconstruction_api.stages import StageName

from ..engines.trained import trained_field
from ..engines.training.split import read_split
from ..files import write_document
from ..geometry.atlas import Atlas, Texels, texels, unwrap
from ..geometry.bake import bake
from ..geometry.ply_file import read_ply
from ..geometry.scene import Scene, View, load_scene
from ..geometry.stand_ins import RenderedView, with_stand_ins
from ..geometry.texture_document import FILE, HeldOut, ShownView, TextureDocument
from ..quality.basis import judged_by, kept_from_texture
from ..quality.delivered import shown_by_mesh
from ..stage import StageContext, StageOutput
from ..stage_files import BASE_COLOUR, CHARTS, SURFACE

DOCUMENT = TextureDocument


def run(context: StageContext) -> StageOutput:
    """All photos that can be used count, held-out ones too. What the mesh shows of these is measured with a texture of
    the others. Without any photo, the colours are those that the trained scene shows."""
    size = context.spec.mesh.texture_size
    context.advance(0, "cutting the surface into charts")
    atlas = unwrap(read_ply(context.of(StageName.MESH) / SURFACE), size)
    context.advance(25, "laying out the texture")
    surface = texels(atlas, size)
    scene = _photographed(context)
    views = [view for view in scene.views if view.usable]
    baked = bake(atlas, surface, views, size, lambda percent, message: context.advance(25 + 0.4 * percent, message))
    held_out = _held_out(context, atlas, surface, views)
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
        held_out=held_out,
    )
    write_document(context.folder / FILE, document)
    used = sum(share > 0 for share in baked.views.values())
    source = "photos" if not isinstance(scene.views[0], RenderedView) else "renderings"
    line = f"{size} x {size} texels, {baked.photo_share:.0%} of the surface from {used} {source}"
    if held_out is not None:
        line += (
            f"; the mesh shows {held_out.coverage:.0%} of the held-out photos, with PSNR {held_out.psnr:.2f} dB and "
            f"SSIM {held_out.ssim:.3f} there"
        )
    return StageOutput(
        line,
        {Metric.TEXTURE_PHOTO_PERCENT: int(baked.photo_share * 100)} if source == "photos" else {},
    )


def _held_out(context: StageContext, atlas: Atlas, surface: Texels, views: list[View]) -> HeldOut | None:
    """How well the mesh shows the photos that were held out, with a texture of the others."""
    split = read_split(context.of(StageName.TRAIN), [view.name for view in views])
    held_out, _ = judged_by(split.held_out, early_stopping=context.spec.training.early_stopping)
    trained = [view.name for view in views if view.name not in split.held_out]
    names = {*split.held_out, *(kept_from_texture(len(held_out), trained) if held_out else ())}
    others = [view for view in views if view.name not in names]
    judged = [view for view in views if view.name in names and view.name not in {*split.held_out} - {*held_out}]
    if not judged or not others:
        return None
    without = bake(
        atlas,
        surface,
        others,
        context.spec.mesh.texture_size,
        lambda percent, message: context.advance(65 + 0.25 * percent, f"without the held-out photos: {message}"),
    )
    context.advance(90, "comparing the mesh with the held-out photos")
    found = shown_by_mesh(atlas, without.picture, judged)
    if not found:
        return None
    return HeldOut(
        photos=len(found),
        coverage=round(fmean(one.coverage for one in found), 4),
        psnr=round(fmean(one.psnr for one in found), 3),
        ssim=round(fmean(one.ssim for one in found), 4),
        views=[
            ShownView(
                name=one.name,
                coverage=round(one.coverage, 4),
                psnr=round(one.psnr, 3),
                ssim=round(one.ssim, 4),
                trained=one.name not in held_out,
            )
            for one in found
        ],
    )


def _photographed(context: StageContext) -> Scene:
    scene = load_scene(context.workspace)
    return scene if any(view.usable for view in scene.views) else with_stand_ins(scene, trained_field(context))
