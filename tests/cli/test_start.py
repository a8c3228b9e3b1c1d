"""The command line answers at once."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.cli.conftest import Recon


def run_python(code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    ).stdout


def test_help_imports_none_of_the_heavy_libraries() -> None:
    code = """
import sys
from reconstruction_cli.main import recon
recon.main(["--help"], standalone_mode=False)
print(sorted({"torch", "numpy", "PIL", "pydantic", "rich", "fsspec"} & set(sys.modules)))
"""
    assert run_python(code).splitlines()[-1] == "[]"


def test_running_and_validating_import_no_numerical_libraries() -> None:
    code = """
import sys
import reconstruction_cli.local_run, reconstruction_cli.jobs, reconstruction_worker.pod
print(sorted({"torch", "numpy", "PIL", "fsspec", "nerfstudio"} & set(sys.modules)))
"""
    assert run_python(code).splitlines()[-1] == "[]"


def test_commands_for_a_cluster_need_nothing_of_the_worker() -> None:
    code = """
import pkgutil, sys
import reconstruction_cli.cluster
for module in pkgutil.walk_packages(reconstruction_cli.cluster.__path__, "reconstruction_cli.cluster."):
    __import__(module.name)
print(sorted({name.partition(".")[0] for name in sys.modules} & {"reconstruction_worker", "psutil", "torch", "numpy"}))
"""
    assert run_python(code).splitlines()[-1] == "[]"


def test_every_command_is_listed(recon: Recon) -> None:
    answer = recon("--help")
    assert answer.status == 0
    assert all(f"  {name} " in answer.out for name in ("run", "validate", "new", "explain"))


def test_an_unknown_command_is_a_usage_error(recon: Recon) -> None:
    answer = recon("frobnicate")
    assert answer.status == 2
    assert "No such command" in answer.err
