"""Machine code that was made before is found by processes that keep theirs elsewhere, and on other processors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconstruction_worker import machine_code
from reconstruction_worker.machine_code import ENV_LEVELS, LEVELS, levels_of_processor

LOOP = """
import numpy as np
from numba.core import config
from reconstruction_worker.compiled import threaded


@threaded()
def add_index(begin, end, values):
    for n in range(begin, end):
        values[n] += n


values = np.zeros(10)
add_index(10, values)
assert values.sum() == 45
print(sum(add_index.block.stats.cache_hits.values()), config.CPU_NAME)
"""


@pytest.fixture
def loop(tmp_path: Path) -> Path:
    file = tmp_path / "package" / "loop.py"
    file.parent.mkdir()
    file.write_text(LOOP)
    return file


def run(file: Path, **environment: str) -> tuple[int, str]:
    """How many loops were found compiled, and for which processor they are."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    program = f"import sys; sys.path.insert(0, {str(file.parent)!r}); import {file.stem}"
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path), "NUMBA_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=inherited | environment
    )
    hits, processor = ended.stdout.split()
    return int(hits), processor


def test_a_pod_takes_along_what_lies_beside_the_functions(loop: Path, tmp_path: Path) -> None:
    """The folder of its own is empty when it begins."""
    assert run(loop)[0] == 0
    assert run(loop)[0] == 1
    assert run(loop, NUMBA_CACHE_DIR=str(tmp_path / "own"))[0] == 1


def test_what_is_changed_is_compiled_again(loop: Path, tmp_path: Path) -> None:
    run(loop)
    loop.write_text(LOOP.replace("+= n", "+= 1 * n"))
    assert run(loop, NUMBA_CACHE_DIR=str(tmp_path / "own"))[0] == 0
    assert run(loop, NUMBA_CACHE_DIR=str(tmp_path / "own"))[0] == 1


@pytest.mark.skipif(not levels_of_processor(), reason="no x86-64 of level 3")
def test_an_image_has_code_for_the_levels_of_processors(loop: Path) -> None:
    best = levels_of_processor()[0]
    assert run(loop)[1] == "None"
    assert run(loop, **{ENV_LEVELS: " ".join(LEVELS)}) == (0, best)
    assert run(loop, **{ENV_LEVELS: " ".join(LEVELS)}) == (1, best)
    others = [level for level in LEVELS if level != best]
    assert run(loop, **{ENV_LEVELS: " ".join(others)}) == (1, "None"), "code of a lower level would take more time"


@pytest.mark.parametrize(
    ("left_out", "levels"),
    [([], ["x86-64-v4", "x86-64-v3"]), (["avx512vl"], ["x86-64-v3"]), (["fma"], []), (["fma", "avx512f"], [])],
)
def test_code_is_for_processors_that_have_all_of_a_level(
    monkeypatch: pytest.MonkeyPatch, left_out: list[str], levels: list[str]
) -> None:
    everything = set().union(*machine_code._FLAGS.values())
    monkeypatch.setattr(machine_code, "_flags", lambda: everything - set(left_out))
    assert levels_of_processor() == levels
