"""Previews from fixed sides: all there, upright, framed the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName
from reconstruction_worker.report import side_views
from reconstruction_worker.stages import report

from .workspaces import context_of, finished


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifacts of a ball, with small previews."""
    workspace = tmp_path_factory.mktemp("ball")
    finished(workspace, "GLB")
    spec = ReconstructionJobSpec.model_validate(
        {"source": {"uri": "photos"}, "report": {"previews": ["Textured", "Clay", "Wireframe"]}}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(side_views, "SIZE", 192)
        report.run(context_of(StageName.REPORT, workspace, spec))
    return workspace / "artifacts"


@pytest.mark.parametrize("style", ["textured", "clay", "wireframe"])
def test_each_side_is_there_and_whole(delivered: Path, style: str) -> None:
    pictures = [np.asarray(Image.open(delivered / f"preview-{style}-{side}.png")) for side in side_views.SIDES]
    for picture in pictures:
        assert picture.shape == (192, 192, 4)
        seen = picture[..., 3] > 0
        assert 0.3 < seen.mean() < 0.8
        assert not seen[[0, -1]].any() and not seen[:, [0, -1]].any()
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)


def test_they_are_listed_and_one_stands_for_the_job(delivered: Path) -> None:
    manifest = json.loads((delivered / "manifest.json").read_text())
    listed = [each["name"] for each in manifest["artifacts"] if each["format"] == "Preview"]
    assert len(listed) == 3 * 6 + 1
    assert manifest["picture"] == "preview-textured-three-quarter.png"
    assert Image.open(delivered / "previews.png").size == (6 * 264 + 8, 22 + 3 * 264 + 8)
