"""The worker's entry point: what it tells the operator, what it leaves behind, how it ends."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from reconstruction_api.engines import ENGINES, Weights
from reconstruction_api.errors import ExitCode
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.names import ENV_DEPTH_FUSION, ENV_JOB, ENV_PROGRESS_URL, ENV_TOKEN_FILE, ENV_WORKSPACE_CLAIM
from reconstruction_api.stages import ResourceClass, stage_digests, stages_of
from reconstruction_api.worker import PodReport, ProgressUpdate, SourceLimits, WorkerJob
from reconstruction_worker import pod

from .stage_packages import PACKAGE, a_spec, raising, write_stages

CLAIM_SPEC = {"source": {"persistentVolumeClaim": {"claimName": "photos", "path": "statue"}}}


class Operator:
    """A progress endpoint that remembers what it got."""

    def __init__(self, status: int = 204):
        self.updates: list[ProgressUpdate] = []
        self.tokens: list[str | None] = []
        operator = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                operator.updates.append(ProgressUpdate.model_validate_json(body))
                operator.tokens.append(self.headers["Authorization"])
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/progress"

    @contextmanager
    def serving(self) -> Iterator[None]:
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            self.server.shutdown()
            thread.join()
            self.server.server_close()


class Pod:
    """A pod's file system and environment."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **bodies: str):
        self.folder = folder
        self.monkeypatch = monkeypatch
        self.workspace = folder / "workspace"
        write_stages(folder / "python", monkeypatch, **bodies)
        (folder / "source" / "statue").mkdir(parents=True)
        (folder / "source" / "statue" / "a.jpg").write_bytes(b"photo")
        (folder / "token").write_text("first-token\n")
        self.credentials = folder / "credentials"
        self.credentials.mkdir()
        monkeypatch.setenv(ENV_WORKSPACE_CLAIM, "statue-workspace")
        monkeypatch.setenv(ENV_TOKEN_FILE, str(folder / "token"))

    def run(
        self, resource_class: ResourceClass, spec: ReconstructionJobSpec | None = None, **order: Any
    ) -> tuple[int, PodReport]:
        """Exit status and final report."""
        job = WorkerJob(
            namespace="museum",
            name="statue",
            uid="u-1",
            attempt=2,
            resource_class=resource_class,
            spec=spec or ReconstructionJobSpec.model_validate(CLAIM_SPEC),
            **order,
        )
        self.monkeypatch.setenv(ENV_JOB, job.model_dump_json(by_alias=True, exclude_none=True))
        log = self.folder / "termination-log"
        arguments = ["--workspace", str(self.workspace), "--source", str(self.folder / "source"),
                     "--termination-log", str(log), "--stages", PACKAGE,
                     "--credentials", str(self.credentials)]  # fmt: skip
        with pytest.raises(SystemExit) as end:
            pod.main(arguments)
        report = PodReport.from_termination_message(log.read_text())
        assert report is not None
        assert isinstance(end.value.code, int)
        return end.value.code, report


