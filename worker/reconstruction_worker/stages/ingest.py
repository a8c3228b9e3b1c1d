"""Ingest: the source's photos as checked, upright 8-bit images of at most the wanted size (docs/workspace.md)."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from PIL import Image

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.images import DepthPolicy, MaskPolicy
from reconstruction_api.mesh import TextureSource
from reconstruction_api.metric_names import Metric

from ..files import empty_folder, write_atomically
from ..ingest.arrange import Arrangement, arrange
from ..ingest.bounds import check_allowed, check_count, check_depth
from ..ingest.checks import check_contrast, note_oddities, same_pictures
from ..ingest.control_points import FILE as CONTROL
from ..ingest.control_points import MAX_BYTES as MAX_CONTROL_BYTES
from ..ingest.dataset import FILE as DATASET_FILE
from ..ingest.dataset import Dataset, DatasetImage, DroppedImage, Video
from ..ingest.larger import FOLDER as LARGER
from ..ingest.limits import Limits, limits_from
from ..ingest.listing import SourceFile, access_to, describe
from ..ingest.panoramas import Cut, cut_all
from ..ingest.pose_files import FOLDER as PROVIDED_FOLDER
from ..ingest.prepare import Prepared, prepare
from ..ingest.sampled import Sampled
from ..ingest.sources import gather
from ..ingest.wide_pixels import tones_of
from ..space_needed import bytes_of_photos
from ..stage import StageContext, StageOutput, Stopped
from ..stage_files import ORIGINALS
from ..workspace import check_space

DOCUMENT = Dataset
NAMED_IN_SUMMARY: Final = 3
"""Photos left out that the stage's one line names; dataset.json has all."""
LONGEST_STEM: Final = 150
"""Characters of a stored file's name, to which suffixes and numbers are added; file systems take 255 bytes."""
MAX_THREADS: Final = 4
"""Decoding holds a photo in memory several times over."""


def run(context: StageContext, limits: Limits | None = None) -> StageOutput:
    """Gather, check and store the photos. Raises the most telling code when too few are usable. Without `limits`, those
    of the worker's environment hold."""
    limits = (limits or limits_from(os.environ)).allowing(context.limits)
    dataset, arrangement = prepare_photos(context, limits)
    check_count(context, dataset, arrangement.others)
    check_depth(context, dataset)
    check_allowed(context, dataset, limits)
    write_atomically(context.folder / DATASET_FILE, dataset.model_dump_json(by_alias=True, indent=1) + "\n")
    return StageOutput(
        _summary(dataset, arrangement),
        {Metric.IMAGES: len(dataset.images), Metric.DROPPED_IMAGES: len(dataset.dropped)},
    )


def prepare_photos(context: StageContext, limits: Limits) -> tuple[Dataset, Arrangement]:
    """Gather, check and store the photos, however many there are; and what else was in the source."""
    Image.MAX_IMAGE_PIXELS = limits.pixels
    scratch = context.folder / ".source"
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        files = gather(
            context.spec.source,
            context.source,
            scratch,
            limits,
            lambda text: context.report_progress(0, text),
            context.stop_requested,
            context.guard,
            context.credentials,
        )
        arrangement = arrange(files, limits)
        _check_policies(context, arrangement)
        for name in ("images", LARGER, "masks", "depth", "thumbnails"):
            empty_folder(context.folder / name)
        empty_folder(context.workspace / ORIGINALS)
        sampled = _sample_videos(context, arrangement, scratch / "frames")
        cuts = _cut_panoramas(context, arrangement, limits, scratch / "panoramas")
        needed = bytes_of_photos(context.spec, [photo.size for photo in arrangement.photos])
        check_space(context.workspace, "stage ingest", needed)
        dataset = _store(context, arrangement, limits)
        _mask_backgrounds(context, dataset)
        _keep_poses(context, arrangement)
        _keep_control(context, files)
    except Stopped:
        raise  # what was fetched stays for the next attempt
    except ReconstructionError as error:
        if not error.kind.retryable:
            shutil.rmtree(scratch, ignore_errors=True)
        raise
    shutil.rmtree(scratch, ignore_errors=True)
    _note_frames(dataset, sampled)
    _note_views(dataset, cuts)
    return dataset, arrangement


def _sample_videos(context: StageContext, arrangement: Arrangement, into: Path) -> list[Sampled]:
    """Take photos from the source's videos; beside photos they are left alone: phones store a short one with each."""
    if not arrangement.videos:
        return []
    if arrangement.photos:
        note = "not used: the source has photos"
        return [Sampled(Video(name=video.name, note=note), {}, []) for video in arrangement.videos]
    from ..ingest.video import frame_stems, sample  # OpenCV takes a moment to import

    empty_folder(into)
    wanted = context.spec.images.video_frames // len(arrangement.videos)
    result = []
    for number, (video, stem) in enumerate(zip(arrangement.videos, frame_stems(arrangement.videos), strict=True)):
        folder = into / f"{number:03d}"
        sampled = sample(
            video, stem, max(wanted, 2), folder, lambda text: context.report_progress(0, text), context.stop_requested
        )
        arrangement.photos.extend(sampled.files)
        result.append(sampled)
    return result


