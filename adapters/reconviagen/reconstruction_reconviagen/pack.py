"""`python -m reconstruction_reconviagen.pack TRELLIS VGGT DINOV2 OUT.safetensors`: the published weights as one file.

TRELLIS is the folder of trellis-vggt-v0-2 (pipeline.json, and a JSON and a safetensors file for each network), VGGT the
file model.safetensors of vggt-object-v0-1, DINOV2 the file dinov2_vitl14_reg4_pretrain.pth, a pickle, of which only
tensors are read. Kept are the networks that the engine runs, under the names `NETWORK.TENSOR`, and beside them how they
are set up.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

TRELLIS_PARTS: Final = (
    "sparse_structure_vggt_cond",
    "sparse_structure_flow_model",
    "sparse_structure_decoder",
    "slat_vggt_cond",
    "slat_flow_model",
    "slat_decoder_gs",
    "slat_decoder_mesh",
)
"""Networks of pipeline.json that are run; the others are of the training, and of a third kind of result."""
VGGT, AGGREGATOR = "vggt", "aggregator."
"""Of VGGT only its trunk is run, no head."""
DINOV2: Final = "dinov2"


def packed(trellis: Path, vggt: Path, dinov2: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors by name, and what is said about them: `pipeline`, the settings of samplers and normalisation, and
    `models`, class and arguments of each network. Raises OSError, ValueError, KeyError and SafetensorError."""
    pipeline = json.loads((trellis / "pipeline.json").read_text(encoding="utf-8"))["args"]
    files: dict[str, str] = pipeline.pop("models")
    tensors: dict[str, torch.Tensor] = {}
    models: dict[str, Any] = {}
    for part in TRELLIS_PARTS:
        if part not in files:
            raise ValueError(f"pipeline.json names no {part}: this is not trellis-vggt-v0-2")
        models[part] = json.loads((trellis / f"{files[part]}.json").read_text(encoding="utf-8"))
        tensors |= _named(part, load_file(trellis / f"{files[part]}.safetensors"))
    trunk = {name: each for name, each in load_file(vggt).items() if name.startswith(AGGREGATOR)}
    tensors |= _named(VGGT, {name.removeprefix(AGGREGATOR): each for name, each in trunk.items()})
    tensors |= _named(DINOV2, torch.load(dinov2, map_location="cpu", weights_only=True))
    return tensors, {"pipeline": json.dumps(pipeline), "models": json.dumps(models)}


def _named(part: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    found = {f"{part}.{name}": each.contiguous() for name, each in state.items() if isinstance(each, torch.Tensor)}
    if not found:
        raise ValueError(f"there are no tensors of {part}")
    return found


def main(arguments: list[str]) -> int:
    if len(arguments) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    *published, out = (Path(each) for each in arguments)
    try:
        tensors, said = packed(*published)
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, SafetensorError, pickle.UnpicklingError) as error:
        print(f"These weights can't be packed: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    save_file(tensors, out, metadata=said)
    print(f"{out}: {len(tensors)} tensors, {sum(each.numel() for each in tensors.values())} parameters")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
