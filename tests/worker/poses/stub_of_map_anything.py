"""A stub of MapAnything's class (`mapanything/models/__init__.py`): a network of few numbers, which asks torch.hub for
DINOv2 when it is built, checks what it is shown as upstream does, and says that all cameras stand in a row before a
wall."""

from typing import Any

import hydra  # type: ignore[import-not-found]  # imported by upstream, and not used for this
import torch

NEVER_USED = hydra


class MapAnything(torch.nn.Module):
    shown: list[dict[str, Any]]

    def __init__(self, name: str, encoder_config: dict[str, Any], pretrained_checkpoint_path: str | None = None):
        super().__init__()
        assert pretrained_checkpoint_path is None and encoder_config["pretrained_checkpoint_path"] is None
        if encoder_config["size"] != "giant":
            raise ValueError(f"no encoder of size {encoder_config['size']}")
        self.name = name
        self.encoder = torch.hub.load("facebookresearch/dinov2", "dinov2_vitg14")
        self.scale_token = torch.nn.Parameter(torch.zeros(4))

    @torch.inference_mode()
    def infer(self, views: list[dict[str, Any]], **asked: bool) -> list[dict[str, torch.Tensor]]:
        assert asked == {"memory_efficient_inference": True, "use_amp": True, "apply_mask": True, "mask_edges": True}
        assert all({*view} <= {"img", "data_norm_type", "intrinsics"} for view in views)
        assert all(view["data_norm_type"] == ["dinov2"] and view["img"].ndim == 4 for view in views)
        self.shown = views
        _, _, height, width = views[0]["img"].shape
        found = []
        for number in range(len(views)):
            pose = torch.eye(4)[None].clone()
            pose[0, 0, 3] = number
            lens = torch.tensor([[[400.0, 0, width / 2], [0, 410.0, height / 2], [0, 0, 1]]])
            depth = torch.full((1, height, width, 1), 2.0 + float(self.scale_token.sum()))
            depth[:, 0] = 0  # masked
            found.append(
                {
                    "camera_poses": pose,
                    "intrinsics": lens,
                    "depth_z": depth,
                    "conf": torch.ones(1, height, width),
                }
            )
        return found
