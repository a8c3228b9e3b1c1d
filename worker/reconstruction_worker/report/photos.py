"""What became of each photo, one by one: changed, conspicuous, left out or without a place."""

from __future__ import annotations

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
    return [
        {
            "name": source_name(photo),
            "status": photo.get("status", "kept"),
            "message": "; ".join(photo["notes"]),
        }
        for photo in findings.photos()
        if photo.get("notes")
    ]
