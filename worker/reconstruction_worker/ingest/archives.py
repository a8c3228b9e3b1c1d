"""Unpacks ZIP and TAR without trusting them.

No name from an archive ever becomes a path: entries are written to numbered files in one folder, so nothing can land
elsewhere. What has no place among photos (links, devices, absolute or `..` paths, bombs) refuses the archive. An
archive within it is a file like others, and never opened: flight plans (`.kmz`), documents and models are ZIP files.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from reconstruction_api.errors import ReconstructionError

from .formats import archive_format, read_head
from .limits import Limits
from .listing import SourceFile, relevant

_CHUNK: Final = 1 << 20
_CORRUPT: Final = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)
_COMPRESSED: Final = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}


def is_archive(path: Path) -> bool:
    """Whether a file is an archive of any kind, by its content."""
    return archive_format(read_head(path)) is not None


def unpack(archive: Path, into: Path, limits: Limits, shown_as: str) -> list[SourceFile]:
    """Unpack the files that may matter, ordered by name. Files above the limit are left out of the folder but listed
    with their size. `shown_as` is the user's name for the archive.

    Raises UnsafeArchive, FileTooLarge (total), UnsupportedFormat (kind of archive, password) or ImageCorrupt (damaged).
    """
    form = archive_format(read_head(archive))
    into.mkdir(parents=True, exist_ok=True)
    unpacker = _Unpacker(archive, into, limits, shown_as)
    if form == "zip":
        with unpacker.reading():
            unpacker.zip()
    elif form == "tar" or form in _COMPRESSED:
        with unpacker.reading():
            unpacker.tar(form)
    else:
        raise ReconstructionError(
            "UnsupportedFormat",
            f"{shown_as} is a {form or 'file'} that can't be unpacked.",
            suggestion="Pack the photos as ZIP or TAR.",
        )
    return sorted(unpacker.files.values(), key=lambda file: file.name)


class _Unpacker:
    def __init__(self, archive: Path, into: Path, limits: Limits, shown_as: str):
        self.archive = archive
        self.into = into
        self.limits = limits
        self.shown_as = shown_as
        self.files: dict[str, SourceFile] = {}
        """By name; of two entries of one name the later counts, as with the usual tools."""
        self.packed_bytes = max(archive.stat().st_size, 1)
        self.entries = 0
        self.declared_bytes = 0
        self.unpacked_bytes = 0

    @contextmanager
    def reading(self) -> Iterator[None]:
        """What libraries raise about damaged archives becomes the catalogue's error."""
        try:
            yield
        except ReconstructionError:
            raise
        except _CORRUPT as error:
            # EINVAL: an entry that claims to lie before the beginning of the archive.
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
                raise  # the disk's trouble, not the archive's
            raise ReconstructionError(
                "ImageCorrupt",
                f"The archive {self.shown_as} is damaged or incomplete.",
                suggestion="Pack the photos again, or repeat the upload.",
            ) from error

    def zip(self) -> None:
        with zipfile.ZipFile(self.archive) as file:
            for entry in file.infolist():
                mode = entry.external_attr >> 16
                kind = stat.S_IFMT(mode)
                self._admit(entry.filename, entry.file_size, plain=kind in (0, stat.S_IFREG, stat.S_IFDIR))
                if entry.is_dir() or not self._wanted(entry.filename, entry.file_size):
                    continue
                if entry.flag_bits & 0x1:
                    raise ReconstructionError(
                        "UnsupportedFormat",
                        f"The archive {self.shown_as} is protected by a password.",
                        suggestion="Pack the photos without a password.",
                    )
                try:
                    stream = file.open(entry)
                except NotImplementedError as error:
                    raise ReconstructionError(
                        "UnsupportedFormat", f"'{entry.filename}' in {self.shown_as} is packed by an unknown method."
                    ) from error
                with stream:
                    self._write(entry.filename, stream, entry.file_size)

    def tar(self, form: str) -> None:
        opener = _COMPRESSED.get(form)
        with self.archive.open("rb") as packed:
            plain = opener(packed, "rb") if opener else packed
            guarded = _Guarded(plain, self)  # type: ignore[arg-type]
            with tarfile.open(fileobj=guarded, mode="r|") as file:
                for entry in file:
                    ordinary = (entry.isreg() or entry.isdir()) and not entry.issparse()
                    self._admit(entry.name, entry.size, plain=ordinary)
                    if entry.isdir() or not self._wanted(entry.name, entry.size):
                        continue
                    stream = file.extractfile(entry)
                    assert stream is not None
                    self._write(entry.name, stream, entry.size)

    def count_unpacked(self, size: int) -> None:
        """Refuse an archive that keeps growing out of proportion."""
        self.unpacked_bytes += size
        if (
            self.unpacked_bytes > self.limits.compression_floor_bytes
            and self.unpacked_bytes > self.limits.compression_ratio * self.packed_bytes
        ):
            raise self._unsafe(f"unpacks to more than {self.limits.compression_ratio} times its size")

    def _admit(self, name: str, size: int, *, plain: bool) -> None:
        """Judge an entry by its header."""
        self.entries += 1
        self.declared_bytes += size
        if self.entries > self.limits.files:
            raise self._unsafe(f"holds more than {self.limits.files} entries")
        if not plain:
            raise self._unsafe(f"holds '{name}', which is not a plain file")
        path = name.replace("\\", "/")
        if path.startswith("/") or re.match(r"[A-Za-z]:", path) or ".." in path.split("/") or "\0" in path:
            raise self._unsafe(f"holds '{name}', which would be written outside its folder")
        floor, ratio = self.limits.compression_floor_bytes, self.limits.compression_ratio
        if self.declared_bytes > floor and self.declared_bytes > ratio * self.packed_bytes:
            raise self._unsafe(f"unpacks to more than {ratio} times its size")
        if self.declared_bytes > self.limits.total_bytes:
            raise ReconstructionError(
                "FileTooLarge",
                f"The archive {self.shown_as} unpacks to more than {self.limits.total_bytes // 10**6} MB.",
            )

    def _wanted(self, name: str, size: int) -> bool:
        name = _plain_name(name)
        if not name or not relevant(name):
            return False
        if size > self.limits.allowed_bytes(name):
            self.files[name] = SourceFile(name, self.archive, size)
            return False
        return True

    def _write(self, name: str, stream: IO[bytes], declared: int) -> None:
        path = self.into / f"{self.entries:06d}"
        written = 0
        with path.open("wb") as file:
            while chunk := stream.read(_CHUNK):
                written += len(chunk)
                if written > declared:
                    raise self._unsafe(f"holds '{name}', which is larger than it claims")
                if stream.__class__ is zipfile.ZipExtFile:
                    self.count_unpacked(len(chunk))
                file.write(chunk)
        if written < declared:
            raise EOFError(name)
        self.files[_plain_name(name)] = SourceFile(_plain_name(name), path, written)

    def _unsafe(self, what: str) -> ReconstructionError:
        return ReconstructionError("UnsafeArchive", f"The archive {self.shown_as} {what}.")


class _Guarded(io.RawIOBase):
    """A decompressed stream that counts what is read from it, headers and skipped entries included."""

    def __init__(self, stream: IO[bytes], unpacker: _Unpacker):
        self._stream = stream
        self._unpacker = unpacker

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._unpacker.count_unpacked(len(data))
        return data


def _plain_name(name: str) -> str:
    return "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
