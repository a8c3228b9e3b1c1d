"""COLMAP models are read as COLMAP itself reads them, and refused with the entry's name when they are wrong."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pycolmap
import pytest

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.ingest.dataset import Dataset, DroppedImage, Original
from reconstruction_worker.poses.posed_model import PosedModel
from reconstruction_worker.poses.provided import Provided, provided_format, read_provided

from .scenes import an_image

WIDTH, HEIGHT = 800, 600
PARAMS = {
    "SIMPLE_PINHOLE": [700.0, 400, 300],
    "PINHOLE": [700.0, 710, 400, 300],
    "SIMPLE_RADIAL": [700.0, 400, 300, 0.05],
    "RADIAL": [700.0, 400, 300, 0.05, -0.01],
    "OPENCV": [700.0, 710, 401, 299, 0.02, -0.01, 0.001, 0.002],
    "OPENCV_FISHEYE": [700.0, 710, 400, 300, 0.01, 0.0, 0.0, 0.0],
    "FULL_OPENCV": [700.0, 710, 400, 300, 0.02, -0.01, 0.001, 0.0, 0.001, 0.0, 0.0, 0.0],
    "FOV": [700.0, 710, 400, 300, 0.4],
    "SIMPLE_RADIAL_FISHEYE": [700.0, 400, 300, 0.01],
    "RADIAL_FISHEYE": [700.0, 400, 300, 0.01, 0.0],
    "THIN_PRISM_FISHEYE": [700.0, 710, 400, 300, 0.01, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
}


def synthetic(model: str = "SIMPLE_RADIAL") -> pycolmap.Reconstruction:
    """Two cameras, ten images in two folders, a hundred points."""
    options = pycolmap.SyntheticDatasetOptions()
    options.camera_width, options.camera_height = WIDTH, HEIGHT
    options.camera_model_id = pycolmap.CameraModelId.__members__[model]
    options.camera_params = PARAMS[model]
    pycolmap.set_random_seed(3)
    return pycolmap.synthesize_dataset(options)


def a_dataset(reconstruction: pycolmap.Reconstruction, scale: float = 0.5) -> Dataset:
    """The photos of a model, stored at half their size; names in reverse, so that nothing depends on their order."""
    names = sorted((image.name for image in reconstruction.images.values()), reverse=True)
    size = {"width": int(WIDTH * scale), "height": int(HEIGHT * scale)}
    return Dataset(
        images=[
            an_image(
                f"{number:03d}.png",
                **size,
                original=Original(name=f"images/{name}", width=WIDTH, height=HEIGHT, sha256=str(number)),
            )
            for number, name in enumerate(names)
        ]
    )


def written(folder: Path, reconstruction: pycolmap.Reconstruction, suffix: str) -> Path:
    folder.mkdir(exist_ok=True)
    reconstruction.write_text(folder) if suffix == ".txt" else reconstruction.write_binary(folder)
    return folder


def read(folder: Path, reconstruction: pycolmap.Reconstruction, scale: float = 0.5) -> PosedModel:
    return read_provided(folder, a_dataset(reconstruction, scale)).model


@pytest.mark.parametrize("suffix", [".txt", ".bin"])
@pytest.mark.parametrize("model", list(PARAMS))
def test_what_colmap_writes_is_read_as_colmap_reads_it(tmp_path: Path, model: str, suffix: str) -> None:
    folder = written(tmp_path, synthetic(model), suffix)
    truth = PosedModel.from_reconstruction(pycolmap.Reconstruction(folder))
    found = read(folder, pycolmap.Reconstruction(folder), scale=1.0)
    dataset = a_dataset(pycolmap.Reconstruction(folder))
    original = {image.name: image.original.name.removeprefix("images/") for image in dataset.images}
    expected = {shot.name: shot for shot in truth.shots}
    assert len(found.shots) == len(truth.shots) == 10
    for shot in found.shots:
        same = expected[original[shot.name]]
        assert np.allclose(shot.world_from_camera, same.world_from_camera, atol=1e-9)
        camera, true_camera = found.cameras[shot.camera_id], truth.cameras[same.camera_id]
        assert camera.model_name == true_camera.model_name
        assert np.allclose(camera.params, true_camera.params)
    assert np.allclose(found.points.xyz, truth.points.xyz)
    assert (found.points.rgb == truth.points.rgb).all()
    assert (found.points.track_lengths == truth.points.track_lengths).all()
    seen = {(original[found.shots[shot].name], int(point)) for shot, point in found.points.observations}
    assert seen == {(truth.shots[shot].name, int(point)) for shot, point in truth.points.observations}
    assert found.mean_reprojection_error == pytest.approx(0, abs=0.01)


def test_cameras_are_those_of_the_stored_photos(tmp_path: Path) -> None:
    model = synthetic("OPENCV")
    found = read(written(tmp_path, model, ".bin"), model, scale=0.25)
    (camera,) = {tuple(camera.params) for camera in found.cameras.values()}
    assert camera == pytest.approx((175.0, 177.5, 100.25, 74.75, 0.02, -0.01, 0.001, 0.002))
    assert {(camera.width, camera.height) for camera in found.cameras.values()} == {(200, 150)}
    assert found.mean_reprojection_error == pytest.approx(0, abs=0.01)


def test_up_is_not_told_by_a_model_of_any_orientation(tmp_path: Path) -> None:
    model = synthetic()
    provided: Provided = read_provided(written(tmp_path, model, ".txt"), a_dataset(model))
    assert provided_format(tmp_path) == provided.format == "colmap"
    assert provided.z_up_within_degrees == 0


def test_a_model_without_points_still_has_poses(tmp_path: Path) -> None:
    model = synthetic()
    (written(tmp_path, model, ".bin") / "points3D.bin").unlink()
    found = read(tmp_path, model)
    assert len(found.shots) == 10
    assert len(found.points.xyz) == 0


def test_photos_that_were_left_out_take_their_observations_along(tmp_path: Path) -> None:
    model = synthetic()
    dataset = a_dataset(model)
    left_out = dataset.images.pop()
    dataset.dropped.append(DroppedImage(name=left_out.original.name, code="ImageCorrupt", message=""))
    found = read_provided(written(tmp_path, model, ".bin"), dataset).model
    assert len(found.shots) == 9
    assert found.points.observations[:, 0].max() == 8
    assert found.points.observations[:, 1].max() < len(found.points.xyz)


def _text(name: str, change: Callable[[list[str]], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / f"{name}.txt"
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        change(lines)
        path.write_text("\n".join(lines) + "\n")

    return apply


def _field(number: int, value: str, line: int = 0) -> Callable[[list[str]], None]:
    def change(lines: list[str]) -> None:
        fields = lines[line].split(" ")
        fields[number] = value
        lines[line] = " ".join(fields)

    return change


def _inverted(folder: Path) -> None:
    """Camera-to-world poses, the commonest mistake."""
    model = pycolmap.Reconstruction(folder)
    model.transform(pycolmap.Sim3d(1.0, pycolmap.Rotation3d(), np.array([1.0, 2.0, 3.0])))
    for frame in model.frames.values():
        frame.rig_from_world = frame.rig_from_world.inverse()
    model.write_text(folder)


TEXT_MISTAKES: list[tuple[str, Callable[[Path], object], str]] = [
    ("unknown model", _text("cameras", _field(1, "SPHERE")), "SPHERE is not a camera model"),
    ("too few parameters", _text("cameras", lambda lines: lines.__setitem__(0, "1 PINHOLE 800 600 700 400 300")),
     "PINHOLE has 4 parameters, not 3"),
    ("no size", _text("cameras", _field(2, "0")), "can't have 0 x 600 pixels"),
    ("another shape", _text("cameras", _field(2, "600")), "is for 600 x 600 pixels, but images/"),
    ("focal length 0", _text("cameras", _field(4, "0")), "the focal length 0 makes no sense"),
    ("focal length nan", _text("cameras", _field(4, "nan")), "a parameter that is NaN or infinite"),
    ("folding", _text("cameras", _field(7, "-9")), "the picture folds over"),
    ("words", _text("images", _field(1, "one")), "line 1 holds something that is not a number"),
    ("no rotation", _text("images", _field(1, "3.5")), "a rotation has length 1"),
    ("not finite", _text("images", _field(5, "inf")), "NaN or infinite"),
    ("unknown camera", _text("images", _field(8, "77")), "has camera 77, which cameras.txt does not hold"),
    ("unknown photo", _text("images", _field(9, "nobody.png")), "names a photo that is not in the source"),
    ("no features line", _text("images", lambda lines: lines.pop(1)), "line 2"),
    ("no images", _text("images", lambda lines: lines.clear()), "it holds no images"),
    ("no cameras", _text("cameras", lambda lines: lines.clear()), "it holds no cameras"),
    ("points nan", _text("points3D", _field(1, "nan")), "a point that is NaN or infinite"),
    ("camera to world", _inverted, "world-to-camera with x right, y down, z forward"),
    ("not text", lambda folder: (folder / "images.txt").write_bytes(b"\xff\xfe\x00"), "it is not text"),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "words"), [m[1:] for m in TEXT_MISTAKES], ids=[m[0] for m in TEXT_MISTAKES])
def test_a_mistake_in_a_text_file_is_named(tmp_path: Path, mistake: Callable[[Path], None], words: str) -> None:
    model = synthetic()
    mistake(written(tmp_path, model, ".txt"))
    with pytest.raises(ReconstructionError) as failure:
        read(tmp_path, model)
    assert failure.value.code == "InvalidPoses"
    assert words in failure.value.message
    assert failure.value.details["file"].endswith(".txt")
    assert str(tmp_path) not in failure.value.message


@pytest.mark.parametrize("name", ["cameras", "images", "points3D"])
@pytest.mark.parametrize("keep", [0, 7, 100, -3])
def test_a_binary_file_that_is_cut_off_is_named(tmp_path: Path, name: str, keep: int) -> None:
    model = synthetic()
    path = written(tmp_path, model, ".bin") / f"{name}.bin"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ReconstructionError, match=rf"^{name}\.bin: it is cut off"):
        read(tmp_path, model)


def test_a_count_that_the_file_can_not_hold_reserves_no_memory(tmp_path: Path) -> None:
    model = synthetic()
    path = written(tmp_path, model, ".bin") / "points3D.bin"
    path.write_bytes(struct.pack("<Q", 2**60) + path.read_bytes()[8:])
    with pytest.raises(ReconstructionError, match="cut off"):
        read(tmp_path, model)
