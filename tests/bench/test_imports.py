"""Benchmarks run from a checkout without the tests."""

from __future__ import annotations

import ast
from pathlib import Path

BENCH = Path(__file__).parents[2] / "bench"


def test_no_benchmark_imports_the_tests() -> None:
    imported = {
        (file.name, node.module)
        for file in BENCH.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module
    }
    assert imported
    assert not [each for each in imported if each[1].split(".")[0] == "tests"]