def test_three_pods_in_a_row_deliver_artifacts_with_true_checksums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_pod = Pod(tmp_path, monkeypatch)
    for resource_class in ResourceClass:
        status, report = a_pod.run(resource_class)
        assert (status, report.failure) == (ExitCode.DONE, None)
        assert [result.name for result in report.stages] == [
            stage.name for stage in stages_of(resource_class) if not stage.wanted_by
        ]
        assert bool(report.artifacts) == (resource_class is ResourceClass.DELIVER)
    (artifact,) = report.artifacts
    content = (a_pod.workspace / "artifacts" / "out.json").read_bytes()
    assert artifact.uri == "pvc://statue-workspace/artifacts/out.json"
    assert (artifact.name, artifact.format, artifact.media_type) == ("out.json", "JSON", "application/json")
    assert (artifact.size_bytes, artifact.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_a_pod_pauses_within_its_class_and_says_after_which_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_pod = Pod(tmp_path, monkeypatch)
    paused = ReconstructionJobSpec.model_validate(CLAIM_SPEC | {"pauseAfter": "Train"})
    assert a_pod.run(ResourceClass.PREPARE, paused)[1].paused_after is None
    status, report = a_pod.run(ResourceClass.RECONSTRUCT, paused)
    assert (status, report.paused_after) == (ExitCode.DONE, "train")
    assert [result.name for result in report.stages] == ["train"]


def test_a_pod_that_finds_its_work_done_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_pod = Pod(tmp_path, monkeypatch)
    a_pod.run(ResourceClass.PREPARE)
    status, report = a_pod.run(ResourceClass.PREPARE)
    assert status == ExitCode.DONE
    assert [result.skipped for result in report.stages] == [True, True]
    digests = stage_digests(ReconstructionJobSpec.model_validate(CLAIM_SPEC))
    assert [result.digest for result in report.stages] == [digests[result.name] for result in report.stages]
    assert report.metrics["ingestRuns"] == 1


def test_the_operator_hears_of_every_stage_with_a_growing_sequence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_pod = Pod(tmp_path, monkeypatch)
    operator = Operator()
    monkeypatch.setenv(ENV_PROGRESS_URL, operator.url)
    with operator.serving():
        a_pod.run(ResourceClass.PREPARE)
        (tmp_path / "token").write_text("renewed-token\n")
        a_pod.run(ResourceClass.PREPARE)
    last = operator.updates[-1]
    assert (last.namespace, last.name, last.uid, last.attempt) == ("museum", "statue", "u-1", 2)
    assert [result.name for result in last.stages] == ["ingest", "poses"]
    assert last.metrics["posesRuns"] == 1
    assert operator.tokens[0] == "Bearer first-token"
    assert operator.tokens[-1] == "Bearer renewed-token"
    both_pods = [update.sequence for update in operator.updates]
    assert both_pods == sorted(set(both_pods))


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1/progress", "nonsense"])
def test_an_operator_that_is_away_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv(ENV_PROGRESS_URL, url)
    assert Pod(tmp_path, monkeypatch).run(ResourceClass.PREPARE)[0] == ExitCode.DONE


def test_a_failure_is_in_the_report_and_in_the_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    a_pod = Pod(tmp_path, monkeypatch, poses=raising("ReconstructionError('LowRegistration', '3 of 40 placed')"))
    status, report = a_pod.run(ResourceClass.PREPARE)
    assert status == ExitCode.MODEL_FAILURE
    assert report.failure is not None
    assert (report.failure.code, report.failure.stage) == ("LowRegistration", "poses")
    assert [result.name for result in report.stages] == ["ingest"]
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(
        (record["job"], record["namespace"], record["attempt"]) == ("statue", "museum", 2) and "ts" in record
        for record in records
    )
    (failed,) = [record for record in records if record["level"] == "error"]
    assert (failed["stage"], failed["code"]) == ("poses", "LowRegistration")


def test_a_defects_traceback_is_in_the_pods_log_and_not_in_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, report = Pod(tmp_path, monkeypatch, ingest=raising("ValueError('why')")).run(ResourceClass.PREPARE)
    assert status == ExitCode.INTERNAL
    assert "why" not in report.model_dump_json()
    assert "ValueError: why" in capsys.readouterr().out


def test_a_report_that_can_not_be_written_does_not_change_how_the_pod_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENV_JOB, raising=False)
    with pytest.raises(SystemExit) as end:
        pod.main(["--termination-log", str(tmp_path / "nowhere" / "log")])
    assert end.value.code == ExitCode.INTERNAL


def test_a_link_on_a_claim_can_not_lead_out_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_pod = Pod(tmp_path, monkeypatch)
    (tmp_path / "source" / "link").symlink_to(tmp_path)
    spec = a_spec(source={"persistentVolumeClaim": {"claimName": "photos", "path": "link"}})
    status, report = a_pod.run(ResourceClass.PREPARE, spec)
    assert status == ExitCode.INVALID_INPUT
    assert report.failure is not None
    assert report.failure.code == "SourceNotFound"


def test_a_job_from_another_version_is_refused_with_the_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_JOB, '{"namespace": "museum", "surprise": 1}')
    log = tmp_path / "termination-log"
    with pytest.raises(SystemExit) as end:
        pod.main(["--termination-log", str(log)])
    assert end.value.code == ExitCode.INTERNAL
    report = PodReport.from_termination_message(log.read_text())
    assert report is not None
    assert report.failure is not None
    assert "surprise" in report.failure.message


def test_an_engine_whose_licence_the_profile_does_not_accept_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_pod = Pod(tmp_path, monkeypatch)
    status, report = a_pod.run(ResourceClass.PREPARE, accepted_licenses=["MIT"])
    assert status == ExitCode.INVALID_INPUT
    assert report.failure is not None and report.failure.code == "LicenseNotAccepted"
    assert "'Apache-2.0'" in report.failure.message and "MIT" in report.failure.message
    assert a_pod.run(ResourceClass.PREPARE, accepted_licenses=["Apache-2.0"])[0] == ExitCode.DONE


