"""Runs the network in a process of its own: `network_program.py UPSTREAM JOB`, with the interpreter of the program's
environment, so nothing of this project is imported. Of upstream only the network is: not its class of the training,
which fetches weights of another network and needs a rasteriser of another licence.

The job is a JSON document: `photos`, a file of squares [N, side, side, 3]; `pairs`, two numbers each; `network`, the
sizes of its parts; `weights`; `device`; `out`, a folder that gets `FIRST-SECOND.npz` for each pair.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}

import numpy as np
import torch


def network(upstream: Path, sizes: dict[str, Any]) -> Any:
    """With random weights."""
    sys.path[:0] = [str(upstream / "src" / "mast3r_src"), str(upstream / "src" / "mast3r_src" / "dust3r")]
    from mast3r.model import AsymmetricMASt3R  # type: ignore[import-not-found]

    infinite = float("inf")
    return AsymmetricMASt3R(
        pos_embed="RoPE100",
        patch_embed_cls="ManyAR_PatchEmbed",
        head_type="gaussian_head",
        output_mode="pts3d+gaussian+desc24",
        depth_mode=("exp", -infinite, infinite),
        conf_mode=("exp", 1, infinite),
        two_confs=True,
        use_offsets=True,
        sh_degree=1,
        **(sizes | {"img_size": tuple(sizes["img_size"])}),
    )


@torch.no_grad()
def seen(net: Any, first: tuple[Any, Any, Any], second: tuple[Any, Any, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both views of a pair, in the frame of the first; each is given as its shape, features and their places."""
    (shape1, features1, places1), (shape2, features2, places2) = first, second
    decoded1, decoded2 = net._decoder(features1, places1, features2, places2)
    return (
        net._downstream_head(1, [each.float() for each in decoded1], shape1),
        net._downstream_head(2, [each.float() for each in decoded2], shape2),
    )


@torch.no_grad()
def encoded(net: Any, rgb: Any, device: str) -> tuple[Any, Any, Any]:
    """A square [side, side, 3] of bytes."""
    picture = torch.from_numpy(rgb).to(device).permute(2, 0, 1)[None].float() / 255
    shape = torch.tensor([rgb.shape[:2]])
    features, places, _ = net._encode_image((picture - 0.5) / 0.5, shape)
    return shape, features, places


def arrays(view: dict[str, Any]) -> dict[str, Any]:
    """By the names of `layers.Seen`."""
    found = {
        "points": view["pts3d"],
        "confidence": view["conf"],
        "means": view["means"],
        "scales": view["scales"],
        "rotations": view["rotations"],
        "harmonics": view["sh"][..., 0],
        "opacities": view["opacities"][..., 0],
    }
    return {name: each[0].float().cpu().numpy() for name, each in found.items()}


def main(upstream: Path, job: dict[str, Any]) -> None:
    from safetensors.torch import load_file

    print("reading the weights", flush=True)
    net = network(upstream, job["network"])
    net.load_state_dict(load_file(job["weights"]))
    net = net.to(job["device"]).eval()
    photos, out = np.load(job["photos"]), Path(job["out"])
    views = [encoded(net, photo, job["device"]) for photo in photos]
    for number, (first, second) in enumerate(job["pairs"], 1):
        one, two = (arrays(each) for each in seen(net, views[first], views[second]))
        both = {f"first_{name}": each for name, each in one.items()}
        both |= {f"second_{name}": two[name] for name in ("points", "confidence")}
        np.savez(out / f"{first}-{second}.npz", **both)
        print(f"pair={number} of={len(job['pairs'])}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()))