def _mask_backgrounds(context: StageContext, dataset: Dataset) -> None:
    """Give photos of an object before a plain background their masks, where the job wants that."""
    from ..ingest.background_masks import mask_backgrounds  # OpenCV takes a moment to import

    def advance(message: str) -> None:
        if context.stop_requested():
            raise Stopped
        context.report_progress(95, message)

    mask_backgrounds(dataset.images, context.spec.images.masks, context.workspace, advance)


def _cut_panoramas(context: StageContext, arrangement: Arrangement, limits: Limits, into: Path) -> list[Cut]:
    """Replace photos of 360 degrees by the pictures that are cut from them; poses beside them are for whole photos."""
    if arrangement.poses is not None:
        return []
    empty_folder(into)
    cuts = cut_all(
        arrangement.photos,
        into,
        limits,
        context.spec.images.max_side_pixels,
        lambda text: context.advance(0, text),
    )
    whole = {item.panorama.name for item in cuts}
    arrangement.photos = [photo for photo in arrangement.photos if photo.name not in whole]
    arrangement.photos.extend(file for item in cuts for file in item.files)
    return cuts


def _note_views(dataset: Dataset, cuts: Sequence[Cut]) -> None:
    dataset.panoramas = [item.panorama for item in cuts]
    views = {name: view for item in cuts for name, view in item.views.items()}
    for image in dataset.images:
        image.view = views.get(image.original.name)


def _note_frames(dataset: Dataset, sampled: Sequence[Sampled]) -> None:
    dataset.videos = [item.video for item in sampled]
    frames = {name: frame for item in sampled for name, frame in item.frames.items()}
    for image in dataset.images:
        image.frame = frames.get(image.original.name)


def _store(context: StageContext, arrangement: Arrangement, limits: Limits) -> Dataset:
    dropped = list(arrangement.dropped)
    prepared: list[Prepared] = []
    first_of: dict[str, str] = {}
    threads = min(MAX_THREADS, os.cpu_count() or 1)
    settings, tones = context.spec.images, tones_of(arrangement.photos, limits)
    # No part of the result: whether they are kept is looked at when the photos are read.
    keep = context.spec.mesh.chosen_texture_source is TextureSource.ORIGINAL
    store = partial(prepare, keep_original=keep)
    with ThreadPoolExecutor(threads) as pool:
        jobs = [
            (
                photo,
                pool.submit(store, photo, stem, arrangement, settings, limits, context.workspace, tones),
            )
            for photo, stem in zip(arrangement.photos, _stems(arrangement.photos), strict=True)
        ]
        try:
            for index, (photo, job) in enumerate(jobs):
                if context.stop_requested():
                    raise Stopped
                _collect(photo, job, prepared, dropped, first_of, context)
                context.report_progress(95 * (index + 1) / len(jobs), f"photo {index + 1} of {len(jobs)}")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    images = [item.image for item in prepared]
    looks = {item.image.name: item.appearance for item in prepared}
    originals = {image.name: image.original.name for image in images}
    for copy, kept in same_pictures(images, looks).items():
        message = f"{originals[copy]} shows the very same picture as {originals[kept]}."
        dropped.append(DroppedImage(name=originals[copy], code="Duplicate", message=message))
        image = next(image for image in images if image.name == copy)
        _remove(context, image)
        images.remove(image)
    check_contrast([looks[image.name] for image in images], describe(context.spec.source))
    note_oddities(images, looks)
    return Dataset(images=images, dropped=sorted(dropped, key=lambda item: item.name))


def _collect(
    photo: SourceFile,
    job: Future[Prepared],
    prepared: list[Prepared],
    dropped: list[DroppedImage],
    first_of: dict[str, str],
    context: StageContext,
) -> None:
    try:
        result = job.result()
    except ReconstructionError as error:
        if error.code == "DepthInvalid":
            raise
        dropped.append(DroppedImage(name=photo.name, code=error.code, message=error.message))
        return
    checksum = result.image.original.sha256
    if checksum in first_of:
        message = f"{photo.name} is a copy of {first_of[checksum]}."
        dropped.append(DroppedImage(name=photo.name, code="Duplicate", message=message))
        _remove(context, result.image)
        return
    first_of[checksum] = photo.name
    prepared.append(result)


