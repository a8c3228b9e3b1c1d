"""Which photos show the very same picture, and which only look alike."""

from __future__ import annotations

from PIL import Image

from reconstruction_worker.ingest.checks import appearance, same_pictures
from reconstruction_worker.ingest.dataset import DatasetImage, Original

from .photos import picture


def same(**pictures: Image.Image) -> dict[str, str]:
    images = [
        DatasetImage(
            name=name,
            file=name,
            width=image.width,
            height=image.height,
            original=Original(name=name, width=image.width, height=image.height, sha256=name),
        )
        for name, image in pictures.items()
    ]
    return same_pictures(images, {name: appearance(image) for name, image in pictures.items()})


def test_a_scaled_copy_yields_turn_to_the_larger_one() -> None:
    large = picture(1, 640, 480)
    assert same(small=large.resize((320, 240), Image.Resampling.LANCZOS), large=large) == {"small": "large"}


def test_different_pictures_are_different() -> None:
    assert same(**{f"p{seed}": picture(seed) for seed in range(20)}) == {}


def test_two_views_of_a_small_object_before_an_empty_background_are_different() -> None:
    def view(x: int) -> Image.Image:
        image = Image.new("RGB", (480, 480), "white")
        image.paste(picture(3, 24, 24), (x, 228))
        return image

    assert same(a=view(228), b=view(232)) == {}


def test_plain_pictures_of_two_colours_are_different() -> None:
    assert same(a=Image.new("RGB", (300, 200), "grey"), b=Image.new("RGB", (300, 200), "white")) == {}
