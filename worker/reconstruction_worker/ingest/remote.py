"""Fetches a folder, an archive or a video from object storage or a web server."""

from __future__ import annotations

import base64
import importlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.secrecy import shown_address

from ..workspace import check_space
from .download import Downloader, RemoteFile
from .formats import named_like_archive, named_like_video
from .limits import Limits
from .listing import SourceFile, relevant
from .storage.access import Access, Endpoint, Opened
from .storage_errors import storage_errors
from .web_names import decoded, is_web

_MODULES: Final = {
    "s3": ".storage.s3",
    **dict.fromkeys(("gs", "gcs"), ".storage.google"),
    **dict.fromkeys(("az", "abfs", "abfss"), ".storage.azure"),
    **dict.fromkeys(("http", "https"), ".storage.web"),
}
"""By scheme: the libraries of each take a moment to import."""
SCHEMES: Final = tuple(_MODULES)
_ANONYMOUS: Final = (
    "No credentials were sent. Set spec.source.secretName to a secret with those that may read the source, or ask the "
    "platform team for a profile whose serviceAccountName may; the role of the node is never used."
)
CONNECTIONS: Final = 8
"""Files fetched at once: most of the time of a small one is the way there and back."""
_VERSIONS: Final = ("generation", "ETag", "etag", "Last-Modified", "LastModified", "last_modified", "updated")


def fetch(
    uri: str,
    into: Path,
    limits: Limits,
    report: Callable[[str], None],
    stop_requested: Callable[[], bool] = lambda: False,
    access: Access | None = None,
) -> list[SourceFile] | Path:
    """Download what lies at `uri`: the files of a folder as a list, or one archive or video. Nothing from the network
    becomes a path. What an interrupted call left in `into` is not fetched again. `access` is that of a local run when
    unset.

    Raises InvalidSpec (scheme), SourceNotFound, SourceAccessDenied, AddressNotAllowed, FileTooLarge, ArtifactStoreError
    or Stopped.
    """
    scheme = _scheme(uri)
    if scheme not in SCHEMES or ("::" in uri and not is_web(uri)):  # fsspec's way to chain file systems
        raise ReconstructionError(
            "InvalidSpec",
            f"spec.source.uri: an address must begin with one of {', '.join(f'{known}://' for known in SCHEMES)}.",
            details={"field": "spec.source.uri"},
        )
    access, anonymous = access or Access(), False
    with storage_errors(
        f"'{shown_address(uri)}'", lambda: _refusal(uri, access), lambda: _ANONYMOUS if anonymous else None
    ):
        opened = _open_storage(uri, access)
        anonymous = opened.anonymous
        system, root = opened.system, opened.root
        if _is_single(system, uri, root):
            file = _remote_file(root, urlsplit(uri).path.rpartition("/")[2] or "source", system.info(root))
            limit = min(limits.total_bytes, limits.allowed_bytes(file.name) if named_like_video(file.name) else 1 << 62)
            _check_size(file.size or 0, limit)
            downloader = Downloader(system, into, limit, stop_requested)
            check_space(into, "fetching the source", (file.size or 0) - _bytes_below(into))
            return downloader.fetch(file, lambda done: report(f"fetched {done / 1e6:.0f} MB"))
        return _fetch_folder(system, root, into, limits, report, stop_requested)


