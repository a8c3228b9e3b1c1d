"""`report.html` of a job that ended with a model."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from reconstruction_api.quality import Verdict
from reconstruction_api.stages import StageName

from .chart import Chart, line_chart
from .findings import Document, Findings
from .numbers import engine_document
from .pictures import scaled_url
from .shell import Contents, page_of, running_time, tile, tiles
from .words import number

WORST_VIEWS = 4
VIEW_SIDE = 420
"""Longer side of the pictures of the worst views, in pixels."""
VERDICTS: dict[str | None, str] = {
    Verdict.PASS: "Quality passed",
    Verdict.WARN: "Quality: warning",
    Verdict.FAIL: "Quality below the bar",
}


def report_page(
    findings: Findings, quality: Document, delivered: list[Document], scene: Document, still: Image.Image
) -> str:
    """The page as text. `quality` and `delivered` are what quality.json and the manifest say, `scene` is the viewer's
    document, `still` stands in for the viewer where there is no WebGL."""
    contents = Contents(
        eyebrow="Reconstruction report",
        verdict=_verdict(quality),
        solid=True,
        tiles=_tiles(findings, quality),
        facts=_facts(findings),
        quality_views=[_view(view) for view in quality.get("views", [])],
        worst_views=_worst_views(findings, quality),
        held_out="reason" not in quality,
        lpips_reason=(quality.get("lpipsReason") or "").rstrip("."),
        charts=_charts(findings.history),
    )
    return page_of(findings, contents, delivered, scene, still)


def _verdict(quality: Document) -> Document | None:
    kind = quality.get("verdict")
    return {"kind": kind, "text": VERDICTS[kind]} if kind in VERDICTS else None


def _tiles(findings: Findings, quality: Document) -> list[Document]:
    registration = quality["registration"]
    thresholds = quality.get("thresholds", {})
    closed = "closed surface" if findings.mesh.get("watertight") else "open surface"
    psnr, ssim = number(quality.get("psnr"), 2), number(quality.get("ssim"), 3)
    return tiles(
        tile("PSNR, held-out views", psnr, "dB", _bar("passes at {} dB", thresholds, "minPSNR")),
        tile("SSIM, held-out views", ssim, "", _bar("passes at {}", thresholds, "minSSIM")),
        tile("Photos placed", f"{registration['registered']} of {registration['photos']}"),
        tile("Reprojection error", number(registration["reprojectionErrorPixels"], 2), "px"),
        tile("Triangles", f"{findings.mesh.get('faces', 0):,}", "", closed),
        tile("Texture", f"{findings.texture.get('size', 0)}²", "px", _share(findings.texture.get("photoShare"))),
        tile("Time", running_time(findings)),
    )


def _bar(pattern: str, thresholds: Document, key: str) -> str | None:
    return pattern.format(f"{thresholds[key]:g}") if key in thresholds else None


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.0%} from photos"


def _view(view: Document) -> Document:
    return {
        "name": view["name"],
        "psnr": number(view.get("psnr"), 2),
        "ssim": number(view.get("ssim"), 3),
        "lpips": number(view.get("lpips"), 3) or "—",
    }


def _worst_views(findings: Findings, quality: Document) -> list[Document]:
    by_name = {view["name"]: view for view in quality.get("views", [])}
    found = []
    for name in quality.get("worst", [])[:WORST_VIEWS]:
        pictures = []
        for kind in ("photo", "render", "error"):
            path = _picture(findings.folder(StageName.EVALUATE) / "views", name, kind)
            if path is not None:
                pictures.append({"kind": kind, "url": scaled_url(path, VIEW_SIDE)})
        if name in by_name:
            found.append({**_view(by_name[name]), "pictures": pictures})
    return found


def _picture(folder: Path, name: str, kind: str) -> Path | None:
    for stem in (name, Path(name).stem):
        path = folder / f"{stem}.{kind}.jpg"
        if path.exists():
            return path
    return None


def _charts(history: list[Document]) -> list[Chart]:
    steps = [line["step"] for line in history]

    def curve(title: str, key: str, *, logarithmic: bool = False) -> Chart | None:
        return line_chart(title, steps, [line.get(key, float("nan")) for line in history], logarithmic)

    charts = (
        curve("PSNR of the training batches, dB", "psnr"),
        curve("PSNR of the held-out views, dB", "heldOutPsnr"),
        curve("Loss", "loss", logarithmic=True),
        curve("SSIM of the held-out views", "heldOutSsim"),
    )
    return [chart for chart in charts if chart is not None]


def _facts(findings: Findings) -> list[tuple[str, object]]:
    engine = engine_document(findings)
    scale = findings.transforms.get("metresPerUnit")
    box = findings.mesh.get("bounds")
    size = None
    if box:
        factor, unit = (scale, "m") if scale else (1, "scene units")
        size = " × ".join(f"{(high - low) * factor:.3g}" for low, high in zip(*box, strict=True)) + f" {unit}"
    return [
        ("Engine", engine["name"]),
        ("Engine's licence", engine["licence"]),
        ("Steps", f"{engine['steps']:,}" if engine["steps"] else None),
        ("Device", engine["device"]),
        ("Size", size),
        ("Up and scale from", findings.transforms.get("upFrom")),
    ]
