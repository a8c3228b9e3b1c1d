"""Defaults of the CustomResourceDefinitions, kept in a file so that none changes unnoticed. To accept a change:

.venv/bin/python -m tests.api.golden_defaults
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reconstruction_api import crd

FILE = Path(__file__).parent / "golden" / "crd-defaults.json"
"""By kind and path. They are written into stored objects: one that changes would mean something else for each new job,
and one that goes has to be known by `baseline`. Values that may change belong to `defaults` instead."""


def recorded() -> dict[str, dict[str, Any]]:
    """What is in the file."""
    return json.loads(FILE.read_text())


def present() -> dict[str, dict[str, Any]]:
    """What the models say."""
    return {resource.kind: dict(_defaults_in(crd.object_schema(resource))) for resource in crd.RESOURCES}


def _defaults_in(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    if "default" in schema:
        yield path, schema["default"]
    for name, child in schema.get("properties", {}).items():
        yield from _defaults_in(child, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from _defaults_in(schema["items"], f"{path}[]")


if __name__ == "__main__":
    FILE.write_text(json.dumps(present(), indent=1) + "\n")
