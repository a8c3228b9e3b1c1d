"""Names in status.metrics are read by users' alerts and scripts, by columns, operator and command line."""

from __future__ import annotations

import ast
from pathlib import Path

from reconstruction_api import crd
from reconstruction_api.metric_names import Metric

ROOT = Path(__file__).parents[2]
NAMES = {
    "images",
    "droppedImages",
    "registeredImages",
    "reprojectionError",
    "steps",
    "heldOutImages",
    "psnr",
    "ssim",
    "flip",
    "lpips",
    "qualityVerdict",
    "vertices",
    "faces",
    "components",
    "texturePhotoPercent",
    "peakMemoryBytes",
}
COMMON_WORDS = {"images", "steps", "vertices", "faces", "components"}


def test_no_name_has_changed() -> None:
    assert {str(metric) for metric in Metric} >= NAMES


def test_columns_show_metrics_that_exist() -> None:
    columns = crd.document(crd.JOB)["spec"]["versions"][0]["additionalPrinterColumns"]
    shown = [
        column["jsonPath"].removeprefix(".status.metrics.") for column in columns if "metrics" in column["jsonPath"]
    ]
    assert {"psnr", "registeredImages"} <= set(shown) <= {str(metric) for metric in Metric}


def test_neither_operator_nor_command_line_spells_a_name_itself() -> None:
    found = [
        (file.name, node.value)
        for folder in ("operator", "cli")
        for file in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in NAMES - COMMON_WORDS
    ]
    assert not found
