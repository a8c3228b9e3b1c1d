"""Stage `texture`: the mesh cut into charts (`mesh.npz`) and its colours from the photos (`basecolor.png`, and
`basecolor_2.png` and so on of further pages)."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.mesh import TextureSource
from reconstruction_api.metric_names import Metric
from reconstruction_api.stages import StageName

from ..engines.trained import coloured_field
from ..engines.training.split import read_split
from ..files import write_document
from ..geometry.atlas import Atlas, unwrap
from ..geometry.bake import BLENDINGS, Blending, bake, baked_in_each_way
from ..geometry.footprint import pages_for, photo_pixels
from ..geometry.mesh import Mesh
from ..geometry.pages import Pages, page_of
from ..geometry.ply_file import read_ply
from ..geometry.scene import Scene, View, load_scene
from ..geometry.stand_ins import SIDE, RenderedView, with_stand_ins
from ..geometry.texture_document import FILE, HeldOut, ShownView, TextureDocument
from ..geometry.visibility import Sightings
from ..original_photos import Originals, original_photos
from ..quality.basis import judged_by, kept_from_texture
from ..quality.delivered import Shown, shown_by_mesh
from ..stage import StageContext, StageOutput
from ..stage_files import CHARTS, SURFACE, base_colour

DOCUMENT = TextureDocument
FINE_SIDE = 640
"""Of pictures of Gaussians that stand in for photos, in pixels."""


def run(context: StageContext) -> StageOutput:
    """All photos that can be used count, held-out ones too. What the mesh shows of these is measured with a texture of
    the others, and decides how photos are blended. Without any photo, the colours are those that the trained scene
    shows."""
    mesh = read_ply(context.of(StageName.MESH) / SURFACE)
    scene = _photographed(context)
    views = [view for view in scene.views if view.usable]
    photographed = not isinstance(scene.views[0], RenderedView)
    wanted = photographed and context.spec.mesh.chosen_texture_source is TextureSource.ORIGINAL
    originals = original_photos(context.workspace, views) if wanted else Originals({}, 0)
    sightings = Sightings(mesh)
    pixels = _photo_pixels(context, mesh, sightings, views, originals)
    context.advance(10, "cutting the surface into charts")
    size = context.spec.mesh.texture_size
    surface = Pages(unwrap(mesh, size, pages_for(pixels, size, context.spec.mesh.chosen_texture_pages)), size)
    context.advance(20, "laying out the texture")
    judged = _judged(context, surface, sightings, views, originals)
    best = max(judged, key=lambda each: each.shown.psnr) if judged else None
    blending = best.blending if best else BLENDINGS[0]

    def progress(percent: float, message: str) -> None:
        context.advance(60 + 0.35 * percent, message)

    with _scratch(context) as scratch:
        baked = bake(surface, views, progress, originals.photos, blending, Path(scratch), sightings)
        context.advance(95, "writing the texture")
        _write(context, surface.atlas, baked.picture)
    source = TextureSource.ORIGINAL if originals.photos else TextureSource.TRAINING
    document = TextureDocument(
        size=size,
        pages=surface.atlas.pages,
        pixels_per_texel=round(math.sqrt(pixels / surface.texels), 3) if pixels else None,
        source=source if photographed else None,
        originals=len(originals.photos),
        note=originals.note(),
        blending=blending.name,
        tried={each.blending.name: each.shown.psnr for each in judged},
        charts=surface.atlas.charts,
        surface_share=surface.surface_share,
        photo_share=baked.photo_share,
        views={name: round(share, 4) for name, share in baked.views.items()},
        held_out=best.shown if best else None,
    )
    write_document(context.folder / FILE, document)
    metrics: dict[str, str | int] = {Metric.TEXTURE_PHOTO_PERCENT: int(baked.photo_share * 100)} if photographed else {}
    return StageOutput(_line(document, photographed), metrics)


def _photo_pixels(
    context: StageContext, mesh: Mesh, sightings: Sightings, views: list[View], originals: Originals
) -> float:
    def done(number: int) -> None:
        context.advance(10 * number / len(views), "what each photo sees")

    larger = {name: photo.factor for name, photo in originals.photos.items()}
    return photo_pixels(mesh, sightings.of(views, done), views, larger)


def _scratch(context: StageContext) -> TemporaryDirectory[str]:
    return TemporaryDirectory(dir=context.folder, prefix=".pages-")


def _write(context: StageContext, atlas: Atlas, pictures: NDArray[np.uint8]) -> None:
    """The charts, and a picture for each page."""
    arrays: dict[str, Any] = {
        "vertices": atlas.mesh.vertices.astype(np.float32),
        "normals": atlas.normals,
        "faces": atlas.mesh.faces,
        "uv": atlas.uv,
    }
    if atlas.pages > 1:
        arrays["pages"] = atlas.pages
    np.savez(context.folder / CHARTS, **arrays)
    for page in range(atlas.pages):
        Image.fromarray(page_of(pictures, page)).save(context.folder / base_colour(page), compress_level=4)


def _line(document: TextureDocument, photographed: bool) -> str:
    used = sum(share > 0 for share in document.views.values())
    what = "photos" if photographed else "renderings"
    pages = f"{document.pages} pages of " if document.pages > 1 else ""
    line = f"{pages}{document.size} x {document.size} texels, {document.photo_share:.0%} of the surface from "
    line += f"{used} {what}"
    if document.originals:
        line += f", {document.originals} in their original size"
    held_out = document.held_out
    if held_out is not None:
        line += (
            f"; the mesh shows {held_out.coverage:.0%} of the held-out photos, with PSNR {held_out.psnr:.2f} dB and "
            f"SSIM {held_out.ssim:.3f} there"
        )
    return "; ".join([line, *filter(None, (document.note, document.coarseness()))])


@dataclass(frozen=True)
class _Judged:
    blending: Blending
    shown: HeldOut


def _judged(
    context: StageContext, surface: Pages, sightings: Sightings, views: list[View], originals: Originals
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

    def progress(percent: float, message: str) -> None:
        context.advance(25 + 0.25 * percent, f"without the held-out photos: {message}")

    result = []
    with _scratch(context) as scratch:
        textures = baked_in_each_way(surface, others, BLENDINGS, progress, originals.photos, Path(scratch), sightings)
        surface.forget()
        for blending, without in zip(BLENDINGS, textures, strict=True):
            context.advance(55, "comparing the mesh with the held-out photos")
            found = shown_by_mesh(surface.atlas, without.picture, judged, sightings.caster)
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
