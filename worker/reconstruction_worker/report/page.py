"""`report.html`: one file that needs nothing else, neither network nor server.

Text from outside is escaped by the template; data for the scripts travels in a JSON block that can't be left by its
content. A Content-Security-Policy allows the page's own style and script, by their hash, and pictures inside the page.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from PIL import Image

from reconstruction_api.stages import StageName

from .chart import Chart, line_chart
from .findings import Document, Findings
from .numbers import engine_document, versions
from .photos import left_out, noted
from .pictures import jpeg_url, scaled_url

SCRIPTS = ("math.js", "scene.js", "viewer.js", "page.js")
WORST_VIEWS = 4
VIEW_SIDE = 420
"""Longer side of the pictures of the worst views, in pixels."""
VERDICTS = {"pass": "Quality passed", "warn": "Quality: warning", "fail": "Quality below the bar"}
STAGE_TITLES = {
    StageName.INGEST: "Photos checked",
    StageName.POSES: "Cameras",
    StageName.TRAIN: "Training",
    StageName.EVALUATE: "Evaluation",
    StageName.MESH: "Mesh",
    StageName.TEXTURE: "Texture",
    StageName.EXPORT: "Export",
    StageName.REPORT: "Report",
}


def report_page(
    findings: Findings, quality: Document, delivered: list[Document], scene: Document, still: Image.Image
) -> str:
    """The page as text. `quality` and `delivered` are what quality.json and the manifest say, `scene` is the viewer's
    document, `still` stands in for the viewer where there is no WebGL."""
    style = _asset("report.css")
    script = "\n".join(_asset(name) for name in SCRIPTS)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_asset("report.html.j2"))
    views = [_view(view) for view in quality.get("views", [])]
    return template.render(
        policy=Markup(_policy(style, script)),
        style=Markup(style),
        script=Markup(script),
        scene=Markup(_json_block(scene)),
        still=jpeg_url(still, quality=85),
        job=findings.job_name,
        verdict=_verdict(quality),
        tiles=_tiles(findings, quality),
        quality_views=views,
        worst_views=_worst_views(findings, quality),
        lpips_reason=(quality.get("lpipsReason") or "").rstrip("."),
        charts=_charts(findings.history),
        photos_line=_photos_line(findings, quality),
        left_out=left_out(findings, quality["registration"]["unregistered"]),
        noted=noted(findings),
        files=[{**file, "size": _bytes(file["sizeBytes"])} for file in delivered],
        stages=_stages(findings),
        facts=_facts(findings),
        footer="All coordinates on this page are in the scene's own frame: right-handed, z up.",
    )


def _asset(name: str) -> str:
    return (files("reconstruction_worker.report") / "assets" / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json_block(document: Document) -> str:
    """JSON without any character that could end the element it stands in."""
    text = json.dumps(document, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _verdict(quality: Document) -> Document | None:
    kind = quality.get("verdict")
    return {"kind": kind, "text": VERDICTS[kind]} if kind in VERDICTS else None


def _tiles(findings: Findings, quality: Document) -> list[Document]:
    registration = quality["registration"]
    thresholds = quality.get("thresholds", {})
    closed = "closed surface" if findings.mesh.get("watertight") else "open surface"
    psnr, ssim = _number(quality.get("psnr"), 2), _number(quality.get("ssim"), 3)
    tiles = [
        _tile("PSNR, held-out views", psnr, "dB", _bar("passes at {} dB", thresholds, "minPSNR")),
        _tile("SSIM, held-out views", ssim, "", _bar("passes at {}", thresholds, "minSSIM")),
        _tile("Photos placed", f"{registration['registered']} of {registration['photos']}"),
        _tile("Reprojection error", _number(registration["reprojectionErrorPixels"], 2), "px"),
        _tile("Triangles", f"{findings.mesh.get('faces', 0):,}", "", closed),
        _tile("Texture", f"{findings.texture.get('size', 0)}²", "px", _share(findings.texture.get("photoShare"))),
        _tile("Time", _duration(sum(record.seconds for record in findings.records))),
    ]
    return [tile for tile in tiles if tile["value"] is not None]


def _tile(label: str, value: str | None, unit: str = "", note: str | None = None) -> Document:
    return {"label": label, "value": value, "unit": unit, "note": note}


def _bar(pattern: str, thresholds: Document, key: str) -> str | None:
    return pattern.format(f"{thresholds[key]:g}") if key in thresholds else None


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.0%} from photos"


def _view(view: Document) -> Document:
    return {
        "name": view["name"],
        "psnr": _number(view.get("psnr"), 2),
        "ssim": _number(view.get("ssim"), 3),
        "lpips": _number(view.get("lpips"), 3) or "—",
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


def _photos_line(findings: Findings, quality: Document) -> str:
    registration = quality["registration"]
    held_out = len(findings.split.get("eval", []))
    parts = [f"{registration['registered']} of {registration['photos']} photos were placed in the scene"]
    if held_out:
        parts.append(f"{held_out} of them were held out from training")
    if findings.dropped():
        parts.append(f"{len(findings.dropped())} more could not be used")
    return "; ".join(parts) + ". Choose a photo to look through its camera."


def _stages(findings: Findings) -> list[Document]:
    longest = max((record.seconds for record in findings.records), default=1) or 1
    return [
        {
            "name": STAGE_TITLES[record.stage],
            "message": record.message,
            "time": _duration(record.seconds),
            "percent": round(100 * record.seconds / longest, 1),
        }
        for record in findings.records
    ]


def _facts(findings: Findings) -> list[tuple[str, str]]:
    engine = engine_document(findings)
    scale = findings.transforms.get("metresPerUnit")
    box = findings.mesh.get("bounds")
    size = None
    if box:
        factor, unit = (scale, "m") if scale else (1, "scene units")
        size = " × ".join(f"{(high - low) * factor:.3g}" for low, high in zip(*box, strict=True)) + f" {unit}"
    facts = [
        ("Engine", engine["name"]),
        ("Engine's licence", engine["licence"]),
        ("Steps", f"{engine['steps']:,}" if engine["steps"] else None),
        ("Device", engine["device"]),
        ("Size", size),
        ("Up and scale from", findings.transforms.get("upFrom")),
        ("Peak memory", _bytes(max((record.peak_memory_bytes for record in findings.records), default=0)) or None),
        *((name, number) for name, number in versions().items()),
    ]
    return [(name, str(value)) for name, value in facts if value]


def _number(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{value:.{digits}f}"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
