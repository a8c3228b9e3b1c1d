"""A stub in the place of ReconViaGen (`trellis/pipelines/trellis_image_to_3d.py`): its classes by the same names, with
networks of one number each. It looks at nothing, and gives the mesh and Gaussians of `truth.npz`, step by step. What it
was asked for is in `asked.json`."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nvdiffrast.torch as dr  # type: ignore[import-not-found]  # imported by upstream, too, for what is not done here
import rembg  # type: ignore[import-not-found]
import torch
from dreamsim import dreamsim  # type: ignore[import-not-found]
from transformers import AutoModelForImageSegmentation  # type: ignore[import-not-found]

ROOT = Path(__file__).parents[2]
NEVER_USED = (AutoModelForImageSegmentation, dr, dreamsim, rembg)


class Network(torch.nn.Module):
    def __init__(self, size: int = 1, **_: Any):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(size))
        self.register_buffer("computed", torch.ones(1))


Aggregator = Network


def dinov2_vitl14_reg(*, pretrained: bool) -> Network:
    assert not pretrained, "that would fetch something"
    return Network()


class FlowEulerGuidanceIntervalSampler:
    def __init__(self, sigma_min: float):
        assert sigma_min == 1e-5

    def sample_once(self) -> None:
        pass


class Pipeline:
    def __init__(self, models: dict[str, Any] | None = None):
        if models is not None:
            self.models = models


class TrellisVGGTTo3DPipeline(Pipeline):
    low_vram: bool
    _device: torch.device
    VGGT_model: Any
    image_cond_model_transform: Any
    slat_sampler_params: dict[str, Any]
    slat_sampler: FlowEulerGuidanceIntervalSampler
    sparse_structure_sampler: FlowEulerGuidanceIntervalSampler

    def run(self, image: list[Any], **asked: Any) -> tuple[dict[str, Any], None, None]:
        assert self.low_vram and str(self._device) == "cpu"
        assert all(float(each.weight.detach()) == 3 for each in [*self.models.values(), self.VGGT_model.aggregator])
        shown = self.image_cond_model_transform(torch.full((1, 3, 2, 2), 0.485))
        assert abs(float(shown[0, 0, 0, 0])) < 1e-6
        assert all((each.mode, each.size) == ("RGB", (518, 518)) for each in image)
        asked |= {"pictures": len(image), "parts": sorted(self.models), "params": self.slat_sampler_params}
        (ROOT / "asked.json").write_text(json.dumps(asked))
        for sampler, given in (
            (self.sparse_structure_sampler, "sparse_structure_sampler_params"),
            (self.slat_sampler, "slat_sampler_params"),
        ):
            for _ in range(asked[given]["steps"]):
                sampler.sample_once()
        import numpy as np

        with np.load(ROOT / "truth.npz") as file:
            truth = {name: torch.from_numpy(file[name]) for name in file.files}
        mesh = SimpleNamespace(vertices=truth["vertices"], faces=truth["faces"])
        gaussians = SimpleNamespace(
            get_xyz=truth["means"],
            get_scaling=truth["scales"],
            get_rotation=truth["rotations"],
            get_opacity=truth["opacities"][:, None],
            get_features=truth["harmonics"],
        )
        return {"mesh": [mesh], "gaussian": [gaussians]}, None, None
