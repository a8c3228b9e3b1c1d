"""The check of a GPU, rehearsed on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from reconstruction_worker.gpu_check import engine_check, hash_check
from reconstruction_worker.gpu_check.__main__ import main
from reconstruction_worker.gpu_check.device_check import check_device
from reconstruction_worker.gpu_check.findings import Finding, Outcome, carried_out, judged, table

CPU = torch.device("cpu")


def test_what_is_not_installed_is_skipped_with_a_note() -> None:
    def check() -> Iterator[Finding]:
        yield judged("first", True, "1")
        raise ModuleNotFoundError("No module named 'warp'", name="warp")

    first, second = carried_out("hash grid", check)
    assert first.outcome is Outcome.PASSED
    assert (second.what, second.outcome, second.measured) == ("hash grid", Outcome.SKIPPED, "warp is not installed")


def test_what_goes_wrong_is_a_failure_and_the_next_check_runs(capsys: pytest.CaptureFixture[str]) -> None:
    def check() -> Iterator[Finding]:
        raise RuntimeError("CUDA error: an illegal memory\naccess was encountered")

    (finding,) = carried_out("splats", check)
    assert finding.outcome is Outcome.FAILED
    assert "an illegal memory access" in table([finding])


def test_the_matrix_product_is_looked_at() -> None:
    assert [each.outcome for each in check_device(CPU)] == [Outcome.PASSED]


def test_hash_grids_are_compared_with_an_obvious_implementation(monkeypatch: pytest.MonkeyPatch) -> None:
    found = list(hash_check.check_hash_grids(CPU, points=256, rows=1 << 8))
    assert [each.outcome for each in found] == [Outcome.PASSED] * 3
    original = hash_check.slow_encoding
    monkeypatch.setattr(hash_check, "slow_encoding", lambda *arguments: original(*arguments) * 1.1)
    assert next(iter(hash_check.check_hash_grids(CPU, points=256, rows=1 << 8))).outcome is Outcome.FAILED


def test_an_engine_is_trained_compared_and_continued(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_check, "SIZE", 48)
    monkeypatch.setattr(engine_check, "LEAST_PSNR", 8.0)
    found = list(engine_check.check_engine("splats", CPU, 40))
    assert [each.what for each in found] == [
        "splats, trained", "splats, rendered as on the CPU", "splats, stopped and continued",
    ]  # fmt: skip
    assert all(each.outcome is Outcome.PASSED for each in found), table(found)


def test_the_whole_check_says_what_has_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hash_check, "check_hash_grids", lambda *_: iter([judged("hash grid", False, "1e3")]))
    assert main(["--device", "cpu", "--engines"]) == 1
    assert "| hash grid | FAILED | 1e3 |" in capsys.readouterr().out


def test_without_a_gpu_the_check_ends_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert main([]) == 1
    out = capsys.readouterr().out
    assert "| device | FAILED |" in out
    assert "nerfacto" not in out


def test_the_scene_is_not_part_of_the_tests() -> None:
    """The check must run where only the worker's package is."""
    sources = Path(engine_check.__file__).parent.glob("*.py")
    assert not [source.name for source in sources if "from tests" in source.read_text()]
