"""`python -m bench.surface.peer.export_run REQUEST.json`: one export, in the environment that has what it needs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ...worker_quality.nerfstudio_run import stand_in


def main() -> None:
    stand_in()
    from .exports import run

    run(json.loads(Path(sys.argv[1]).read_text()))


if __name__ == "__main__":
    main()
