"""The page around what a report says: one file that needs nothing else, neither network nor server.

Text from outside is escaped by the template; data for the scripts travels in a JSON block that can't be left by its
content. A Content-Security-Policy allows the page's own style and script, by their hash, and pictures inside the page.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from PIL import Image

from reconstruction_api.documents.manifest import DeliveredFile
from reconstruction_api.documents.registration import PoseOrigin
from reconstruction_api.readable import byte_size, duration
from reconstruction_api.stages import BY_NAME
from reconstruction_api.text import one_line, plain

from .chart import Chart
from .findings import Document, Findings
from .inline_pictures import jpeg_url
from .numbers import versions
from .photo_notes import left_out, noted

SCRIPTS = (
    "math.js", "scene.js", "splats.js", "picking.js", "viewer.js", "measure.js", "known_distance.js", "layers.js",
    "gallery.js", "compare.js", "turntable.js", "theme.js", "page.js",
)  # fmt: skip


@dataclass(frozen=True)
class Contents:
    """What one kind of report says; the rest is the same for all."""

    eyebrow: str
    """What kind of report it is."""
    verdict: Document | None
    """`kind` (pass, warn or fail) and `text`."""
    solid: bool
    """The viewer shows a surface, which can be looked at in several ways; otherwise points."""
    splats: bool
    """The viewer has Gaussians to show beside the surface."""
    tiles: list[Document]
    facts: list[tuple[str, object]]
    """Names and values; those without a value are left out."""
    quality_views: list[Document] = field(default_factory=list)
    compared: list[Document] = field(default_factory=list)
    """Photos beside renderings: `name`, `psnr`, `ssim`, and `pictures` with `kind`, `label` and `url`."""
    held_out: bool = True
    """Whether these are of photos that were held out from training."""
    lpips_reason: str = ""
    charts: list[Chart] = field(default_factory=list)
    turns: bool = False
    """The viewer's document has a turntable to play."""
    turntable: str = ""
    """The contact sheet as a data URL, where there is none to play."""
    support: list[Document] = field(default_factory=list)
    """What the colours of the surface's confidence mean: `level`, `text` and `share`."""
    crop: Document | None = None
    """What of the scene was left out: `text`, and `picture` of before and after as a data URL."""
    engines: list[Document] = field(default_factory=list)
    """Several engines side by side: `name`, `best`, `picture`, `verdict`, `numbers`, `failure` and `folder`."""
    best_engine: str = ""
    """Which of them is the best one, and why."""
    weakest: list[Document] = field(default_factory=list)
    """Photos that are held by few points: `name` and `points`."""


def page_of(
    findings: Findings, contents: Contents, delivered: list[DeliveredFile], scene: Document, still: Image.Image
) -> str:
    """The page as text. `delivered` is what the manifest lists, `scene` the viewer's document; `still` stands in for
    the viewer where there is no WebGL."""
    style = _asset("report.css")
    script = "\n".join(_asset(name) for name in SCRIPTS)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_printable
    )
    template = environment.from_string(_asset("report.html.j2"))
    facts = [
        *contents.facts,
        ("Peak memory", byte_size(max((record.peak_memory_bytes for record in findings.records), default=0)) or None),
        *versions().items(),
    ]
    return template.render(
        policy=Markup(_policy(style, script)),
        style=Markup(style),
        script=Markup(script),
        scene=Markup(_json_block(scene)),
        still=jpeg_url(still, quality=85),
        job=findings.job_name,
        contents=contents,
        photos_line=_photos_line(findings, trained=contents.solid),
        left_out=left_out(findings, findings.unregistered()),
        noted=noted(findings),
        files=[{**dict(file), "size": byte_size(file.size_bytes)} for file in delivered],
        stages=_stages(findings),
        facts=[(name, str(value)) for name, value in facts if value],
        footer="All coordinates on this page are in the scene's own frame: right-handed, z up.",
    )


def tile(label: str, value: str | None, unit: str = "", note: str | None = None) -> Document:
    """A number in large type; one without a value is left out by `tiles`."""
    return {"label": label, "value": value, "unit": unit, "note": note}


def tiles(*wanted: Document) -> list[Document]:
    """Those with a value."""
    return [each for each in wanted if each["value"] is not None]


def running_time(findings: Findings) -> str:
    """Of all stages so far."""
    return duration(sum(record.seconds for record in findings.records), tenths=True)


def _photos_line(findings: Findings, *, trained: bool) -> str:
    """What became of the photos. A job may have been trained before it was changed to end with its poses: then nothing
    is said of held-out ones."""
    if findings.registration.method is PoseOrigin.NONE:
        return f"{len(findings.photos())} photos were used; where they were taken from is not known."
    parts = [f"{len(findings.registered())} of {len(findings.photos())} photos were placed in the scene"]
    if trained and (held_out := len(findings.held_out())):
        parts.append(f"{held_out} of them were held out from training")
    if findings.dropped():
        parts.append(f"{len(findings.dropped())} more could not be used")
    if findings.registration.caution:
        parts.append(findings.registration.caution)
    return "; ".join(parts) + ". Choose a photo to look through its camera."


def _asset(name: str) -> str:
    return (files("reconstruction_worker.report") / "assets" / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _printable(value: object) -> object:
    """Names of files may hold characters that reverse what stands beside them."""
    return one_line(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _json_block(document: Document) -> str:
    """JSON without any character that could end the element it stands in."""
    text = json.dumps(plain(document), separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _stages(findings: Findings) -> list[Document]:
    longest = max((record.seconds for record in findings.records), default=1) or 1
    return [
        {
            "name": BY_NAME[record.stage].title,
            "message": record.message,
            "time": duration(record.seconds, tenths=True),
            "percent": round(100 * record.seconds / longest, 1),
        }
        for record in findings.records
    ]
