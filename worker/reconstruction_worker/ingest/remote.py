"""Fetches a folder or an archive from object storage or a web server."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import fsspec

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import Source

from .limits import Limits
from .listing import SourceFile, describe, relevant

SCHEMES: Final = ("s3", "gs", "gcs", "az", "abfs", "abfss", "http", "https")
_ARCHIVE_SUFFIXES: Final = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_CHUNK: Final = 1 << 20
_DENIED: Final = frozenset(
    {"AccessDenied", "403", "401", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"}
)
_MISSING: Final = frozenset({"NoSuchBucket", "NoSuchKey", "404"})


def fetch(uri: str, into: Path, limits: Limits, report: Callable[[str], None]) -> list[SourceFile] | Path:
    """Download what lies at `uri`: the files of a folder as a list, or an archive as one file. Every file gets a number
    for a name; nothing from the network becomes a path.

    Raises InvalidSpec (scheme), SourceNotFound, SourceAccessDenied, FileTooLarge or ArtifactStoreError.
    """
    scheme = urlsplit(uri).scheme
    if scheme not in SCHEMES or "::" in uri:
        raise ReconstructionError(
            "InvalidSpec",
            f"spec.source.uri: an address must begin with one of {', '.join(f'{known}://' for known in SCHEMES)}.",
            details={"field": "spec.source.uri"},
        )
    into.mkdir(parents=True, exist_ok=True)
    with _storage_errors(describe(Source(uri=uri))):
        system, root = fsspec.core.url_to_fs(uri, **_options(scheme))
        if urlsplit(uri).path.lower().endswith(_ARCHIVE_SUFFIXES):
            return _download(system, root, into / "archive", limits.total_bytes, report)
        return _fetch_folder(system, root, into, limits, report)


def _fetch_folder(
    system: Any, root: str, into: Path, limits: Limits, report: Callable[[str], None]
) -> list[SourceFile]:
    entries: dict[str, dict[str, Any]] = system.find(root, detail=True)
    if not entries:
        raise FileNotFoundError(root)
    wanted = {path: _relative(path, root) for path in sorted(entries)}
    wanted = {path: name for path, name in wanted.items() if relevant(name)}
    if len(wanted) > limits.files:
        raise ReconstructionError("FileTooLarge", f"The source holds more than {limits.files} files.")
    files: list[SourceFile] = []
    total = 0
    for index, (path, name) in enumerate(wanted.items()):
        size = entries[path].get("size") or 0
        if size > limits.allowed_bytes(name):
            files.append(SourceFile(name, into, size))
            continue
        report(f"fetching {index + 1} of {len(wanted)} files")
        local = _download(system, path, into / f"{index:06d}", limits.total_bytes - total, None)
        total += local.stat().st_size
        files.append(SourceFile(name, local, local.stat().st_size))
    return files


def _download(system: Any, path: str, to: Path, limit: int, report: Callable[[str], None] | None) -> Path:
    done = 0
    with system.open(path, "rb") as stream, to.open("wb") as file:
        while chunk := stream.read(_CHUNK):
            done += len(chunk)
            if done > limit:
                raise ReconstructionError("FileTooLarge", "The source holds more bytes than a set may have.")
            file.write(chunk)
            if report is not None:
                report(f"fetched {done / 1e6:.0f} MB")
    return to


def _options(scheme: str) -> dict[str, Any]:
    """Listings are not cached: a retry must see what is there now."""
    return {"use_listings_cache": False} if scheme not in ("http", "https") else {}


def _relative(path: str, root: str) -> str:
    name = path.removeprefix(root.rstrip("/")).lstrip("/")
    return name or path.rpartition("/")[2]


@contextmanager
def _storage_errors(shown_as: str) -> Iterator[None]:
    """Storage libraries' exceptions as the catalogue's. They share no base class, and fsspec calls many of them
    FileNotFoundError; the code that the storage gave, somewhere in the chain of causes, decides."""
    try:
        yield
    except ReconstructionError:
        raise
    except ImportError as error:
        raise ReconstructionError(
            "InvalidSpec", f"spec.source.uri: {error.name}, which reads {shown_as}, is not installed here."
        ) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise  # the local disk's
        causes = list(_causes(error))
        codes = {code for cause in causes for code in _codes(cause)}
        if codes & _DENIED or any(_is_denial(cause) for cause in causes):
            raise ReconstructionError("SourceAccessDenied", f"Access to {shown_as} was denied.") from error
        if codes & _MISSING or (isinstance(error, FileNotFoundError) and len(causes) == 1):
            raise ReconstructionError("SourceNotFound", f"spec.source.uri: nothing is at {shown_as}.") from error
        reason = type(causes[-1]).__name__
        raise ReconstructionError(
            "ArtifactStoreError", f"Reading {shown_as} failed ({reason}).", details={"exception": reason}
        ) from error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and what it was raised from."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _codes(error: BaseException) -> Iterator[str]:
    """Status that HTTP, or code that object storage answered with."""
    if (status := getattr(error, "status", None)) is not None:
        yield str(status)
    response = getattr(error, "response", None)  # botocore's errors carry the answer as a dictionary
    if isinstance(response, dict):
        yield str(response.get("Error", {}).get("Code", ""))


def _is_denial(error: BaseException) -> bool:
    return isinstance(error, PermissionError) or "Credentials" in type(error).__name__
