"""Sources of which the worker's user may not read everything."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.ingest.listing import identity

from ..stage_packages import Bench
from .photos import Ingested, write_photos

USER = 65532


@contextmanager
def as_user() -> Iterator[None]:
    """As somebody to whom permissions mean something: to root they don't."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(USER)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that such a user may reach and write to; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        if os.geteuid() == 0:
            os.chown(name, USER, USER)
        yield Path(name)
        for parent, folders, _ in os.walk(name):
            for child in folders:
                Path(parent, child).chmod(0o755)


@pytest.fixture
def photos(folder: Path) -> Path:
    write_photos(folder / "photos", 3)
    return folder / "photos"


def shut(path: Path) -> Path:
    """The same, for nobody to read."""
    if not path.exists():
        path.mkdir(parents=True)
    path.chmod(0)
    return path


def failure(folder: Path, photos: Path) -> ReconstructionError:
    with pytest.raises(ReconstructionError) as error, as_user():
        Ingested(folder, photos)
    assert str(folder) not in error.value.message
    return error.value


def test_what_a_file_system_keeps_at_its_root_is_no_part_of_the_source(folder: Path, photos: Path) -> None:
    before = identity(photos)
    shut(photos / "lost+found")
    with as_user():
        assert identity(photos) == before
        assert len(Ingested(folder, photos).images) == 3


def test_links_to_what_is_closed_outside_the_source_are_left_out(folder: Path, photos: Path) -> None:
    (photos / "private").symlink_to(shut(folder / "private"))
    (photos / "private.jpg").symlink_to(folder / "private" / "p.jpg")
    with as_user():
        assert len(Ingested(folder, photos).images) == 3


@pytest.mark.parametrize(
    "name", ["p1.jpg", "notes.txt", "masks/p1.png", "depth/p1.png", "images_2/transforms.json", "SHA256SUMS"]
)
def test_a_file_that_may_not_be_read_is_named(folder: Path, photos: Path, name: str) -> None:
    (photos / name).parent.mkdir(exist_ok=True)
    (photos / "images").mkdir()
    (photos / name).touch()
    shut(photos / name)
    error = failure(folder, photos)
    assert (error.code, error.message) == ("SourceAccessDenied", f"{name} can't be read: permission denied.")


def test_a_file_with_a_checksum_that_may_not_be_read_is_named(folder: Path, photos: Path) -> None:
    (photos / "SHA256SUMS").write_text(f"{'0' * 64}  p1.jpg\n")
    shut(photos / "p1.jpg")
    assert failure(folder, photos).message == "p1.jpg can't be read: permission denied."


@pytest.mark.parametrize("mode", [0o000, 0o444], ids=["not to be listed", "listed but not to be entered"])
def test_a_folder_that_may_not_be_read_is_named(folder: Path, photos: Path, mode: int) -> None:
    write_photos(photos / "more" / "cam0", 1, first_seed=5)
    (photos / "more" / "cam0").chmod(mode)
    error = failure(folder, photos)
    assert error.code == "SourceAccessDenied"
    assert error.message.startswith("more/cam0/")


def test_a_source_that_may_not_be_read_at_all_is_named_as_the_user_named_it(folder: Path, photos: Path) -> None:
    error = failure(folder, shut(photos))
    assert (error.code, error.message) == ("SourceAccessDenied", "'photos' can't be read: permission denied.")


@pytest.mark.parametrize(("closed", "named"), [(".", "'./photos'"), ("sub", "sub/")])
def test_the_executor_does_not_take_it_for_a_defect(
    folder: Path, monkeypatch: pytest.MonkeyPatch, closed: str, named: str
) -> None:
    bench = Bench(folder, monkeypatch)
    shut(bench.photos / closed)
    with as_user():
        failed = bench.run("ingest").failure
    assert failed is not None
    assert (failed.code, failed.retryable) == ("SourceAccessDenied", False)
    assert failed.message == f"{named} can't be read: permission denied."
