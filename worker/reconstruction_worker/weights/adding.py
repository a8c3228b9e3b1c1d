"""Puts the weights of a network into a folder: checks the published file, and makes it a file of numbers only."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from reconstruction_api.documents.weights import FILE, AddedWeights, Published
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.weights import Network

from ..files import sha256_of, sync_folder, write_document
from .checking import compared, record_in
from .loading import CONFIGURATION

if TYPE_CHECKING:
    from torch import Tensor

_Read = TypeVar("_Read")
_INSIDE: Final = ("state_dict", "model")
"""Entries of a checkpoint that hold the tensors."""


def add(network: Network, published: Path, folder: Path, accepted: Collection[str]) -> AddedWeights:
    """Raises LicenseNotAccepted, and WeightsUnavailable for a file that is not the published one, that is damaged, or
    that holds code."""
    if network.licence not in accepted:
        raise ReconstructionError(
            "LicenseNotAccepted",
            f"The licence of the weights of {network.name} is {network.licence!r}.",
            suggestion=f"Read it at {network.source}; where its terms can be kept, add "
            f"`--accept-license {network.licence}`.",
            details={"network": network.name, "license": network.licence},
        )
    if problem := compared(published, network.upstream.bytes, network.upstream.sha256):
        raise _unusable(
            f"{published} {problem}: {network.upstream.name} has the sha256 {network.upstream.sha256}.",
            f"Fetch it again from {network.source}.",
        )
    path = folder / network.file
    path.parent.mkdir(parents=True, exist_ok=True)
    with _replacing(path) as temporary:
        if network.converted:
            _save(_tensors(network, published), temporary, _configuration(network, published))
        else:
            _check_readable(published)
            shutil.copyfile(published, temporary)
    added = AddedWeights(
        network=network.name,
        file=network.file,
        bytes=path.stat().st_size,
        sha256=sha256_of(path),
        licence=network.licence,
        source=network.source,
        made_from=Published(name=published.name, bytes=published.stat().st_size, sha256=sha256_of(published)),
    )
    write_document(folder / FILE, record_in(folder).with_added(added))
    return added


def _tensors(network: Network, published: Path) -> dict[str, Tensor]:
    """Those of a checkpoint that are kept."""
    kept = {name: each for name, each in _read(published).items() if name.startswith(network.kept)}
    if not kept:
        raise _unusable(
            f"{published} holds no tensors" + (f" whose names begin with {network.kept!r}." if network.kept else "."),
            f"Take {network.upstream.name} from {network.source}.",
        )
    return kept


def _configuration(network: Network, published: Path) -> dict[str, str]:
    """What is written into the file besides tensors."""
    if not network.configuration:
        return {}
    beside = published.with_name(network.configuration)
    try:
        if isinstance(json.loads(text := beside.read_text(encoding="utf-8")), dict):
            return {CONFIGURATION: text}
    except (OSError, ValueError):
        pass
    raise _unusable(
        f"{beside}, which says how {network.name} is set up, is not there or is no JSON object.",
        f"Put {network.configuration} from {network.source} beside {published.name}.",
    )


def _read(published: Path) -> dict[str, Tensor]:
    """By name. Nothing that a pickle may ask for is run but what makes tensors."""
    import torch

    if published.suffix == ".safetensors":
        from safetensors.torch import load_file

        return _readable(published, lambda: load_file(published))
    try:
        content = torch.load(published, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise _unusable(
            f"{published} holds more than numbers: code that would run when it is read. None of it was run.",
            "Take the file from the network's authors, or ask them for one in the format safetensors.",
        ) from None
    except (RuntimeError, EOFError, ValueError, OSError, KeyError):
        raise _damaged(published) from None
    return _tensors_in(content)


def _tensors_in(content: Any) -> dict[str, Tensor]:
    import torch

    while isinstance(content, dict) and (inside := next((each for each in _INSIDE if each in content), None)):
        content = content[inside]
    entries = content.items() if isinstance(content, dict) else ()
    return {str(name): each for name, each in entries if isinstance(each, torch.Tensor)}


def _check_readable(published: Path) -> None:
    if published.suffix == ".safetensors":
        from safetensors import safe_open

        def look() -> None:
            with safe_open(published, framework="pt"):
                pass

        _readable(published, look)


def _readable(published: Path, read: Callable[[], _Read]) -> _Read:
    from safetensors import SafetensorError

    try:
        return read()
    except SafetensorError:
        raise _damaged(published) from None


def _save(tensors: dict[str, Tensor], path: Path, said: dict[str, str]) -> None:
    from safetensors.torch import save_file

    save_file({name: each.detach().clone().contiguous() for name, each in tensors.items()}, path, metadata=said or None)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Where to write what becomes `path` when it is whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.chmod(0o644)  # pods read it as another user
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def _damaged(published: Path) -> ReconstructionError:
    return _unusable(f"{published} is damaged, or is no file of weights.", "Fetch it again.")


def _unusable(message: str, suggestion: str) -> ReconstructionError:
    return ReconstructionError("WeightsUnavailable", message, suggestion=suggestion)
