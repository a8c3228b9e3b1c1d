"""Whether the weights of a network are in the folder, and are the ones that the manifest names."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Final

from reconstruction_api.documents.weights import FILE, AddedWeights, WeightsRecord
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.names import ENV_WEIGHTS, WEIGHTS_PATH
from reconstruction_api.weights import Network

from ..files import sha256_of

_MISSING: Final = "is not there"
_DIFFERS: Final = "does not match its checksum"


def weights_folder() -> Path:
    """Where the weights of networks are."""
    return Path(os.environ.get(ENV_WEIGHTS) or WEIGHTS_PATH)


def checked(network: Network, folder: Path | None = None) -> Path:
    """The file of the network's weights. Raises WeightsUnavailable where it must not be read: what to put where."""
    folder = folder or weights_folder()
    if problem := problem_of(network, folder):
        raise ReconstructionError(
            "WeightsUnavailable",
            f"{_beginning(network.used_for)} reads {network.file} in the folder of weights {folder}; "
            f"the file {problem}.",
            suggestion=f"Ask the platform team to put it there: `recon weights add {network.name} FILE --folder DIR` "
            f"with {network.upstream.name} from {network.source} (licence {network.licence}, "
            f"sha256 {network.upstream.sha256 or 'not stated by its authors'}).",
            details={"network": network.name, "file": network.file, "sha256": network.upstream.sha256},
        )
    return folder / network.file


def problem_of(network: Network, folder: Path) -> str:
    """What is amiss with the file; empty where nothing is."""
    path = folder / network.file
    if not path.is_file():
        return _MISSING
    added = record_in(folder).of(network.name)
    if network.converted or network.upstream.sha256 is None:
        return _compared_with_record(network, added, path)
    return compared(path, network.upstream.bytes, network.upstream.sha256)


def record_in(folder: Path) -> WeightsRecord:
    """What was added to the folder. Raises WeightsUnavailable where nobody can read it."""
    try:
        return WeightsRecord.read_if_there(folder / FILE) or WeightsRecord()
    except (OSError, ValueError):
        raise ReconstructionError(
            "WeightsUnavailable",
            f"{FILE} in the folder of weights {folder} can't be read.",
            suggestion=f"Remove {FILE}, and add the weights again with `recon weights add`.",
        ) from None


def compared(path: Path, size: int | None, sha256: str | None) -> str:
    """What is amiss with a file; empty where size and checksum are these, as far as they are known."""
    held = path.stat()
    if size is not None and held.st_size < size:
        return f"is incomplete: it has {held.st_size} of {size} bytes"
    if size is not None and held.st_size > size:
        return _DIFFERS
    if sha256 is not None and _sha256(path, held.st_size, held.st_mtime_ns) != sha256:
        return _DIFFERS
    return ""


def _compared_with_record(network: Network, added: AddedWeights | None, path: Path) -> str:
    """A file that was made here from the published one is known by what it was made from, and is as it was made."""
    if added is None or added.file != network.file:
        return f"was not put there by `recon weights add`, which records its checksum in {FILE}"
    if network.upstream.sha256 is not None and added.made_from.sha256 != network.upstream.sha256:
        return f"was made from another {network.upstream.name} than the one that this release knows"
    return compared(path, added.bytes, added.sha256)


@cache
def _sha256(path: Path, _size: int, _changed: int) -> str:
    """Once a process, as long as the file stays as it is."""
    return sha256_of(path)


def _beginning(sentence: str) -> str:
    """With a capital, but for the name of a field."""
    return f"The {sentence.removeprefix('the ')}" if sentence.startswith("the ") else sentence
