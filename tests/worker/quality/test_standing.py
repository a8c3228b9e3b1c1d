"""Which of several engines is the best one."""

from __future__ import annotations

from typing import Any

import pytest

from reconstruction_api.documents.engines import EngineFailure, EngineStanding
from reconstruction_api.quality import Verdict
from reconstruction_worker.side_by_side.standing import compared

FAILED = EngineFailure(code="EmptyMesh", stage="mesh")


def standing(name: str, verdict: str = "pass", **numbers: Any) -> EngineStanding:
    return EngineStanding(name=name, verdict=Verdict(verdict), **numbers)


@pytest.mark.parametrize(
    ("first", "second", "best", "why"),
    [
        ({"verdict": "warn", "psnr": 30}, {"psnr": 26}, "b", "it alone has the verdict pass"),
        ({"psnr": 30.0}, {"psnr": 26.0}, "a", "its trained scene shows held-out photos with 30.00 dB (b 26.00)"),
        (
            {"psnr": 30.0, "mesh_psnr": 20.0},
            {"psnr": 26.0, "mesh_psnr": 25.0},
            "b",
            "its mesh shows held-out photos with 25.00 dB (a 20.00)",
        ),
        (
            {"psnr": 30.0, "mesh_psnr": 20.0},
            {"psnr": 31.0},
            "b",
            "its trained scene shows held-out photos with 31.00 dB (a 30.00)",
        ),
        (
            {"verdict": "warn"},
            {"verdict": "warn"},
            "a",
            "it is named first; all have the verdict warn, and no photo was held out to compare them by",
        ),
        ({"psnr": 30.0, "failure": FAILED}, {"verdict": "fail", "psnr": 10.0}, "b", "no other has a result"),
        ({"psnr": 26.0}, {"psnr": 26.0}, "a", "its trained scene shows held-out photos with 26.00 dB (b 26.00)"),
    ],
)
def test_verdict_then_what_all_are_measured_by_then_order(
    first: dict[str, Any], second: dict[str, Any], best: str, why: str
) -> None:
    found = compared([standing("a", **first), standing("b", **second)], mesh=True)
    assert (found.best, found.why) == (best, why)


def test_the_mesh_says_nothing_where_only_gaussians_are_delivered() -> None:
    splats = [standing("a", psnr=30.0, mesh_psnr=20.0), standing("b", psnr=26.0, mesh_psnr=25.0)]
    assert compared(splats, mesh=False).best == "a"
