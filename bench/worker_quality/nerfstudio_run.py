"""`python -m bench.worker_quality.nerfstudio_run REQUEST.json`: trains and judges nerfacto in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

UNUSED = ("pyquaternion", "fpsample")
"""To import nerfstudio's trainer imports all of its methods and data formats: the first of these packages reads
nuScenes' data, the second chooses photos for splats. The worker's environment leaves both out, and nerfacto calls
neither."""


def stand_in() -> None:
    """Empty modules in place of what is unused and missing."""
    for name in UNUSED:
        if importlib.util.find_spec(name) is None:
            sys.modules[name] = ModuleType(name)


def main() -> None:
    stand_in()
    from .nerfstudio_training import run

    run(json.loads(Path(sys.argv[1]).read_text()))


if __name__ == "__main__":
    main()
