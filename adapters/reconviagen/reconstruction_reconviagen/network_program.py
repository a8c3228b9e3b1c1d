"""Runs the networks in a process of its own: `network_program.py UPSTREAM JOB`, with the interpreter of the program's
environment, so nothing of this project is imported.

Of upstream its pipeline and networks are used, but not its loader: that fetches weights by itself, runs code from a hub
to cut out photos, and loads networks that only a refinement needs. Libraries that upstream imports for what is not done
here are not installed; `Unneeded` stands in their place.

The job is a JSON document: `pictures`, a file [N, 518, 518, 3] of bytes; `weights`, the packed file; `device`; `seed`;
`structure` and `latent`, settings of the two samplings; `out`, the file of the result.
"""

from __future__ import annotations

import importlib.machinery
import json
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TQDM_DISABLE": "1",
    "SPCONV_ALGO": "native",
    "ATTN_BACKEND": "xformers",
}

import numpy as np
import torch

UNNEEDED = (
    "dreamsim", "igraph", "lpips", "nvdiffrast", "nvdiffrast.torch", "pymeshfix", "pyvista", "rembg", "transformers",
    "utils3d", "xatlas",
)  # fmt: skip
"""What upstream imports for cutting out, refining, training, repairing meshes and baking."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Unneeded(types.ModuleType):
    """In the place of a library: anything can be imported from it, and nothing used."""

    def __init__(self, name: str):
        super().__init__(name)
        self.__path__: list[str] = []
        self.__spec__ = importlib.machinery.ModuleSpec(name, None)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Unneeded(f"{self.__name__}.{name}")

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError(f"{self.__name__} is not there: it was not expected to be used")


class Parts:
    """The packed weights."""

    def __init__(self, path: str):
        from safetensors import safe_open

        self._file = safe_open(path, framework="pt")
        self._names: list[str] = list(self._file.keys())
        said = self._file.metadata() or {}
        if not {"pipeline", "models"} <= said.keys():
            raise RuntimeError("Error(s) in loading state_dict: the file does not say how its networks are set up")
        self.pipeline: dict[str, Any] = json.loads(said["pipeline"])
        self.models: dict[str, Any] = json.loads(said["models"])

    def fill(self, part: str, module: Any) -> Any:
        """The module with its weights, for evaluation. Numbers that are computed, not learnt, may be missing."""
        prefix = f"{part}."
        names = [name for name in self._names if name.startswith(prefix)]
        state = {name[len(prefix) :]: self._file.get_tensor(name) for name in names}
        module.load_state_dict(state, strict=False)
        if missing := [name for name, _ in module.named_parameters() if name not in state]:
            raise RuntimeError(f"Error(s) in loading state_dict for {part}: {missing[0]} is missing")
        return module.eval()


class Trunk(torch.nn.Module):
    """VGGT without its heads, as the pipeline asks for it."""

    def __init__(self, aggregator: Any):
        super().__init__()
        self.aggregator = aggregator


def pipeline(upstream: Path, parts: Parts, device: str) -> Any:
    """Upstream's, with the networks in the machine's memory; each is on the device only while it works."""
    sys.modules.update({name: Unneeded(name) for name in UNNEEDED})
    sys.path[:0] = [str(upstream), str(upstream / "wheels" / "vggt")]
    from trellis import models  # type: ignore[import-not-found]
    from trellis.pipelines import TrellisVGGTTo3DPipeline, samplers  # type: ignore[import-not-found]
    from trellis.pipelines.base import Pipeline  # type: ignore[import-not-found]
    from vggt.models.aggregator import Aggregator  # type: ignore[import-not-found]

    built: dict[str, Any] = {}
    for part, said in parts.models.items():
        print(f"reading {part}", flush=True)
        built[part] = parts.fill(part, getattr(models, said["name"])(**said["args"]))
    settings = parts.pipeline
    made = TrellisVGGTTo3DPipeline()
    Pipeline.__init__(made, built)
    for name in ("sparse_structure_sampler", "slat_sampler"):
        said = settings[name]
        setattr(made, name, getattr(samplers, said["name"])(**said["args"]))
        setattr(made, f"{name}_params", said["params"])
    made.slat_normalization = settings["slat_normalization"]
    print("reading dinov2", flush=True)
    features = torch.hub.load(str(upstream / "dinov2"), settings["image_cond_model"], source="local", pretrained=False)
    made.models["image_cond_model"] = parts.fill("dinov2", features)
    made.image_cond_model_transform = normalised
    print("reading vggt", flush=True)
    made.VGGT_model = Trunk(parts.fill("vggt", Aggregator(img_size=518, patch_size=14, embed_dim=1024))).eval()
    modern = device == "cuda" and torch.cuda.get_device_capability()[0] >= 8
    made.VGGT_dtype = torch.bfloat16 if modern else torch.float16
    made.low_vram, made._device = True, torch.device(device)
    return made


def normalised(pictures: Any) -> Any:
    """[N, 3, H, W] from 0..1 to what DINOv2 takes: by mean and deviation of ImageNet's colours."""
    mean, deviation = (torch.tensor(each, device=pictures.device)[:, None, None] for each in (MEAN, DEVIATION))
    return (pictures - mean) / deviation


def counted(once: Callable[..., Any], what: str, steps: int) -> Callable[..., Any]:
    """A sampler's step that says so."""
    done = 0

    def step(*arguments: Any, **named: Any) -> Any:
        nonlocal done
        result = once(*arguments, **named)
        done += 1
        print(f"{what}={done} of={steps}", flush=True)
        return result

    return step


def arrays(outputs: dict[str, Any]) -> dict[str, Any]:
    """By the names of `made.Made`, in the pipeline's cube."""
    mesh, gaussians = outputs["mesh"][0], outputs["gaussian"][0]
    found = {
        "vertices": mesh.vertices,
        "faces": mesh.faces,
        "means": gaussians.get_xyz,
        "scales": gaussians.get_scaling,
        "rotations": gaussians.get_rotation,
        "opacities": gaussians.get_opacity[:, 0],
        "harmonics": gaussians.get_features,
    }
    return {name: (each if name == "faces" else each.float()).detach().cpu().numpy() for name, each in found.items()}


def main(upstream: Path, job: dict[str, Any]) -> None:
    from PIL import Image

    made = pipeline(upstream, Parts(job["weights"]), job["device"])
    made.sparse_structure_sampler.sample_once = counted(
        made.sparse_structure_sampler.sample_once, "structure", job["structure"]["steps"]
    )
    made.slat_sampler.sample_once = counted(made.slat_sampler.sample_once, "latent", job["latent"]["steps"])
    print("looking at the photos", flush=True)
    outputs, _, _ = made.run(
        image=[Image.fromarray(each) for each in np.load(job["pictures"])],
        seed=job["seed"],
        formats=["gaussian", "mesh"],
        preprocess_image=False,
        sparse_structure_sampler_params=job["structure"],
        slat_sampler_params=job["latent"],
        mode="multidiffusion",
    )
    np.savez(job["out"], **arrays(outputs))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()))
