"""Gets the files of a source: a folder or archive on this machine, or an address to fetch from."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from urllib.parse import urlsplit

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.source import ClaimSource, Source

from ..credentials import credentials_in, read_credentials
from ..files import empty_folder
from ..network.guard import Guard
from .archives import is_archive, unpack
from .checksums import check_file, check_listed
from .formats import is_video
from .limits import Limits
from .listing import SourceFile, access_to, describe, list_folder
from .storage.access import Access
from .web_names import decoded, is_web


def gather(
    source: Source,
    local: Path | None,
    scratch: Path,
    limits: Limits,
    report: Callable[[str], None],
    stop_requested: Callable[[], bool] = lambda: False,
    guard: Guard | None = None,
    credentials: Path | None = None,
) -> list[SourceFile]:
    """All files of a source; of one video, that alone. `local` is where it lies on this machine, if it does; `scratch`
    is a folder for what has to be fetched or unpacked, where an interrupted call may have left something; `report` is
    called with what is being done; `guard` is that of a worker pod, and `credentials` a folder with those of the
    source's Secret.

    Raises SourceNotFound, SourceAccessDenied, AddressNotAllowed, ArtifactStoreError, ChecksumMismatch, Stopped and what
    `archives.unpack` raises.
    """
    shown_as = describe(source)
    if local is None:
        from .remote import fetch  # fsspec and its back ends take a second to import

        assert source.uri is not None
        secret = _credentials(source, credentials)
        with nullcontext() if secret is None else credentials_in(os.environ, secret):
            access = Access.of(guard, source.secret_name is not None, secret)
            fetched = fetch(source.uri, scratch / "fetched", limits, report, stop_requested, access)
        if isinstance(fetched, list):
            single = _alone(fetched, source.uri)
            if single is None:
                _refuse_checksum_of_folder(source, shown_as)
                return _checked(fetched, limits, shown_as)
            fetched = single.path
        local = fetched
    with access_to(shown_as):
        return _checked(_read(local, source, scratch, limits, shown_as, report), limits, shown_as)


def _credentials(source: Source, folder: Path | None) -> dict[str, str] | None:
    """Those of the source's Secret, where the pod has one; otherwise the environment decides, as it is."""
    if folder is None or source.secret_name is None:
        return None
    return read_credentials(folder, source.secret_name)


def _alone(files: list[SourceFile], uri: str) -> SourceFile | None:
    """The archive or video that an address without a telling suffix means."""
    if len(files) != 1 or uri.endswith("/") or not files[0].path.is_file():
        return None
    return files[0] if is_archive(files[0].path) or is_video(files[0].path) else None


def _read(
    local: Path, source: Source, scratch: Path, limits: Limits, shown_as: str, report: Callable[[str], None]
) -> list[SourceFile]:
    if local.is_dir():
        _refuse_checksum_of_folder(source, shown_as)
        return list_folder(local, limits)
    if not local.exists():
        raise ReconstructionError("SourceNotFound", f"spec.source: there is no {shown_as}.")
    if not local.is_file():
        raise ReconstructionError("SourceNotFound", f"spec.source: {shown_as} is neither a folder nor a file.")
    if source.sha256 is not None:
        report("checking the checksum")
        check_file(local, source.sha256, shown_as)
    if is_video(local):
        return [SourceFile(_last_part(source, local), local, local.stat().st_size)]
    if not is_archive(local):
        raise ReconstructionError(
            "UnsupportedFormat",
            f"spec.source: {shown_as} is a file, but neither an archive nor a video.",
            suggestion="Point spec.source to a folder of photos, a ZIP or TAR of them, or a video such as MP4 or MOV.",
        )
    report("unpacking")
    empty_folder(scratch / "unpacked")
    return unpack(local, scratch / "unpacked", limits, shown_as)


def _refuse_checksum_of_folder(source: Source, shown_as: str) -> None:
    if source.sha256 is not None:
        raise ReconstructionError(
            "InvalidSpec",
            f"spec.source.sha256 is the checksum of one file, but {shown_as} is a folder.",
            suggestion="Put a file SHA256SUMS beside the photos instead.",
        )


def _last_part(source: Source, local: Path) -> str:
    """Name of a single file; a fetched one has a made-up name here."""
    if source.uri is not None and "://" in source.uri:
        name = urlsplit(source.uri).path.rpartition("/")[2]
        return (decoded(name) if is_web(source.uri) else name) or "video"
    return local.name


def _checked(files: list[SourceFile], limits: Limits, shown_as: str) -> list[SourceFile]:
    total = sum(file.size for file in files if file.size <= limits.allowed_bytes(file.name))
    if total > limits.total_bytes:
        raise ReconstructionError(
            "FileTooLarge",
            f"The files of {shown_as} are {total / 1e9:.1f} GB; "
            f"the limit of a set is {limits.total_bytes / 1e9:.0f} GB.",
            details={"bytes": total, "limitBytes": limits.total_bytes},
        )
    check_listed(files, limits)
    return files


def below_claim(root: Path, claim: ClaimSource) -> Path:
    """A claim's folder, archive or root as seen on this machine. Raises SourceNotFound for a path that leaves it."""
    path = root / claim.path
    if not path.resolve().is_relative_to(root.resolve()):
        raise ReconstructionError(
            "SourceNotFound", f"spec.source.persistentVolumeClaim.path: '{claim.path}' leaves the volume."
        )
    return path
