"""Which photos are held out to judge the result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import Field

from reconstruction_api.documents.base import Document

from ...evenly import evenly
from .posed_photos import Scene

FILE = "split.json"
SHARE = 0.1
MOST = 8
FEWEST_TO_TRAIN_ON = 2
FEWEST_TO_CHOOSE_FROM = 5
"""Photos of which one can be held out: without the middle one of three, the others show too little of what it shows."""
MOST_GIVEN = 25
"""Of the photos that were given for judging, how many are looked at; none of them is trained on."""


class Split(Document):
    """`train/split.json`: names of photos. Those in `held_out` are never trained on."""

    train: tuple[str, ...]
    held_out: tuple[str, ...] = Field(validation_alias="eval", serialization_alias="eval")


def split_of(scene: Scene, *, hold_out: bool) -> Split:
    """What who provided the poses wanted, else a choice, among the photos that are usable. Without `hold_out`, or where
    no photo can be missed, all are trained on but those that are meant for nothing."""
    photos = [photo for photo in scene.photos if photo.usable]
    shares = {photo.name: photo.share for photo in photos if photo.share is not None}
    if hold_out and scene.can_hold_out:
        return given_split(shares) or choose_split([photo.name for photo in photos])
    return Split(train=tuple(photo.name for photo in photos if photo.share != "unused"), held_out=())


def choose_split(names: Sequence[str]) -> Split:
    """Hold out one photo in ten (at least one, at most eight), evenly along `names`, which is in the order of capture:
    the middle of each stretch, so that a held-out photo has trained neighbours on both sides. None of very few."""
    count = min(max(round(len(names) * SHARE), 1), MOST) if len(names) >= FEWEST_TO_CHOOSE_FROM else 0
    held_out = set(evenly(len(names), count))
    return Split(
        train=tuple(name for i, name in enumerate(names) if i not in held_out),
        held_out=tuple(name for i, name in enumerate(names) if i in held_out),
    )


def given_split(shares: Mapping[str, str]) -> Split | None:
    """The division that came with the poses: `shares` says `train`, `eval` or `unused` by the photos' names, in the
    order of capture. None where it says nothing, or leaves too little to train on."""
    train = tuple(name for name, share in shares.items() if share == "train")
    judged = [name for name, share in shares.items() if share == "eval"]
    if len(train) < FEWEST_TO_TRAIN_ON or not judged:
        return None
    count = min(len(judged), MOST_GIVEN)
    return Split(train=train, held_out=tuple(judged[index] for index in evenly(len(judged), count)))


def read_split(train: Path, photos: Iterable[str] = ()) -> Split:
    """What the training stage left in its folder; an engine that leaves no division was trained on all `photos`."""
    return Split.read_if_there(train / FILE) or Split(train=tuple(photos), held_out=())
