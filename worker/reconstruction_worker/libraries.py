"""Versions of the libraries that results are made with.

They are recorded beside a stage's record (`stages/<name>.libraries.json`), not in it: workers of earlier releases
refuse fields that they do not know, and would make the stage again. They decide nothing, unless the engine declares
that its results depend on some of them (`EngineSpec.results_depend_on`): those are part of what a training's result
depends on, like its settings.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from reconstruction_api.documents.base import Document
from reconstruction_api.engines import EngineSpec

from .files import write_document

WORKER: Final = "reconstruction-operator"
"""The distribution that holds this package."""
_EXTRA: Final = "worker"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_OPTIONAL: Final = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")

Versions = Mapping[str, str]
"""By the name of the distribution, as pip knows it; `python` is the interpreter."""


class LibrariesDocument(Document):
    """Content of `stages/<name>.libraries.json`."""

    key: str
    """The record's key that it goes with: an earlier release's worker, which does not know this file, leaves it where
    it is when it runs the stage again."""
    libraries: dict[str, str] = Field(default_factory=dict[str, str])


def installed(*distributions: str) -> dict[str, str]:
    """Versions of Python, of the worker's package and of what it asks for; of these distributions, too."""
    found = {"python": platform.python_version()}
    for owner in (WORKER, *distributions):
        found |= _versions_of(owner)
    return found


def decisive(engine: EngineSpec) -> dict[str, str]:
    """Versions that the engine's results change with; `none` of what is not installed."""
    return {name: _version(name) or "none" for name in sorted(engine.results_depend_on)}


def write_libraries(workspace: Path, stage: str, key: str, libraries: Versions) -> None:
    """To be done before the record is written."""
    write_document(_path(workspace, stage), LibrariesDocument(key=key, libraries=dict(libraries)))


def read_libraries(workspace: Path, stage: str, key: str) -> dict[str, str]:
    """Of the result whose record has this key; empty where no worker has recorded them."""
    try:
        document = LibrariesDocument.read(_path(workspace, stage))
    except (OSError, ValidationError, json.JSONDecodeError):
        return {}
    return document.libraries if document.key == key else {}


@cache
def _versions_of(owner: str) -> dict[str, str]:
    """Of a distribution and of those that it asks for, as far as they are installed."""
    try:
        asked = distribution(owner).requires or []
    except PackageNotFoundError:
        return {}
    versions = {name: _version(name) for name in (owner, *_names(asked))}
    return {name: found for name, found in sorted(versions.items()) if found is not None}


def _names(requirements: Iterable[str]) -> list[str]:
    """Of requirements (PEP 508), without those of extras that are not the worker's."""
    names: list[str] = []
    for requirement in requirements:
        extra, name = _OPTIONAL.search(requirement), _NAME.match(requirement)
        if name is not None and (extra is None or extra[1] == _EXTRA):
            names.append(name[0])
    return names


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _path(workspace: Path, stage: str) -> Path:
    return workspace / "stages" / f"{stage}.libraries.json"
