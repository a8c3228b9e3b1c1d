"""Fetches a folder or an archive from object storage or a web server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import fsspec

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import Source

from .limits import Limits
from .listing import SourceFile, relevant

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
    with _storage_errors(uri):
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
        if size > limits.file_bytes:
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
def _storage_errors(uri: str) -> Iterator[None]:
    """Storage libraries' exceptions as the catalogue's. They share no base class, so names and codes decide."""
    from .sources import describe

    shown_as = describe(Source(uri=uri))
    try:
        yield
    except ReconstructionError:
        raise
    except FileNotFoundError as error:
        raise ReconstructionError("SourceNotFound", f"spec.source.uri: nothing is at {shown_as}.") from error
    except PermissionError as error:
        raise ReconstructionError("SourceAccessDenied", f"Access to {shown_as} was denied.") from error
    except ImportError as error:
        raise ReconstructionError(
            "InvalidSpec", f"spec.source.uri: support for {urlsplit(uri).scheme}:// is not installed here."
        ) from error
    except OSError as error:
        if error.errno is not None and error.filename is not None:
            raise  # the local disk's
        raise _unreachable(shown_as, error) from error
    except Exception as error:  # aiohttp, botocore, google, azure
        code = str(getattr(error, "status", "") or _response_code(error))
        if code in _DENIED or "Credentials" in type(error).__name__:
            raise ReconstructionError("SourceAccessDenied", f"Access to {shown_as} was denied.") from error
        if code in _MISSING:
            raise ReconstructionError("SourceNotFound", f"spec.source.uri: nothing is at {shown_as}.") from error
        raise _unreachable(shown_as, error) from error


def _response_code(error: Exception) -> str:
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def _unreachable(shown_as: str, error: Exception) -> ReconstructionError:
    return ReconstructionError(
        "ArtifactStoreError",
        f"Reading {shown_as} failed ({type(error).__name__}).",
        details={"exception": type(error).__name__},
    )
