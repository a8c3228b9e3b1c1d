"""What may be unpacked, and that nothing else ever is."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.ingest.archives import unpack
from reconstruction_worker.ingest.limits import DEFAULT_LIMITS, Limits

SMALL = Limits(
    file_bytes=1000, total_bytes=5000, files=10, pixels=10**6, compression_ratio=20, compression_floor_bytes=2000
)


def zipped(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(entries: dict[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in entries.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def tarred_special(kind: bytes, name: str = "photo.jpg", target: str = "/etc/passwd") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, target
        archive.addfile(entry)
    return buffer.getvalue()


def zipped_link() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("photo.jpg")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    return buffer.getvalue()


def unpacked(tmp_path: Path, content: bytes, limits: Limits = DEFAULT_LIMITS) -> dict[str, bytes]:
    """Contents by name."""
    archive = tmp_path / "archive"
    archive.write_bytes(content)
    files = unpack(archive, tmp_path / "inner" / "into", limits, "'photos.zip'")
    return {file.name: file.path.read_bytes() for file in files}


def numbered(content: bytes) -> str:
    """Tests are told apart by number: some archives hold the time they were made at."""
    del content
    return "archive"


@pytest.mark.parametrize(
    "content",
    [
        zipped({"a/x.jpg": b"one", "a/masks/x.png": b"two"}),
        zipped({"a/x.jpg": b"one", "a/masks/x.png": b"two"}, zipfile.ZIP_LZMA),
        tarred({"a/x.jpg": b"one", "a/masks/x.png": b"two"}),
        tarred({"./a/x.jpg": b"one", "a//masks/x.png": b"two"}, "w:gz"),
        tarred({"a/x.jpg": b"one", "a/masks/x.png": b"two"}, "w:bz2"),
        tarred({"a/x.jpg": b"one", "a/masks/x.png": b"two"}, "w:xz"),
    ],
    ids=numbered,
)
def test_zip_and_tar_of_every_compression_are_unpacked_by_content(tmp_path: Path, content: bytes) -> None:
    assert unpacked(tmp_path, content) == {"a/x.jpg": b"one", "a/masks/x.png": b"two"}


def test_an_archive_in_an_archive_is_a_file_like_others_and_never_opened(tmp_path: Path) -> None:
    """Flight plans, documents and models beside photos are ZIP files too."""
    inner = {"plan.kmz": zipped({"doc.kml": b"y"}), "x.log": gzip.compress(b"y"), "y.tar": tarred({"y.jpg": b"y"})}
    assert unpacked(tmp_path, zipped({"x.jpg": b"one", **inner})) == {"x.jpg": b"one", **inner}


def test_hidden_files_and_those_of_operating_systems_are_left_out(tmp_path: Path) -> None:
    content = zipped(
        {"x.jpg": b"one", "__MACOSX/._x.jpg": b"", ".DS_Store": b"", "a/.hidden/y.jpg": b"", "Thumbs.db": b""}
    )
    assert unpacked(tmp_path, content) == {"x.jpg": b"one"}


@pytest.mark.parametrize(
    "content",
    [
        zipped({"../x.jpg": b""}),
        zipped({"a/../../x.jpg": b""}),
        zipped({"/etc/x.jpg": b""}),
        zipped({"..\\x.jpg": b""}),
        zipped({"C:\\x.jpg": b""}),
        zipped_link(),
        tarred({"../x.jpg": b""}),
        tarred({"/x.jpg": b""}, "w:gz"),
        tarred_special(tarfile.SYMTYPE),
        tarred_special(tarfile.LNKTYPE),
        tarred_special(tarfile.CHRTYPE),
        tarred_special(tarfile.BLKTYPE),
        tarred_special(tarfile.FIFOTYPE),
    ],
    ids=numbered,
)
def test_links_devices_and_paths_that_lead_out_refuse_the_archive(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ReconstructionError) as error:
        unpacked(tmp_path, content)
    assert error.value.code == "UnsafeArchive"
    assert "'photos.zip'" in error.value.message
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


@pytest.mark.parametrize(
    "content",
    [
        zipped({f"{index}.jpg": b"" for index in range(11)}),
        tarred({f"{index}.jpg": b"" for index in range(11)}),
        zipped({"large": bytes(100_000)}),
        tarred({f"{index}.jpg": bytes(900) for index in range(5)}, "w:xz"),
        tarred({"large": bytes(100_000)}, "w:gz"),
    ],
    ids=numbered,
)
def test_bombs_by_count_and_ratio_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ReconstructionError) as error:
        unpacked(tmp_path, content, SMALL)
    assert error.value.code == "UnsafeArchive"


def test_a_zip_that_lies_about_a_size_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped({"x.jpg": bytes(range(256)) * 3}, zipfile.ZIP_STORED))
    central = content.index(b"PK\x01\x02")
    content[central + 24 : central + 28] = (5).to_bytes(4, "little")  # uncompressed size
    with pytest.raises(ReconstructionError) as error:
        unpacked(tmp_path, bytes(content))
    assert error.value.code in ("UnsafeArchive", "ImageCorrupt")


def test_more_bytes_than_a_set_may_have_are_too_large(tmp_path: Path) -> None:
    random = bytes(range(256)) * 3
    with pytest.raises(ReconstructionError) as error:
        unpacked(tmp_path, zipped({f"{index}.jpg": random for index in range(8)}, zipfile.ZIP_STORED), SMALL)
    assert error.value.code == "FileTooLarge"


def test_a_file_above_the_limit_is_named_but_not_unpacked(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.write_bytes(zipped({"large.jpg": bytes(range(256)) * 5, "x.jpg": b"one"}, zipfile.ZIP_STORED))
    files = {file.name: file.size for file in unpack(archive, tmp_path / "into", SMALL, "'x'")}
    assert files == {"large.jpg": 1280, "x.jpg": 3}
    assert sum(path.stat().st_size for path in (tmp_path / "into").iterdir()) == 3


@pytest.mark.parametrize(
    "content", [zipped({"x.jpg": bytes(2000)}), tarred({"x.jpg": b"x" * 2000}, "w:gz")], ids=numbered
)
def test_an_archive_cut_short_is_damaged(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ReconstructionError) as error:
        unpacked(tmp_path, content[: len(content) * 2 // 3])
    assert error.value.code == "ImageCorrupt"


def test_formats_that_are_not_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ReconstructionError, match="7z") as error:
        unpacked(tmp_path, b"7z\xbc\xaf\x27\x1c" + bytes(100))
    assert error.value.code == "UnsupportedFormat"


GOOD = [
    zipped({"a.jpg": b"one" * 50, "b/c.png": b"two" * 50}),
    tarred({"a.jpg": b"one" * 50, "b/c.png": b"two" * 50}),
    tarred({"a.jpg": b"one" * 50, "b/c.png": b"two" * 50}, "w:gz"),
]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_whatever_bytes_an_archive_has_it_is_unpacked_inside_or_refused_with_a_code(
    tmp_path: Path, data: st.DataObject
) -> None:
    content = bytearray(data.draw(st.sampled_from(GOOD)))
    edits = st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), min_size=1, max_size=6)
    for position, value in data.draw(edits):
        content[position] = value
    del content[data.draw(st.integers(len(content) // 2, len(content))) :]
    try:
        unpacked(tmp_path, bytes(content))
    except ReconstructionError as error:
        assert error.code in ("UnsafeArchive", "ImageCorrupt", "UnsupportedFormat", "FileTooLarge")
    written = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")}
    assert written <= {"archive", "inner"}


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    names=st.lists(st.text(st.sampled_from("ab./\\: é"), min_size=1, max_size=8), min_size=1, max_size=4, unique=True)
)
def test_no_name_leads_out(tmp_path: Path, names: list[str]) -> None:
    for content in (zipped(dict.fromkeys(names, b"x")), tarred(dict.fromkeys(names, b"x"))):
        try:
            files = unpacked(tmp_path, content)
        except ReconstructionError as error:
            assert error.code in ("UnsafeArchive", "ImageCorrupt")
        else:
            assert not any(".." in name.split("/") or name.startswith("/") for name in files)
        assert {path.name for path in tmp_path.iterdir()} <= {"archive", "inner"}
