"""Photos that are added to those of another job (source.jobRef.addPhotos): prepared, and put beside the copied ones."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from reconstruction_api.documents.base import Document
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.stages import StageName

from .files import write_atomically, write_document
from .ingest.bounds import check_reused
from .ingest.dataset import FILE as DATASET_FILE
from .ingest.dataset import Dataset, DatasetImage, DroppedImage
from .ingest.limits import limits_from
from .ingest.listing import describe
from .stage import StageContext, folder_of
from .stage_files import ORIGINALS

FILE: Final = "added.json"
THUMBNAILS: Final = "thumbnails"


class AddedPhotos(Document):
    """Content of `ingest/added.json`."""

    job: str
    """Whose photos the others are."""
    photos: list[str]
    """Names in `dataset.json` of those that were added."""


def add_to_copied(context: StageContext, other: str) -> str:
    """Prepare the photos at the source's address, or on its claim, and put them into the copied data set of job
    `other`; what to say of it. Raises InvalidSpec for a name that both have, ImageCountOutOfRange without any new
    photo, and what ingest raises."""
    from .stages.ingest import prepare_photos

    scratch = context.folder / ".added"
    folder_of(scratch, StageName.INGEST).mkdir(parents=True, exist_ok=True)
    spec = context.spec.model_copy(update={"source": context.spec.source.without_job()})
    own = replace(context, workspace=scratch, spec=spec, source=context.added)
    limits = limits_from(os.environ).allowing(context.limits)
    try:
        found, _ = prepare_photos(own, limits)
        before = Dataset.model_validate_json((context.folder / DATASET_FILE).read_bytes())
        field = "spec.source.uri" if context.spec.source.uri is not None else "spec.source.persistentVolumeClaim"
        new, dropped = _new_ones(before, found, other, field)
        if not new:
            raise _nothing_new(own, found, dropped)
        stored = list(_moved(context, before, new, scratch))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    dataset = before.model_copy(
        update={
            "images": [*before.images, *stored],
            "dropped": [*before.dropped, *dropped],
            "videos": [*before.videos, *found.videos],
            "panoramas": [*before.panoramas, *found.panoramas],
        }
    )
    write_atomically(context.folder / DATASET_FILE, dataset.model_dump_json(by_alias=True, indent=1) + "\n")
    write_document(context.folder / FILE, AddedPhotos(job=other, photos=[image.name for image in stored]))
    check_reused(context)
    left_out = f" ({len(dropped)} left out)" if dropped else ""
    return f"{len(stored)} photo{'s' if len(stored) > 1 else ''} added{left_out}"


def read_added(workspace: Path) -> AddedPhotos:
    """What `add_to_copied` has left."""
    return AddedPhotos.read(folder_of(workspace, StageName.INGEST) / FILE)


def _new_ones(before: Dataset, found: Dataset, other: str, field: str) -> tuple[list[DatasetImage], list[DroppedImage]]:
    """Photos that the other job does not have, and what was left out. `field` says where they are from."""
    names = {image.original.name: image.original.sha256 for image in before.images}
    known = {image.original.sha256: image.original.name for image in before.images}
    new, dropped = [], list(found.dropped)
    for image in found.images:
        name, checksum = image.original.name, image.original.sha256
        if checksum in known:
            message = f"{name} is a copy of {known[checksum]} of job '{other}'."
            dropped.append(DroppedImage(name=name, code="Duplicate", message=message))
        elif name in names:
            raise ReconstructionError(
                "InvalidSpec",
                f"{field}: {name} is the name of another photo of job '{other}', to which it would be added.",
                suggestion="Give the added photos names that the other job's do not have, or put them into a folder.",
                details={"field": field, "photo": name},
            )
        else:
            new.append(image)
    return new, dropped


def _nothing_new(context: StageContext, found: Dataset, dropped: list[DroppedImage]) -> ReconstructionError:
    copies = sum(item.code == "Duplicate" for item in dropped)
    broken = [item for item in dropped if item.code != "Duplicate"]
    if broken and not copies:
        return ReconstructionError(broken[0].code, broken[0].message)
    what = f"only photos that the other job has ({copies})" if copies else "no photos"
    return ReconstructionError(
        "ImageCountOutOfRange",
        f"{describe(context.spec.source)} has {what}: there is nothing to add.",
        details={"images": len(found.images)},
    )


def _moved(context: StageContext, before: Dataset, new: list[DatasetImage], scratch: Path) -> Iterator[DatasetImage]:
    """The photos with their files beside the copied ones, under names that these do not have."""
    taken = {PurePosixPath(image.name).stem.lower() for image in before.images}
    for image in new:
        old = PurePosixPath(image.name).stem
        stem, number = old, 2
        while stem.lower() in taken:
            stem, number = f"{old}_{number}", number + 1
        taken.add(stem.lower())
        files: dict[str, object] = {
            field: _move(context.workspace, scratch, path, stem)
            for field in ("file", "mask", "depth")
            if (path := getattr(image, field)) is not None
        }
        larger = image.larger
        if larger is not None:
            moved = _move(context.workspace, scratch, larger.file, stem)
            files["larger"] = larger.model_copy(update={"file": moved})
        thumbnail = f"{StageName.INGEST}/{THUMBNAILS}/{old}.jpg"
        if (scratch / thumbnail).exists():
            _move(context.workspace, scratch, thumbnail, stem)
        original = f"{ORIGINALS}/{old}.jpg"
        if (scratch / original).exists():
            _move(context.workspace, scratch, original, stem)
        # Whether poses beside them name them says nothing here.
        yield image.model_copy(
            update={**files, "name": f"{stem}{PurePosixPath(image.name).suffix}", "given_pose": None}
        )


def _move(workspace: Path, scratch: Path, path: str, stem: str) -> str:
    """From the scratch workspace into the other, with another stem; the new path."""
    target = PurePosixPath(path).with_name(f"{stem}{PurePosixPath(path).suffix}")
    (workspace / target).parent.mkdir(parents=True, exist_ok=True)
    (scratch / path).rename(workspace / target)
    return str(target)
