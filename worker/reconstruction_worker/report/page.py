"""`report.html` of a job that ended with a model."""

from __future__ import annotations

from PIL import Image

from reconstruction_api.documents.manifest import DeliveredFile
from reconstruction_api.documents.quality import QualityDocument, ViewQuality
from reconstruction_api.documents.registration import PoseOrigin
from reconstruction_api.quality import Verdict
from reconstruction_api.stages import StageName
from reconstruction_api.turntable import TurntableOutput

from ..engines.training.history import HistoryLine
from ..geometry.mesh_document import CROP_PICTURE
from ..geometry.photo_support import Support
from ..geometry.texture_document import HeldOut, TextureDocument
from ..quality.verdict import MESH, VIEWS
from .chart import Chart, line_chart
from .decimals import number
from .engines import Comparison, rows
from .findings import Document, Findings
from .inline_pictures import scaled_url
from .numbers import engine_used
from .shell import Contents, page_of, running_time, tile, tiles
from .turning import player

SHEET_SIDE = 1500
"""Longer side of the turntable's contact sheet, in pixels."""
SUPPORT = {
    Support.NONE: "no photo",
    Support.ONE: "one photo or one direction",
    Support.TWO: "two photos",
    Support.MANY: "three or more, from different sides",
}
"""What holds a spot of the surface, in words."""
VERDICTS = {
    Verdict.PASS: "Quality passed",
    Verdict.WARN: "Quality: warning",
    Verdict.FAIL: "Quality below the bar",
}


def report_page(
    findings: Findings,
    quality: QualityDocument,
    compared: list[Document],
    delivered: list[DeliveredFile],
    scene: Document,
    still: Image.Image,
    engines: Comparison | None = None,
) -> str:
    """The page as text. `quality` and `delivered` are what quality.json and the manifest say, `compared` is what
    `comparisons` gives, `scene` the viewer's document, `still` stands in for the viewer where there is no WebGL;
    `engines` are compared where there are several."""
    film = player(findings)
    contents = Contents(
        eyebrow="Reconstruction report",
        verdict=_verdict(quality),
        solid=True,
        splats="splats" in scene,
        tiles=_tiles(findings, quality),
        facts=_facts(findings),
        quality_views=[_view(view) for view in quality.views],
        compared=compared,
        held_out=quality.reason is None,
        lpips_reason=(quality.lpips_reason or "").rstrip("."),
        charts=_charts(findings.history),
        turns=film is not None,
        turntable="" if film is not None else _contact_sheet(findings),
        support=_support(scene),
        crop=_crop(findings),
        engines=rows(engines) if engines is not None else [],
        best_engine=f"{engines.document.best}: {engines.document.why}" if engines is not None else "",
    )
    return page_of(findings, contents, delivered, scene if film is None else {**scene, "turntable": film}, still)


def _support(scene: Document) -> list[Document]:
    """What the colours of the surface mean, and how much of it has each."""
    shares = scene.get("supportShares", [])
    return [
        {"level": level.value, "text": text, "share": f"{share:.0%}"}
        for (level, text), share in zip(SUPPORT.items(), shares, strict=False)
    ]


def _verdict(quality: QualityDocument) -> Document | None:
    kind = quality.verdict
    return {"kind": kind.value, "text": VERDICTS[kind]} if kind is not None else None


def _tiles(findings: Findings, quality: QualityDocument) -> list[Document]:
    bar, mesh, texture = quality.thresholds, findings.mesh, findings.texture
    shown = texture.held_out if texture else None
    placed, photos = len(findings.registered()), len(findings.photos())
    closed = "closed surface" if mesh and mesh.watertight else "open surface"
    psnr, ssim = number(quality.psnr, 2), number(quality.ssim, 3)
    passes = [f"passes at {bar.min_psnr:g} dB", f"passes at {bar.min_ssim:g}"] if bar else [None, None]
    of_views = passes if not quality.judged or VIEWS in quality.judged else [None, None]
    of_mesh = [passes[0] if MESH in quality.judged else None, _coverage(shown)]
    return tiles(
        tile("PSNR of the mesh", number(shown.psnr if shown else None, 2), "dB", "; ".join(filter(None, of_mesh))),
        tile("PSNR, held-out views", psnr, "dB", of_views[0]),
        tile("SSIM, held-out views", ssim, "", of_views[1]),
        tile("FLIP, held-out views", number(quality.flip, 3), "", "how different they look: 0 is equal, 1 the most"),
        tile("Photos placed", f"{placed} of {photos}" if findings.registration.method is not PoseOrigin.NONE else None),
        tile("Reprojection error", number(findings.registration.mean_reprojection_error, 2), "px"),
        tile("Triangles", f"{mesh.faces if mesh else 0:,}", "", closed),
        tile("Texture", _size(texture), "px", _share(texture)),
        tile("Time", running_time(findings)),
    )


