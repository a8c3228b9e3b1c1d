"""Folders and names that the parts of the demo agree on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
ENVIRONMENT: Final = ROOT / ".venv"
PYTHON: Final = ENVIRONMENT / "bin" / "python"
EXAMPLES: Final = ROOT / "examples"
JOB_FILE: Final = EXAMPLES / "demo.yaml"
CHART: Final = ROOT / "charts" / "reconstruction-operator"
PHOTOS: Final = ROOT / "out" / "demo-photos"
OUT: Final = ROOT / "out" / "demo"
OUT_LOCAL: Final = ROOT / "out" / "demo-local"

RELEASE: Final = "reconstruction-operator"
OPERATOR_NAMESPACE: Final = "reconstruction"
JOB_NAMESPACE: Final = "demo"
JOB: Final = "demo"
PHOTOS_CLAIM: Final = "demo-photos"


def job_file() -> Path:
    """The example that DEMO_JOB names."""
    return EXAMPLES / f"{os.environ.get('DEMO_JOB') or JOB}.yaml"


def packages() -> list[Path]:
    """Folders to put in PYTHONPATH for this repository's programs."""
    return [ROOT / name for name in ("crds", "operator", "worker", "cli", "tools")]


def site_packages() -> Path:
    """The installed dependencies, with symbolic links resolved."""
    return next(ENVIRONMENT.resolve().glob("lib/python3.11/site-packages"))