@pytest.mark.parametrize("engines", [{"engine": "splats"}, {"engines": ["nerfacto", "splats"]}])
def test_weights_that_are_missing_are_told_by_the_first_pod_and_not_by_the_one_with_a_gpu(
    engines: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = Weights("network.safetensors", "0" * 64, "Apache-2.0", "https://example.org/network")
    specs = {name: replace(ENGINES[name], weights=(needed,) if name == "splats" else ()) for name in ENGINES}
    monkeypatch.setattr(pod, "engine_spec", specs.__getitem__)
    monkeypatch.setenv("RECONSTRUCTION_WEIGHTS", str(tmp_path))
    a_pod = Pod(tmp_path, monkeypatch)
    status, report = a_pod.run(ResourceClass.PREPARE, ReconstructionJobSpec.model_validate(CLAIM_SPEC | engines))
    assert status == ExitCode.RESOURCE, report
    assert report.failure is not None and report.failure.code == "WeightsUnavailable"
    assert "network.safetensors" in report.failure.message and report.stages == []


def test_the_log_of_the_pod_has_the_end_of_each_engines_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    a_pod = Pod(tmp_path, monkeypatch, train="def run(context):\n    raise RuntimeError('no ' + context.spec.engine)\n")
    fields = {"engines": ["nerfacto", "splats"], "retryPolicy": {"maxAttempts": 1}}
    spec = ReconstructionJobSpec.model_validate(CLAIM_SPEC | fields)
    assert a_pod.run(ResourceClass.PREPARE, spec)[0] == ExitCode.DONE
    status, report = a_pod.run(ResourceClass.RECONSTRUCT, spec)
    assert status == ExitCode.INTERNAL
    assert report.failure is not None and report.failure.message.startswith("None of the engines has a result.")
    said = capsys.readouterr().out
    assert "no nerfacto" in said and "no splats" in said


TELLS_ITS_ENVIRONMENT = """
import json, os
from reconstruction_worker.stage import StageOutput

def run(context):
    (context.folder / "environment.json").write_text(json.dumps(dict(os.environ)))
    return StageOutput("told")
"""


def test_what_the_image_can_not_do_on_any_gpu_is_refused_before_the_first_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconstruction_worker.engines.graphics.is_compiled", lambda module: False)
    a_pod = Pod(tmp_path, monkeypatch)
    splats = ReconstructionJobSpec.model_validate(CLAIM_SPEC | {"engine": "splats"})
    assert a_pod.run(ResourceClass.PREPARE, splats)[0] == ExitCode.DONE
    monkeypatch.setenv("RECONSTRUCTION_GPU", "promised")
    status, report = Pod(tmp_path / "with", monkeypatch).run(ResourceClass.PREPARE, splats)
    assert report.failure is not None
    assert (report.failure.code, report.stages) == ("EngineUnavailable", [])
    assert status == ExitCode.INVALID_INPUT


def test_no_credentials_are_in_the_environment_of_a_stage_and_only_the_first_knows_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tells = TELLS_ITS_ENVIRONMENT.replace("dict(os.environ)", "{**os.environ, 'FOLDER': str(context.credentials)}")
    a_pod = Pod(tmp_path, monkeypatch, ingest=tells, poses=tells)
    (a_pod.credentials / "AWS_SECRET_ACCESS_KEY").write_text("hunter2-hunter2")
    spec = ReconstructionJobSpec.model_validate({"source": {"uri": "s3://a/b", "secretName": "keys"}})
    assert a_pod.run(ResourceClass.PREPARE, spec)[0] == ExitCode.DONE
    folders = []
    for stage in ("ingest", "poses"):
        seen = json.loads((a_pod.workspace / stage / "environment.json").read_text())
        folders.append(seen.pop("FOLDER"))
        assert "hunter2" not in str(seen)
    assert folders == [str(a_pod.credentials), "None"]


def test_the_profiles_limits_reach_the_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tells = """
from reconstruction_worker.stage import StageOutput

def run(context):
    (context.folder / "limits").write_text(str(context.limits.max_images))
    return StageOutput("done")
"""
    a_pod = Pod(tmp_path, monkeypatch, ingest=tells)
    a_pod.run(ResourceClass.PREPARE, limits=SourceLimits(max_images=7))
    assert (a_pod.workspace / "ingest" / "limits").read_text() == "7"


@pytest.mark.parametrize(
    ("said", "fusion"), [({ENV_DEPTH_FUSION: "Auto"}, "Auto"), ({}, None), ({ENV_DEPTH_FUSION: "Sometimes"}, None)]
)
def test_whether_depth_maps_may_be_fused_is_the_operators_to_say(said: dict[str, str], fusion: str | None) -> None:
    """A worker whose operator says nothing trains, and so does one that does not understand it."""
    assert pod.with_depth_fusion(a_spec(), said).training.depth_fusion == fusion
