"""Gets the files of a source: a folder or archive on this machine, or an address to fetch from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import ClaimSource, Source

from .archives import is_archive, unpack
from .limits import Limits
from .listing import SourceFile, describe, list_folder


def gather(
    source: Source, local: Path | None, scratch: Path, limits: Limits, report: Callable[[str], None]
) -> list[SourceFile]:
    """All files of a source. `local` is where it lies on this machine, if it does; `scratch` is an empty folder for
    what has to be fetched or unpacked; `report` is told what is being done.

    Raises SourceNotFound, SourceAccessDenied, ArtifactStoreError and what `archives.unpack` raises.
    """
    shown_as = describe(source)
    if local is None:
        from .remote import fetch  # fsspec and its back ends take a second to import

        assert source.uri is not None
        fetched = fetch(source.uri, scratch, limits, report)
        if isinstance(fetched, list):
            return _checked(fetched, limits, shown_as)
        local = fetched
    try:
        return _checked(_read(local, scratch, limits, shown_as, report), limits, shown_as)
    except PermissionError as error:
        raise ReconstructionError("SourceAccessDenied", f"{shown_as} can't be read: permission denied.") from error


def _read(local: Path, scratch: Path, limits: Limits, shown_as: str, report: Callable[[str], None]) -> list[SourceFile]:
    if local.is_dir():
        return list_folder(local, limits)
    if not local.exists():
        raise ReconstructionError("SourceNotFound", f"spec.source: there is no {shown_as}.")
    if not local.is_file():
        raise ReconstructionError("SourceNotFound", f"spec.source: {shown_as} is neither a folder nor a file.")
    if not is_archive(local):
        raise ReconstructionError(
            "UnsupportedFormat",
            f"spec.source: {shown_as} is a file, but not an archive.",
            suggestion="Point spec.source to a folder of photos, or to a ZIP or TAR of them.",
        )
    report(f"unpacking {local.name}")
    return unpack(local, scratch / "unpacked", limits, shown_as)


def _checked(files: list[SourceFile], limits: Limits, shown_as: str) -> list[SourceFile]:
    total = sum(file.size for file in files if file.size <= limits.allowed_bytes(file.name))
    if total > limits.total_bytes:
        raise ReconstructionError(
            "FileTooLarge",
            f"The files of {shown_as} have {total / 1e9:.1f} GB; a set may have {limits.total_bytes / 1e9:.0f} GB.",
            details={"bytes": total, "limitBytes": limits.total_bytes},
        )
    return files


def below_claim(root: Path, claim: ClaimSource) -> Path:
    """A claim's folder, archive or root as seen on this machine. Raises SourceNotFound for a path that leaves it."""
    path = root / claim.path
    if not path.resolve().is_relative_to(root.resolve()):
        raise ReconstructionError(
            "SourceNotFound", f"spec.source.persistentVolumeClaim.path: '{claim.path}' leaves the volume."
        )
    return path
