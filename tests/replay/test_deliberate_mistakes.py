"""The guards of what runs again, each with the mistake that it is there for. One that lets it pass guards nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reconstruction_api import plan, stages
from reconstruction_api.plan import fresh_plan
from reconstruction_operator.policies.control import planning
from reconstruction_worker import executor

from . import test_jobs, test_workspaces
from .recorded import RELEASES, Later
from .test_workspaces import package

__all__ = ["package"]  # a fixture

ROOT = Path(__file__).parents[2]
COPIED = ("crds/reconstruction_api", "worker/reconstruction_worker", "tools/code_versions", "tests/api", "cli")
TABLE = "crds/reconstruction_api/stage_table.py"
IMAGES = "crds/reconstruction_api/images.py"


def release(name: str) -> Later:
    return next(each for each in RELEASES if each.name == name)


def plans_at_every_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator goes by its own table instead of the plan in status."""
    monkeypatch.setattr(planning, "_plan", lambda job, spec: fresh_plan(spec, job.generation))


def forgets_the_first_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs without a plan are given the one that this release would make."""
    monkeypatch.setattr(planning, "FIRST_STAGES", None)


def digests_in_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    before = stages.stage_digest

    def changed(name: str, settings: dict[str, Any], needs: list[str]) -> str:
        return before(name, settings | {"version": 2}, needs)

    for module in (stages, plan):
        monkeypatch.setattr(module, "stage_digest", changed)


def worker_ignores_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "_planned", lambda run, stage: None)


@pytest.mark.parametrize("later", ["one more stage", "other classes"])
def test_replayed_jobs_notice_an_operator_that_plans_anew(later: str, monkeypatch: pytest.MonkeyPatch) -> None:
    test_jobs.test_a_plan_outlives_the_release_after_the_next("finished", release("this"), monkeypatch)
    plans_at_every_look(monkeypatch)
    with pytest.raises(AssertionError):
        test_jobs.test_a_plan_outlives_the_release_after_the_next("finished", release(later), monkeypatch)


def test_replayed_jobs_notice_that_the_first_release_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    forgets_the_first_release(monkeypatch)
    with pytest.raises(AssertionError):
        test_jobs.test_a_later_operator_does_nothing_to_a_job_that_has_not_changed(
            "finished", release("one more stage"), monkeypatch
        )


def test_replayed_jobs_notice_another_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    test_jobs.test_digests_of_stored_jobs_are_what_they_were()
    digests_in_another_way(monkeypatch)
    with pytest.raises(AssertionError):
        test_jobs.test_digests_of_stored_jobs_are_what_they_were()


def test_replayed_workspaces_notice_a_worker_that_ignores_the_plan(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker_ignores_the_plan(monkeypatch)
    with pytest.raises(AssertionError):
        test_workspaces.test_a_later_worker_runs_no_stage_of_a_finished_job(
            "finished-poses", release("newer code"), package, tmp_path, monkeypatch
        )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the guards of the API read."""
    root = tmp_path_factory.mktemp("repository")
    for part in COPIED:
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def failing(root: Path, file: str, test: str) -> bool:
    """Whether a test fails there. Anything else that goes wrong is an error here."""
    paths = ["crds", "worker", "cli", "tools", "operator", ""]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", test, f"tests/api/{file}"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(str(root / path) for path in paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode in (0, 1), ended.stdout + ended.stderr
    return ended.returncode == 1


@pytest.mark.parametrize(
    ("file", "old", "new", "guard"),
    [
        (
            IMAGES,
            "    video_frames: int = Field(default=120, ge=2, le=2000)\n",
            "    sharpen: bool = False\n    video_frames: int = Field(default=120, ge=2, le=2000)\n",
            ("test_leaves.py", "test_each_default_has_a_value_that_digests_leave_out"),
        ),
        (
            TABLE,
            'fields=("mesh.textureSize", "mesh.maxTexturePages", "mesh.textureSource")',
            "fields=()",
            ("test_leaves.py", "test_each_leaf_belongs"),
        ),
        (
            TABLE,
            'fields=("quality",)',
            'fields=("quality", "training.seed")',
            ("test_leaves.py", "test_each_leaf_belongs"),
        ),
        (
            IMAGES,
            "max_side_pixels: int = Field(default=1600",
            "max_side_pixels: int = Field(default=1200",
            ("test_leaves.py", "test_no_default_of_the_definitions_changes_unnoticed"),
        ),
        (
            "worker/reconstruction_worker/stages/texture.py",
            "compress_level=4",
            "compress_level=5",
            ("test_code_versions.py", "test_nobody_has_changed_code_of_a_stage_without_a_word"),
        ),
    ],
    ids=[
        "a default without baseline",
        "a leaf of no stage",
        "a leaf of two stages",
        "a changed default",
        "changed code",
    ],
)
def test_the_guards_of_the_api_notice(copy: Path, file: str, old: str, new: str, guard: tuple[str, str]) -> None:
    path = copy / file
    before = path.read_text()
    assert before.count(old) == 1
    path.write_text(before.replace(old, new))
    try:
        assert failing(copy, *guard)
    finally:
        path.write_text(before)


def test_without_a_mistake_they_are_content(copy: Path) -> None:
    """So it was the mistake that they have noticed."""
    assert not failing(copy, ".", "each_leaf or unnoticed or digests_leave_out or without_a_word")
