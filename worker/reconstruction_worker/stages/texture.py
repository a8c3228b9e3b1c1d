"""Stage `texture`: the mesh cut into charts (`mesh.npz`) and its colours from the photos (`basecolor.png`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from PIL import Image

from reconstruction_api.mesh import TextureSource
from reconstruction_api.metric_names import Metric
from reconstruction_api.stages import StageName

from ..engines.trained import coloured_field
from ..engines.training.split import read_split
from ..files import write_document
from ..geometry.atlas import Atlas, Texels, texels, unwrap
from ..geometry.bake import BLENDINGS, Blending, bake, baked_in_each_way
from ..geometry.ply_file import read_ply
from ..geometry.scene import Scene, View, load_scene
from ..geometry.stand_ins import SIDE, RenderedView, with_stand_ins
from ..geometry.texture_document import FILE, HeldOut, ShownView, TextureDocument
from ..original_photos import Originals, original_photos
from ..quality.basis import judged_by, kept_from_texture
from ..quality.delivered import Shown, shown_by_mesh
from ..stage import StageContext, StageOutput
from ..stage_files import BASE_COLOUR, CHARTS, SURFACE

DOCUMENT = TextureDocument
FINE_SIDE = 640
"""Of pictures of Gaussians that stand in for photos, in pixels."""


def run(context: StageContext) -> StageOutput:
    """All photos that can be used count, held-out ones too. What the mesh shows of these is measured with a texture of
    the others, and decides how photos are blended. Without any photo, the colours are those that the trained scene
    shows."""
    size = context.spec.mesh.texture_size
    context.advance(0, "cutting the surface into charts")
    atlas = unwrap(read_ply(context.of(StageName.MESH) / SURFACE), size)
    context.advance(20, "laying out the texture")
    surface = texels(atlas, size)
    scene = _photographed(context)
    views = [view for view in scene.views if view.usable]
    photographed = not isinstance(scene.views[0], RenderedView)
    wanted = photographed and context.spec.mesh.chosen_texture_source is TextureSource.ORIGINAL
    originals = original_photos(context.workspace, views) if wanted else Originals({}, 0)
    judged = _judged(context, atlas, surface, views, originals)
    best = max(judged, key=lambda each: each.shown.psnr) if judged else None
    blending = best.blending if best else BLENDINGS[0]

    def progress(percent: float, message: str) -> None:
        context.advance(60 + 0.35 * percent, message)

    baked = bake(atlas, surface, views, size, progress, originals.photos, blending)
    context.advance(95, "writing the texture")
    np.savez(
        context.folder / CHARTS,
        vertices=atlas.mesh.vertices.astype(np.float32),
        normals=atlas.normals,
        faces=atlas.mesh.faces,
        uv=atlas.uv,
    )
    Image.fromarray(baked.picture).save(context.folder / BASE_COLOUR, compress_level=4)
    source = TextureSource.ORIGINAL if originals.photos else TextureSource.TRAINING
    document = TextureDocument(
        size=size,
        source=source if photographed else None,
        originals=len(originals.photos),
        note=originals.note(),
        blending=blending.name,
        tried={each.blending.name: each.shown.psnr for each in judged},
        charts=atlas.charts,
        surface_share=len(surface.index) / size**2,
        photo_share=baked.photo_share,
        views={name: round(share, 4) for name, share in baked.views.items()},
        held_out=best.shown if best else None,
    )
    write_document(context.folder / FILE, document)
    metrics: dict[str, str | int] = {Metric.TEXTURE_PHOTO_PERCENT: int(baked.photo_share * 100)} if photographed else {}
    return StageOutput(_line(document, photographed), metrics)


def _line(document: TextureDocument, photographed: bool) -> str:
    used = sum(share > 0 for share in document.views.values())
    what = "photos" if photographed else "renderings"
    line = f"{document.size} x {document.size} texels, {document.photo_share:.0%} of the surface from {used} {what}"
    if document.originals:
        line += f", {document.originals} in their original size"
    held_out = document.held_out
    if held_out is not None:
        line += (
            f"; the mesh shows {held_out.coverage:.0%} of the held-out photos, with PSNR {held_out.psnr:.2f} dB and "
            f"SSIM {held_out.ssim:.3f} there"
        )
    return f"{line}; {document.note}" if document.note else line


@dataclass(frozen=True)
class _Judged:
    blending: Blending
    shown: HeldOut


def _judged(
    context: StageContext, atlas: Atlas, surface: Texels, views: list[View], originals: Originals
) -> list[_Judged]:
    """How well the mesh shows the photos that were held out, with textures of the others, for each way of blending."""
    split = read_split(context.of(StageName.TRAIN), [view.name for view in views])
    held_out, _ = judged_by(split.held_out, early_stopping=context.spec.training.early_stopping)
    trained = [view.name for view in views if view.name not in split.held_out]
    extra = kept_from_texture(len(held_out), trained) if held_out else []
    others = [view for view in views if view.name not in {*split.held_out, *extra}]
    judged = [view for view in views if view.name in {*held_out, *extra}]
    if not judged or not others:
        return []
    size = context.spec.mesh.texture_size

    def progress(percent: float, message: str) -> None:
        context.advance(25 + 0.25 * percent, f"without the held-out photos: {message}")

    textures = baked_in_each_way(atlas, surface, others, size, BLENDINGS, progress, originals.photos)
    result = []
    for blending, without in zip(BLENDINGS, textures, strict=True):
        context.advance(55, "comparing the mesh with the held-out photos")
        found = shown_by_mesh(atlas, without.picture, judged)
        if found:
            result.append(_Judged(blending, _mean(found, extra)))
    return result


def _mean(found: Sequence[Shown], trained: Collection[str]) -> HeldOut:
    """`trained` are photos that only the texture was made without."""
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
                trained=one.name in trained,
            )
            for one in found
        ],
    )


def _photographed(context: StageContext) -> Scene:
    scene = load_scene(context.workspace)
    if any(view.usable for view in scene.views):
        return scene
    shown, fine = coloured_field(context)
    return with_stand_ins(scene, shown, side=FINE_SIDE if fine else SIDE)
