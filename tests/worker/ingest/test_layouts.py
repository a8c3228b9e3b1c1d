"""Folders as capture apps and other reconstruction tools leave them: what is a photo, and what belongs to one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .photos import Ingested, encoded, picture, write_photos
from .test_camera_formats import write_dng

COUNT = 4


def half(left: bool = True, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A mask that shows one half."""
    mask = Image.new("L", size, 0)
    mask.paste(255, (0, 0, size[0] // 2, size[1]) if left else (size[0] // 2, 0, size[0], size[1]))
    return mask


def masks(folder: Path, pattern: str, *, left: bool = True, scale: int = 1) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(COUNT):
        half(left, (320 // scale, 240 // scale)).save(folder / pattern.format(f"p{index}"))


def transforms(path: Path, frames: list[dict[str, object]]) -> None:
    shared = {"fl_x": 300, "w": 320, "h": 240}
    posed = [
        {"transform_matrix": [[1, 0, 0, index], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], **frame}
        for index, frame in enumerate(frames)
    ]
    path.write_text(json.dumps({**shared, "frames": posed}))


def shows_left(ingested: Ingested) -> list[bool]:
    """For each photo whether its mask shows the left half and hides the right one."""
    result = []
    for image in ingested.images:
        assert image.mask is not None, image.name
        values = np.asarray(Image.open(ingested.workspace / image.mask))
        result.append(bool(values[:, :100].min() == 255 and values[:, -100:].max() == 0))
    return result


MASKS: dict[str, Callable[[Path], None]] = {
    "folder masks": lambda root: masks(root / "masks", "{}.png"),
    "folder mask of NeuS": lambda root: masks(root / "mask", "{}.png"),
    "in another case": lambda root: masks(root / "Masks", "{}.PNG"),
    "only a smaller copy": lambda root: masks(root / "masks_2", "{}.png", scale=2),
    "NAME_mask": lambda root: masks(root / "images", "{}_mask.png"),
    "NAME.jpg.mask of RealityCapture": lambda root: masks(root / "images", "{}.jpg.mask.png"),
    "mask_NAME": lambda root: masks(root / "images", "mask_{}.png"),
    "dynamic_mask_NAME of instant-ngp": lambda root: masks(root / "images", "dynamic_mask_{}.png", left=False),
    "NAME-mask": lambda root: masks(root / "images", "{}-mask.png"),
    "NAME_alpha": lambda root: masks(root / "images", "{}_alpha.png"),
    "anonymised ScanNet++": lambda root: masks(root / "resized_anon_masks", "{}.png"),
    "of a network": lambda root: masks(root / "sam2_masks", "{}.jpg.png"),
    "dynamic_masks": lambda root: masks(root / "dynamic_masks", "{}.png", left=False),
    "alpha": lambda root: masks(root / "alpha", "{}.png"),
    "one for all": lambda root: half().save(root / "mask.png"),
}


@pytest.mark.parametrize("name", MASKS)
def test_masks_are_found_under_the_names_that_tools_give(tmp_path: Path, name: str) -> None:
    root = tmp_path / "capture"
    write_photos(root / "images", COUNT)
    MASKS[name](root)
    ingested = Ingested(tmp_path, root)
    assert [Path(image.original.name).name for image in ingested.images] == [f"p{index}.jpg" for index in range(COUNT)]
    assert shows_left(ingested) == [True] * COUNT


@pytest.mark.parametrize(
    "pattern",
    ["normals/{}.png", "semantics/{}.png", "mono_depth/{}.png", "normals_from_pretrain/{}.png", "images/{}_disp.png"],
)
def test_maps_of_other_kinds_are_no_photos(tmp_path: Path, pattern: str) -> None:
    root = tmp_path / "capture"
    write_photos(root / "images", COUNT)
    folder, _, name = pattern.rpartition("/")
    masks(root / folder, name)
    ingested = Ingested(tmp_path, root)
    assert [Path(image.original.name).name for image in ingested.images] == [f"p{index}.jpg" for index in range(COUNT)]
    assert all(image.mask is None and image.depth is None for image in ingested.images)
    assert ingested.dropped == {}


def test_depth_maps_of_3d_scanner_app_belong_to_their_frame(tmp_path: Path) -> None:
    root = tmp_path / "capture"
    write_photos(root, COUNT)
    for index, photo in enumerate(sorted(root.iterdir())):
        photo.rename(root / f"frame_{index:05d}.jpg")
        Image.fromarray(np.full((24, 32), 1500, np.uint16)).save(root / f"depth_{index:05d}.png")
        Image.fromarray(np.full((24, 32), 2, np.uint8)).save(root / f"conf_{index:05d}.png")
    ingested = Ingested(tmp_path, root)
    assert [image.original.name for image in ingested.images] == [f"frame_{index:05d}.jpg" for index in range(COUNT)]
    assert all(image.depth is not None for image in ingested.images)


@pytest.mark.parametrize("folder", ["alpha", "semantics", "object masks", "image_masks", "depth_images", "flow"])
def test_photos_may_be_in_a_folder_of_any_name(tmp_path: Path, folder: str) -> None:
    """Of the objects that it names, for one."""
    root = tmp_path / "capture"
    write_photos(root / folder, COUNT)
    (root / "notes.txt").write_text("two days")
    assert len(Ingested(tmp_path, root).images) == COUNT


def test_smaller_copies_of_masks_and_photos_are_left_alone(tmp_path: Path) -> None:
    root = tmp_path / "capture"
    write_photos(root / "images", COUNT)
    masks(root / "masks", "{}.png")
    for scale in (2, 4):
        masks(root / f"masks_{scale}", "{}.png", left=False, scale=scale)
        (root / f"images_{scale}").mkdir()
        for index in range(COUNT):
            picture(index).reduce(scale).save(root / f"images_{scale}" / f"p{index}.jpg")
    ingested = Ingested(tmp_path, root)
    assert len(ingested.images) == COUNT and not ingested.dropped
    assert shows_left(ingested) == [True] * COUNT


@pytest.mark.parametrize("shared", [False, True])
def test_poses_say_where_masks_are(tmp_path: Path, shared: bool) -> None:
    root = tmp_path / "capture"
    write_photos(root / "images", COUNT)
    masks(root / "segmentation", "of-{}.png")
    for index in range(1, COUNT if shared else 1):
        (root / "segmentation" / f"of-p{index}.png").unlink()
    paths = ["segmentation/of-p0.png"] * COUNT if shared else [f"segmentation/of-p{i}.png" for i in range(COUNT)]
    transforms(
        root / "transforms.json",
        [{"file_path": f"images/p{index}.jpg", "mask_path": paths[index]} for index in range(COUNT)],
    )
    ingested = Ingested(tmp_path, root)
    assert shows_left(ingested) == [True] * COUNT


def test_masks_of_no_photo_are_told(tmp_path: Path) -> None:
    root = tmp_path / "capture"
    write_photos(root / "images", COUNT)
    masks(root / "masks", "{}.png")
    half().save(root / "masks" / "other.png")
    assert "1 mask has the name of no photo" in Ingested(tmp_path, root).output.message


def test_what_apps_and_storage_leave_beside_photos_is_no_photo(tmp_path: Path) -> None:
    root = tmp_path / "capture"
    write_photos(root, COUNT)
    for name in ("@eaDir/p0.jpg/SYNOPHOTO_THUMB_M.jpg", "#recycle/old.jpg", "$RECYCLE.BIN/$R1.jpg", "thumbnails/p0.jpg",
                 "confidence/p0.png", "thumbnail.jpg", "icon", "DJI_0001.THM", "p0_normal.png"):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(encoded(picture(50 + len(name)), "JPEG"))
    ingested = Ingested(tmp_path, root)
    assert [image.original.name for image in ingested.images] == [f"p{index}.jpg" for index in range(COUNT)]


def test_the_two_files_of_a_shot_count_once(tmp_path: Path) -> None:
    root = tmp_path / "capture"
    write_photos(root, 2)
    write_dng(root / "P0.DNG")
    ingested = Ingested(tmp_path, root)
    assert [image.original.name for image in ingested.images] == ["p0.jpg", "p1.jpg"]
    assert ingested.dropped == {"P0.DNG": "Duplicate"}


def test_photos_count_as_people_do(tmp_path: Path) -> None:
    root = tmp_path / "capture"
    root.mkdir()
    for index in (1, 2, 10, 11):
        (root / f"{index}.jpg").write_bytes(encoded(picture(index), "JPEG"))
    assert [image.original.name for image in Ingested(tmp_path, root).images] == ["1.jpg", "2.jpg", "10.jpg", "11.jpg"]


def test_a_smaller_copy_in_another_folder_is_a_copy(tmp_path: Path) -> None:
    root = tmp_path / "capture"
    write_photos(root / "full", COUNT)
    (root / "web").mkdir()
    for index in range(COUNT):
        picture(index).resize((120, 90)).save(root / "web" / f"w{index}.jpg", quality=70)
    ingested = Ingested(tmp_path, root)
    assert len(ingested.images) == COUNT
    assert set(ingested.dropped.values()) == {"Duplicate"}


def test_photos_that_poses_do_not_name_are_marked(tmp_path: Path) -> None:
    """Originals beside undistorted photos, as `convert.py` of 3DGS leaves them."""
    root = tmp_path / "capture"
    write_photos(root / "images", COUNT)
    write_photos(root / "input", COUNT, first_seed=20)
    transforms(root / "transforms.json", [{"file_path": f"images/p{index}.jpg"} for index in range(COUNT)])
    found = {image.original.name: image.given_pose for image in Ingested(tmp_path, root).images}
    assert found == {
        **{f"images/p{index}.jpg": True for index in range(COUNT)},
        **{f"input/p{index}.jpg": False for index in range(COUNT)},
    }


def test_of_several_models_the_one_with_the_most_photos_counts(tmp_path: Path) -> None:
    root = tmp_path / "capture"
    write_photos(root / "images", COUNT)
    for number, count in ((0, 2), (1, COUNT)):
        folder = root / "sparse" / str(number)
        folder.mkdir(parents=True)
        lines = [f"{index + 1} 1 0 0 0 {index} 0 0 1 p{index}.jpg\n\n" for index in range(count)]
        (folder / "images.txt").write_text("".join(lines))
        (folder / "cameras.txt").write_text("1 PINHOLE 320 240 300 300 160 120\n")
    ingested = Ingested(tmp_path, root)
    kept = (ingested.workspace / "ingest/provided/images.txt").read_text()
    assert kept.count(".jpg") == COUNT


def test_without_poses_that_name_photos_nothing_is_marked(tmp_path: Path) -> None:
    write_photos(tmp_path / "capture", COUNT)
    assert {image.given_pose for image in Ingested(tmp_path, tmp_path / "capture").images} == {None}
