"""What a report for the public is made from: the measurements, without photos, their names and where they were taken.

Photos are counted and have numbers in place of names. What stages said of single photos is left out: it quotes names.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from reconstruction_api.errors import CATALOGUE

from ..engines.training.split import Split
from ..geometry.scene import Scene
from .findings import Document, Findings

JOB: Final = "Reconstruction"
"""What the page calls the job."""


def for_the_public(findings: Findings) -> Findings:
    """The same findings without what only the team may see."""
    numbers = {Path(photo["name"]).stem: f"photo-{index:04d}" for index, photo in enumerate(findings.photos(), 1)}

    def numbered(name: str) -> str:
        return numbers.get(Path(name).stem, "photo")

    frames = [{"file_path": numbered(Path(frame["file_path"]).name)} for frame in findings.transforms.get("frames", [])]
    kept = {key: findings.transforms[key] for key in ("metresPerUnit", "upFrom") if key in findings.transforms}
    split = findings.split
    return replace(
        findings,
        job_name=JOB,
        dataset={
            "images": [{"name": name} for name in numbers.values()],
            "dropped": [_left_out(photo) for photo in findings.dropped()],
        },
        transforms={**kept, "frames": frames},
        registration=findings.registration.model_copy(update={"masks": None}),
        split=_with(split, [*map(numbered, split.train)], [*map(numbered, split.held_out)]) if split else None,
        mesh=findings.mesh.model_copy(update={"crop": None}) if findings.mesh else None,
        quality=findings.quality.model_copy(
            update={
                "next_step": None,
                "views": [view.model_copy(update={"name": numbered(view.name)}) for view in findings.quality.views],
                "worst": [],
            }
        ),
        records=[record.model_copy(update={"message": ""}) for record in findings.records],
    )


def without_cameras(scene: Scene) -> Scene:
    """For pictures and the viewer: the model alone."""
    return replace(scene, views=())


def _with(split: Split, train: list[str], held_out: list[str]) -> Split:
    return split.model_copy(update={"train": tuple(train), "held_out": tuple(held_out)})


def _left_out(photo: Document) -> Document:
    """A photo that was not used: why, in general."""
    kind = CATALOGUE.get(photo["code"])
    return {"name": "a photo", "code": photo["code"], "message": kind.meaning if kind is not None else ""}
