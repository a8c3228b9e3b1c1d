"""The worker's benchmark end to end, with seconds of training."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from demo import places

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_the_object_is_reconstructed_by_both_in_equal_time(tmp_path: Path) -> None:
    out = tmp_path / "worker.json"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [*places.packages(), places.ROOT]))}
    run = subprocess.run(
        [sys.executable, "-m", "bench.worker_quality", "--quick", "--scenes", "object", "--out", str(out)],
        cwd=places.ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    quarter, ours, peer = sorted(
        json.loads(out.read_text()), key=lambda row: (row["method"] == "nerfstudio", row["steps"])
    )
    assert quarter["steps"] == ours["steps"] // 4
    assert peer["seconds"] >= ours["seconds"] and peer["cpu_seconds"] >= ours["cpu_seconds"]
    for row in (quarter, ours, peer):
        assert (row["registered"], row["images"], row["held_out"]) == (38, 38, 6)
        assert row["psnr"] > 10
        assert 100 < row["peak_rss_mib"] < 4096
    assert ours["psnr"] > peer["psnr"]
    assert (tmp_path / "worker.jpg").stat().st_size < 300_000
