"""Removes a part of an ended job's workspace: `python -m reconstruction_worker.tidying checkpoints`, in a pod of the
operator (spec.retention).

Records of stages stay: they say what the results were made from. A stage whose files are gone runs again when a changed
job needs them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from reconstruction_api.errors import ExitCode
from reconstruction_api.lifecycle import Removal
from reconstruction_api.names import TERMINATION_LOG, WORKSPACE_PATH
from reconstruction_api.stages import StageName
from reconstruction_api.worker import Failure, PodReport

from .checkpoints import folder_of_checkpoints
from .failures import from_exception
from .json_log import JsonLog
from .pod import order_in
from .side_by_side.workspaces import with_those_of_engines
from .stage import folder_of
from .workspace import locked

_DELIVERED: Final = (StageName.EXPORT, StageName.RENDER, StageName.REPORT, StageName.BUNDLE)
"""Stages whose files are what the job delivers."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point; the exit status is one of `ExitCode`, and the termination message says why."""
    parser = argparse.ArgumentParser(prog="python -m reconstruction_worker.tidying", description=__doc__)
    parser.add_argument("part", choices=[Removal.CHECKPOINTS.value, Removal.ARTIFACTS.value])
    parser.add_argument("--workspace", type=Path, default=Path(WORKSPACE_PATH), help="the job's volume")
    parser.add_argument("--termination-log", type=Path, default=Path(TERMINATION_LOG), help="file of the final report")
    options = parser.parse_args(arguments)
    log, report, status = JsonLog(sys.stdout), PodReport(), ExitCode.DONE
    try:
        order = order_in(os.environ)
        size = tidy(options.workspace, Removal(options.part))
        log.info(f"removed {options.part}", bytes=size, job=order.name, namespace=order.namespace)
    except Exception as exception:  # the edge of the process
        error = from_exception(exception, StageName.REPORT, options.workspace)
        report, status = PodReport(failure=Failure.from_error(error)), error.exit_code
        log.error("removing failed", code=error.code, error=error.message)
    options.termination_log.write_text(report.to_termination_message())
    sys.exit(status)


def tidy(workspace: Path, part: Removal) -> int:
    """Remove the files of a part; how many bytes they had. Raises WorkspaceBusy while a run uses the workspace."""
    places = with_those_of_engines(workspace)
    folders = [folder_of_checkpoints(each) for each in places]
    if part is Removal.ARTIFACTS:
        folders = [folder_of(each, stage) for each in places for stage in _DELIVERED]
    sizes: dict[tuple[int, int], int] = {}
    with locked(workspace):
        for folder in folders:
            if folder.is_symlink() or not folder.is_dir():
                continue
            found = [file.lstat() for file in folder.rglob("*") if not file.is_dir()]
            sizes |= {(each.st_dev, each.st_ino): each.st_size for each in found}  # a file may have several names
            shutil.rmtree(folder)
    return sum(sizes.values())


if __name__ == "__main__":
    main()