def _bytes_below(folder: Path) -> int:
    """What an interrupted call has fetched already."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _scheme(uri: str) -> str:
    try:
        parts = urlsplit(uri)
        _ = parts.port  # read only when asked for
    except ValueError:
        raise ReconstructionError(
            "InvalidSpec",
            "spec.source.uri: the host or port of this address can't be read.",
            details={"field": "spec.source.uri"},
        ) from None
    return parts.scheme


def _is_single(system: Any, uri: str, root: str) -> bool:
    """Whether an address means one file. A web address without a slash at its end does, unless it shows a page."""
    path = urlsplit(uri).path
    if named_like_archive(path) or named_like_video(path):
        return True
    if urlsplit(uri).scheme not in ("http", "https") or path.endswith("/"):
        return False
    return system.info(root).get("mimetype", "text/html") not in ("text/html", "application/xhtml+xml")


def _fetch_folder(
    system: Any,
    root: str,
    into: Path,
    limits: Limits,
    report: Callable[[str], None],
    stop_requested: Callable[[], bool],
) -> list[SourceFile]:
    report("listing the files")
    found_there = system.find(root, detail=True)
    # Of a single file, some file systems give only the path.
    entries = found_there if isinstance(found_there, dict) else {path: system.info(path) for path in found_there}
    if not entries:
        raise FileNotFoundError(root)
    found = [_remote_file(path, _relative(path, root), entry) for path, entry in sorted(entries.items())]
    found = [file for file in found if relevant(file.name)]
    if len(found) > limits.files:
        raise ReconstructionError("FileTooLarge", f"The source holds more than {limits.files} files.")
    large = [file for file in found if (file.size or 0) > limits.allowed_bytes(file.name)]
    wanted = [file for file in found if file not in large]
    total = sum(file.size or 0 for file in wanted)
    _check_size(total, limits.total_bytes)
    downloader = Downloader(system, into, limits.total_bytes, stop_requested)
    check_space(into, f"fetching the {len(wanted)} files of the source", total - _bytes_below(into))
    files = [SourceFile(file.name, into, file.size or 0) for file in large]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        jobs = {pool.submit(_fetch_one, system, downloader, file): file for file in wanted}
        try:
            for count, job in enumerate(as_completed(jobs), start=1):
                local = job.result()
                files.append(SourceFile(jobs[job].name, local, local.stat().st_size))
                report(f"fetched {count} of {len(wanted)} files")
        except BaseException:
            downloader.abort()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    _check_size(sum(file.size for file in files if file.path != into), limits.total_bytes)
    return sorted(files, key=lambda file: file.name)


def _fetch_one(system: Any, downloader: Downloader, file: RemoteFile) -> Path:
    if file.version is None:  # a web server's listing is only a page of links
        file = _remote_file(file.path, file.name, system.info(file.path))
    return downloader.fetch(file)


def _remote_file(path: str, name: str, entry: dict[str, Any]) -> RemoteFile:
    version = next((str(entry[key]) for key in _VERSIONS if entry.get(key)), None)
    return RemoteFile(path, name, entry.get("size"), version, _md5(entry))


def _md5(entry: dict[str, Any]) -> bytes | None:
    """Of Google's and Microsoft's storage. An entity tag of S3 is one only for some kinds of upload and encryption, and
    does not say for which; its transfers are checked by their own checksums."""
    if isinstance(text := entry.get("md5Hash"), str):
        return base64.b64decode(text)
    settings = entry.get("content_settings")
    found = settings.get("content_md5") if isinstance(settings, dict) else None
    return bytes(found) if found else None


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise ReconstructionError(
            "FileTooLarge",
            f"The source is {size / 1e6:.0f} MB; the limit is {limit / 1e6:.0f} MB.",
            details={"bytes": size, "limitBytes": limit},
        )


def _open_storage(uri: str, access: Access) -> Opened:
    """The file system that an address is on, and the path there. Raises AddressNotAllowed before anything connects."""
    storage = importlib.import_module(_MODULES[urlsplit(uri).scheme], __package__)
    opened: Opened = storage.open_storage(uri, access)  # checks credentials; connections are made when it is used
    if access.guard is not None:
        where: Endpoint = storage.endpoint(uri, access)
        access.guard.check(where.field, where.host, where.port, where.scheme)
    return opened


def _refusal(uri: str, access: Access) -> ReconstructionError | None:
    """Why the guard refused a connection, if it did: what the library made of that does not matter."""
    if access.guard is None:
        return None
    storage = importlib.import_module(_MODULES[urlsplit(uri).scheme], __package__)
    where: Endpoint = storage.endpoint(uri, access)
    return access.guard.refusal(where.field, where.host)


def _relative(path: str, root: str) -> str:
    """Name of a file in the source; of one on a web server not as its address writes it."""
    name = path.removeprefix(root.rstrip("/")).lstrip("/") or path.rpartition("/")[2]
    return decoded(name) if is_web(root) else name
