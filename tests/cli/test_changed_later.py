"""A job that was run here is asked for something more: only the stages that deliver run, as their records say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from tests.worker.stage_packages import PACKAGE, write_stages

from harness.finished_workspace import followed
from reconstruction_api.errors import ExitCode
from reconstruction_api.stages import StageName
from reconstruction_cli.local_run import run_locally

REPORTING = """
from harness.finished_workspace import results
from reconstruction_worker.stage import StageOutput

def run(context):
    results(context.workspace, {export.format.file: b"a model" for export in context.spec.exports})
    return StageOutput("delivered")
"""
AS_IT_IS = "from reconstruction_worker.stages.{0} import DOCUMENT, run\n"

Spec = dict[str, object]


class LocalJob:
    """A job file, and the records of the stages that have run."""

    def __init__(self, folder: Path):
        self.folder, self.spec = folder, Spec(source={"uri": "./photos"}, exports=[{"format": "GLB"}])
        (folder / "photos").mkdir()

    def run(self, **changes: object) -> set[str]:
        """Run it with these fields besides; the stages whose record is another one since."""
        self.spec |= changes
        job = {"apiVersion": "reconstruction.dev/v1alpha1", "kind": "ReconstructionJob", "metadata": {"name": "statue"}}
        path, before = self.folder / "job.yaml", self.records()
        path.write_text(yaml.safe_dump(job | {"spec": self.spec}))
        out, none = self.folder / "out", ()
        ended = run_locally(
            path, out=out, volumes=none, jobs=none, source=None, until=None, verify=False, package=PACKAGE
        )
        assert ended is ExitCode.DONE
        after = self.records()
        return {name for name in after if after[name] != before.get(name)}

    def records(self) -> dict[str, str]:
        folder = self.folder / "out" / "workspace" / "stages"
        return {
            stage: (folder / f"{stage}.json").read_text() for stage in StageName if (folder / f"{stage}.json").exists()
        }

    def published(self, name: str) -> Mapping[str, bytes]:
        """What a reader of a destination finds."""
        place = self.folder / name
        return followed({path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*.*")})


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalJob:
    """Finished, and published to the folder `first`."""
    deliver = {name: AS_IT_IS.format(name) for name in ("bundle", "publish")}
    write_stages(tmp_path / "python", monkeypatch, report=REPORTING, **deliver)
    finished = LocalJob(tmp_path)
    assert {"train", "mesh", "report", "publish"} <= finished.run(destination={"uri": "./first"})
    return finished


def test_nothing_runs_where_nothing_was_changed(job: LocalJob) -> None:
    assert job.run() == set()


def test_another_format_is_exported_and_published(job: LocalJob) -> None:
    assert job.run(exports=[{"format": "GLB"}, {"format": "PLY"}]) == {"export", "report", "publish"}
    assert job.published("first").keys() == {"model.glb", "model.ply"}


def test_a_bundle_is_packed_and_published(job: LocalJob) -> None:
    assert job.run(bundle=True) == {"bundle", "publish"}
    assert job.published("first").keys() == {"model.glb", "bundle.zip"}


def test_to_another_destination_the_same_files_go(job: LocalJob) -> None:
    assert job.run(destination={"uri": "./second"}) == {"publish"}
    assert job.published("second") == job.published("first")


def test_a_job_that_published_nothing_publishes_later(job: LocalJob) -> None:
    del job.spec["destination"]
    assert job.run() == set()
    assert job.run(destination={"uri": "./third"}, bundle=True) == {"bundle", "publish"}
    assert job.published("third").keys() == {"model.glb", "bundle.zip"}
