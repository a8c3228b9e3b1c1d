"""`report.html` of a job that ended with its camera poses (spec.endAfter)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from reconstruction_api.documents.manifest import DeliveredFile
from reconstruction_api.documents.registration import PoseOrigin, RegistrationDocument

from .decimals import number
from .findings import Document, Findings, source_name
from .gps_fit import GpsFit
from .shell import Contents, page_of, running_time, tile, tiles

WEAKEST = 8
"""Photos that are named because few points hold them."""
METHODS = {
    PoseOrigin.STRUCTURE_FROM_MOTION: "structure from motion",
    PoseOrigin.PROVIDED: "provided with the photos",
    PoseOrigin.CANONICAL_VIEWS: "six sides, by the photos' names",
    PoseOrigin.FEED_FORWARD: "a neural network, in one pass",
}


def poses_page(
    findings: Findings,
    fit: GpsFit,
    seen: Mapping[str, int],
    delivered: list[DeliveredFile],
    scene: Document,
    still: Image.Image,
) -> str:
    """The page as text. `seen` counts the points that each picture shows, `delivered` is what the manifest lists,
    `scene` the viewer's document, `still` stands in for the viewer where there is no WebGL."""
    contents = Contents(
        eyebrow="Camera poses",
        verdict=_verdict(findings),
        solid=False,
        splats=False,
        tiles=_tiles(findings, fit),
        facts=_facts(findings, fit),
        weakest=_weakest(findings, seen),
    )
    return page_of(findings, contents, delivered, scene, still)


def _verdict(findings: Findings) -> Document:
    missing = len(findings.unregistered())
    if missing == 0:
        return {"kind": "pass", "text": "All photos placed"}
    return {"kind": "warn", "text": f"{missing} photo{'s' if missing > 1 else ''} without a place"}


def _tiles(findings: Findings, fit: GpsFit) -> list[Document]:
    found = findings.registration
    median, length = number(found.median_reprojection_error, 2), number(found.mean_track_length, 1)
    points = found.points
    gps = fit.alignment
    return tiles(
        tile("Photos placed", f"{len(findings.registered())} of {len(findings.photos())}"),
        tile(
            "Reprojection error",
            number(found.mean_reprojection_error, 2),
            "px",
            f"median {median} px" if median else None,
        ),
        tile("Points", None if points is None else f"{points:,}", "", f"in {length} photos each" if length else None),
        tile(
            "GPS fit",
            number(gps.residual_metres, 2) if gps else None,
            "m",
            f"{gps.photos} of {fit.located} photos with GPS" if gps else None,
        ),
        tile("Time", running_time(findings)),
    )


def _facts(findings: Findings, fit: GpsFit) -> list[tuple[str, object]]:
    found, scale = findings.registration, findings.transforms.get("metresPerUnit")
    chosen = next((each for each in found.strategies if each.strategy == found.strategy), None)
    return [
        ("Poses", METHODS.get(found.method) if found.method else None),
        ("Read from", found.provided_format),
        ("Strategy", f"{chosen.strategy}, {chosen.pairing} pairs" if chosen else None),
        ("Tried before", ", ".join(_tried_before(found))),
        ("Scene", findings.transforms.get("scene", {}).get("kind")),
        ("Up from", findings.transforms.get("upFrom")),
        ("Scale", f"1 scene unit = {scale:.4g} m" if scale else "not known"),
        ("GPS", _gps(fit)),
    ]


def _tried_before(found: RegistrationDocument) -> list[str]:
    """`quick: 12 photos` for each strategy that was not enough, `quick: not installed` where it could not be tried."""
    return [
        f"{each.strategy}: {'not installed' if each.left_out else f'{each.registered} photos'}"
        for each in found.strategies
        if each.strategy != found.strategy
    ]


def _gps(fit: GpsFit) -> str:
    if fit.located == 0:
        return "no photo says where it was taken"
    if fit.alignment is None:
        return f"not used: {fit.located} positions, too few, too near each other, or not where the cameras are"
    use = "scale and orientation" if fit.alignment.orients else "scale"
    return f"{fit.alignment.photos} of {fit.located} positions fit; used for {use}"


def _weakest(findings: Findings, seen: Mapping[str, int]) -> list[Document]:
    """Photos with the fewest points first, by their names in the source."""
    names = {Path(photo["name"]).stem: source_name(photo) for photo in findings.photos()}
    fewest = Counter(seen).most_common()[::-1][:WEAKEST]
    return [{"name": names.get(Path(name).stem, name), "points": f"{count:,}"} for name, count in fewest]