def _keep_control(context: StageContext, files: Sequence[SourceFile]) -> None:
    """The list of ground control points, for the stage `poses`."""
    (context.folder / CONTROL).unlink(missing_ok=True)
    found = next((file for file in files if PurePosixPath(file.name).name.lower() == CONTROL), None)
    if found is not None and found.size <= MAX_CONTROL_BYTES:
        with access_to(found.name):
            shutil.copyfile(found.path, context.folder / CONTROL)


def _keep_poses(context: StageContext, arrangement: Arrangement) -> None:
    folder = context.folder / PROVIDED_FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    if arrangement.poses is None:
        return
    folder.mkdir()
    for name, file in arrangement.poses.files.items():
        shutil.copyfile(file.path, folder / name)


def _remove(context: StageContext, image: DatasetImage) -> None:
    stem = PurePosixPath(image.name).stem
    larger = image.larger.file if image.larger is not None else None
    for path in (image.file, larger, image.mask, image.depth, f"ingest/thumbnails/{stem}.jpg"):
        if path is not None:
            (context.workspace / path).unlink()
    (context.workspace / ORIGINALS / f"{stem}.jpg").unlink(missing_ok=True)


def _stems(photos: Sequence[SourceFile]) -> list[str]:
    """A file name without suffix for each photo: unique, and of characters that every tool reads. Where two photos
    share a name, their folders are put in front of it."""
    plain = [_safe(PurePosixPath(photo.name).stem) for photo in photos]
    uses = Counter(plain)
    result: list[str] = []
    taken: set[str] = set()
    for photo, stem in zip(photos, plain, strict=True):
        wanted = stem if uses[stem] == 1 else _safe(str(PurePosixPath(photo.name).with_suffix("")))
        candidate, number = wanted, 2
        while candidate.lower() in taken:
            candidate, number = f"{wanted}_{number}", number + 1
        taken.add(candidate.lower())
        result.append(candidate)
    return result


def _safe(text: str) -> str:
    """The end of what is too long for a file name, for there photos are counted."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text)[-LONGEST_STEM:].strip("._") or "photo"


def _check_policies(context: StageContext, arrangement: Arrangement) -> None:
    """Raises SourceNotFound or DepthInvalid where the job wants companions of the photos that are not there."""
    images = context.spec.images
    if images.masks is MaskPolicy.FOLDER and not arrangement.masks.files:
        raise _missing(context, "SourceNotFound", "masks", images.masks, "masks")
    if images.depth is DepthPolicy.REQUIRED and not arrangement.depths.files:
        raise _missing(context, "DepthInvalid", "depth", images.depth, "depth maps")


def _missing(context: StageContext, code: str, name: str, policy: str, what: str) -> ReconstructionError:
    """`name` is the field of spec.images and the folder."""
    return ReconstructionError(
        code,
        f"spec.images.{name} is {policy}, but {describe(context.spec.source)} has no folder '{name}'.",
        suggestion=f"Add the {what}, or set spec.images.{name} to Auto.",
    )


def _summary(dataset: Dataset, arrangement: Arrangement) -> str:
    parts = [f"{len(dataset.images)} photos"]
    if used := [video for video in dataset.videos if video.taken]:
        parts.append(f"taken from {len(used)} video{'s' if len(used) > 1 else ''}")
    if panoramas := len(dataset.panoramas):
        parts.append(f"cut from {panoramas} panorama{'s' if panoramas > 1 else ''}")
    if fixed := sum(image.status == "fixed" for image in dataset.images):
        parts.append(f"{fixed} turned, scaled or converted")
    if masked := sum(image.plain_background for image in dataset.images):
        parts.append(f"{masked} masked by their plain background")
    if depths := sum(image.depth is not None for image in dataset.images):
        parts.append(f"{depths} with a depth map")
    for orphans, what in (
        (arrangement.masks_of_no_photo(), "mask"),
        (arrangement.depth_maps_of_no_photo(), "depth map"),
    ):
        if orphans:
            parts.append(f"{orphans} {what}{'s have' if orphans > 1 else ' has'} the name of no photo")
    if arrangement.geo.problem:
        parts.append(arrangement.geo.problem)
    elif places := len(arrangement.geo.places):
        parts.append(f"{places} placed by geo.txt")
    if arrangement.poses is None and arrangement.unread_poses:
        name, tool = next(iter(arrangement.unread_poses.items()))
        parts.append(f"camera poses of {tool} are not read ({name})")
    if dropped := dataset.dropped:
        named = ", ".join(f"{item.name}: {item.code}" for item in dropped[:NAMED_IN_SUMMARY])
        more = ", ..." if len(dropped) > NAMED_IN_SUMMARY else ""
        parts.append(f"{len(dropped)} left out ({named}{more})")
    return ", ".join(parts)