def _coverage(shown: HeldOut | None) -> str | None:
    return None if shown is None else f"on {shown.coverage:.0%} of the held-out views"


def _size(texture: TextureDocument | None) -> str:
    if texture is None:
        return "0²"
    return f"{texture.size}²" if texture.pages == 1 else f"{texture.pages} x {texture.size}²"


def _share(texture: TextureDocument | None) -> str | None:
    if texture is None or texture.photo_share is None:
        return None
    line = f"{texture.photo_share:.0%} from photos"
    if texture.originals:
        line += f", {texture.originals} in their original size"
    return "; ".join([line, *filter(None, (texture.note, texture.coarseness()))])


def _view(view: ViewQuality) -> Document:
    return {
        "name": view.name,
        "psnr": number(view.psnr, 2),
        "ssim": number(view.ssim, 3),
        "flip": number(view.flip, 3) or "—",
        "lpips": number(view.lpips, 3) or "—",
    }


def _contact_sheet(findings: Findings) -> str:
    """Of the turntable, where it has one; empty otherwise."""
    name = TurntableOutput.CONTACT_SHEET.file
    if findings.turntable is None or name not in findings.turntable.files:
        return ""
    return scaled_url(findings.folder(StageName.RENDER) / name, SHEET_SIDE)


def _crop(findings: Findings) -> Document | None:
    """None where nothing was cut."""
    path = findings.folder(StageName.MESH) / CROP_PICTURE
    crop = findings.mesh.crop if findings.mesh else None
    if crop is None or not crop.cut or not path.exists():
        return None
    text = crop.in_words()
    return {"text": text[0].upper() + text[1:], "picture": scaled_url(path, SHEET_SIDE)}


def _charts(history: list[HistoryLine]) -> list[Chart]:
    steps = [line.step for line in history]

    def curve(title: str, values: list[float | None], *, logarithmic: bool = False) -> Chart | None:
        known = [float("nan") if value is None else value for value in values]
        return line_chart(title, steps, known, logarithmic)

    charts = (
        curve("PSNR of the training batches, dB", [line.psnr for line in history]),
        curve("PSNR of some held-out views during training, dB", [line.held_out_psnr for line in history]),
        curve("Loss", [line.loss for line in history], logarithmic=True),
        curve("SSIM of some held-out views during training", [line.held_out_ssim for line in history]),
    )
    return [chart for chart in charts if chart is not None]


def _confirmed(findings: Findings) -> str | None:
    mesh = findings.mesh
    if mesh is None or mesh.confirmed_share is None:
        return None
    without = len(mesh.without_photo_depth)
    rest = f"; {without} of {mesh.views} photos have none of their own" if without else ""
    return f"{mesh.confirmed_share:.0%}{rest}"


def _judged(quality: QualityDocument) -> str | None:
    """What the verdict is of, and what is to be said of it."""
    kinds = {MESH: "the mesh, where it has a surface", VIEWS: "the trained scene, in whole pictures"}
    names = " and ".join(kinds[name] for name in quality.judged if name in kinds)
    return "; ".join(filter(None, (names, quality.caution))) or None


def _up_and_scale(findings: Findings) -> str | None:
    known, found = findings.spec.poses.known_distance, findings.transforms.get("upFrom")
    return found if known is None else f"{found}; the scale from a known distance of {known.metres} m"


def _facts(findings: Findings) -> list[tuple[str, object]]:
    engine = engine_used(findings)
    scale = findings.transforms.get("metresPerUnit")
    box = findings.mesh.bounds if findings.mesh else None
    size = None
    if box:
        factor, unit = (scale, "m") if scale else (1, "scene units")
        size = " × ".join(f"{(high - low) * factor:.3g}" for low, high in zip(*box, strict=True)) + f" {unit}"
    return [
        ("Engine", engine.name),
        ("Why this engine", findings.engine.choice if findings.engine else None),
        ("Engine's licence", engine.licence),
        ("Steps", f"{engine.steps:,}" if engine.steps else None),
        ("Device", engine.device),
        ("Size", size),
        ("Judged", _judged(findings.quality)),
        ("Next step", findings.quality.next_step),
        ("Depth confirmed by other photos", _confirmed(findings)),
        ("Part of the scene", findings.mesh.crop.in_words() if findings.mesh and findings.mesh.crop else None),
        ("Up and scale from", _up_and_scale(findings)),
    ]
