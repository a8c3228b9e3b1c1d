"""How nerfstudio's nerfacto is set up for a CPU.

`ns-train nerfacto` as it comes samples 400 points along each of 4096 rays a step, far too much without a GPU. What is
set here makes steps that are worth their time there: fewer rays and samples, a coarser grid, a learning rate that falls
within the time there is, and no pose refinement, for the poses are adjusted already.
"""

from __future__ import annotations

from typing import Any

COMMON: dict[str, Any] = {
    "raysPerStep": 1024,
    "samples": 16,
    "levels": 12,
    "hiddenWidth": 64,
    "proposalLog2TableSize": 15,
    "firstRate": 1e-2,
    "lastRate": 1e-3,
    "annealSteps": 100,
    "proposalWarmup": 500,
    "averageInitialDensity": 1.0,
}

OBJECT = COMMON | {
    "proposalSamples": [32],
    "log2TableSize": 17,
    "maxResolution": 512,
    "background": "random",
    "contraction": False,
    "initialSampler": "uniform",
    "appearance": False,
    "world": "ours",
}
"""One object with masks: in its box, without contraction, over a random background (which alone brings about 4 dB)."""

OPEN = COMMON | {
    "proposalSamples": [48],
    "log2TableSize": 19,
    "maxResolution": 1024,
    "background": "last_sample",
    "contraction": True,
    "initialSampler": "piecewise",
    "appearance": True,
    "world": "nerfstudio",
    "near": 0.05,
    "far": 1000.0,
    "averageInitialDensity": 0.01,
}
"""Everything else: nerfstudio's own orientation, scale, contraction, sampler, planes and appearance codes."""


def settings_for(scene: dict[str, Any]) -> dict[str, Any]:
    """For the `scene` of transforms.json. The object's planes are ours: a user would have to find them by trial."""
    if scene["kind"] == "bounded":
        return OBJECT | {"near": scene["near"], "far": scene["far"]}
    return OPEN
