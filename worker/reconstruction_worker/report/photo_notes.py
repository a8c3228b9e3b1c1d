"""What became of each photo, one by one: changed, conspicuous, left out or without a place."""

from __future__ import annotations

from pathlib import Path

from .findings import Document, Findings, source_name


def left_out(findings: Findings, unregistered: list[str]) -> list[Document]:
    """Photos that the result does not use: `name`, `code` and `message`."""
    rows = [{key: photo[key] for key in ("name", "code", "message")} for photo in findings.dropped()]
    for name in unregistered:
        message = "Too little in common with the other photos to place its camera."
        rows.append({"name": name, "code": "NotRegistered", "message": message})
    return rows


def noted(findings: Findings) -> list[Document]:
    """Photos that were used but changed on the way, or stand out: `name`, `status` and `message`."""
    rows = [
        {
            "name": source_name(photo),
            "status": photo.get("status", "kept"),
            "message": "; ".join(
                [*photo.get("notes", []), *_about_mask(findings, source_name(photo)), *_about_depth(findings, photo)]
            ),
        }
        for photo in findings.photos()
    ]
    return [row for row in rows if row["message"]]


def _about_mask(findings: Findings, name: str) -> list[str]:
    """What follows from the photo's having no mask where others have one."""
    masks = findings.registration.masks
    if masks is None or name not in masks.missing:
        return []
    return ["no mask: only its camera is used" if masks.used else "no mask: those of the other photos are not used"]


def _about_depth(findings: Findings, photo: Document) -> list[str]:
    """Why the photo says nothing about the surface's depth, where it does not."""
    without = findings.mesh.without_photo_depth if findings.mesh is not None else {}
    stem = Path(photo["name"]).stem
    return [f"no depth of its own: {why}" for name, why in without.items() if Path(name).stem == stem]
