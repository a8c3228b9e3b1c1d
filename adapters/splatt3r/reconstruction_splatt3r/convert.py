"""`python -m reconstruction_splatt3r.convert CHECKPOINT OUT.safetensors`: the published checkpoint as numbers only.

The checkpoint is a pickle that, beside the tensors, names classes of upstream's settings. Here nothing that it names is
run but what makes tensors: everything else becomes an object that does nothing.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import torch

PREFIX: Final = "encoder."
"""Of the network's tensors; the others are of its training."""
_ALLOWED: Final = {
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
}


class Inert:
    """In the place of whatever else a pickle names."""

    def __init__(self, *_: Any, **__: Any):
        pass

    def __call__(self, *_: Any, **__: Any) -> Inert:
        return self

    def __setstate__(self, _: Any) -> None:
        pass

    def __setitem__(self, _: Any, __: Any) -> None:
        pass

    def append(self, _: Any) -> None:
        pass

    def extend(self, _: Any) -> None:
        pass


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        known = (module, name) in _ALLOWED or (module == "torch" and name.endswith("Storage"))
        return super().find_class(module, name) if known else Inert


def _load(file: Any, **options: Any) -> Any:
    return _Unpickler(file, **options).load()


def tensors_of(checkpoint: Path) -> dict[str, torch.Tensor]:
    """Those of the network, by its own names. Raises ValueError where there are none."""
    reader = SimpleNamespace(Unpickler=_Unpickler, load=_load, __name__="pickle")
    content = torch.load(checkpoint, map_location="cpu", weights_only=False, pickle_module=reader)
    state = content.get("state_dict", content) if isinstance(content, dict) else {}
    found = {
        name.removeprefix(PREFIX): each.detach().clone().contiguous()
        for name, each in state.items()
        if isinstance(each, torch.Tensor) and name.startswith(PREFIX)
    }
    if not found:
        raise ValueError(f"{checkpoint.name} has no tensors whose names begin with {PREFIX!r}.")
    return found


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    from safetensors.torch import save_file

    try:
        found = tensors_of(Path(arguments[0]))
    except (OSError, ValueError, RuntimeError, EOFError, TypeError, AttributeError, pickle.UnpicklingError) as error:
        print(f"{arguments[0]} can't be converted: {error}", file=sys.stderr)
        return 1
    save_file(found, arguments[1])
    print(f"{arguments[1]}: {len(found)} tensors, {sum(each.numel() for each in found.values())} parameters")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
