"""Which modules a stage's files depend on: the worker's module of the stage, and all that it imports.

Read from the sources, nothing is imported: imports anywhere in a module count, in functions too, except those for type
checkers only. What is found by name at run time is named here: exporters, kernels and storage by their folders, engines
by their entry points where a module works with them and does not only read what they declare. Of the API count the
modules that say what is written (documents, formats, texts); the spec's models do not: what a change of theirs means is
guarded by digests, baselines and the golden defaults.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Final

from .syntax import Import, imports_in

WORKER, API = "reconstruction_worker", "reconstruction_api"
_FOLDERS: Final = {WORKER: "worker", API: "crds"}
_OF_API: Final = (f"{API}.documents", f"{API}.formats", f"{API}.text", f"{API}.readable")
_ENTRY_POINTS: Final = "reconstruction.engines"
_FOUND_AT_RUN_TIME: Final = {
    f"{WORKER}.engines.gpu_kernels.launching": f"{WORKER}.engines.gpu_kernels",
    f"{WORKER}.exporters.registry": f"{WORKER}.exporters",
    f"{WORKER}.ingest.remote": f"{WORKER}.ingest.storage",
}
"""Modules that import others by a computed name, and the packages that they look into."""
_ENGINE: Final = f"{WORKER}.engines.registry.engine"
"""The function that gives an engine by its name."""
ASSETS: Final = "assets"
"""Folder of files that the modules beside it read."""


class Sources:
    """The modules of a checkout."""

    def __init__(self, root: Path):
        self.root = root
        self._imports: dict[str, frozenset[str]] = {}

    def closure(self, stage: str) -> tuple[str, ...]:
        """Names of all modules that a stage's result depends on, sorted."""
        waiting, found = [f"{WORKER}.stages.{stage}"], set[str]()
        while waiting:
            module = waiting.pop()
            if module not in found:
                found.add(module)
                waiting.extend(self.imports_of(module) - found)
        return tuple(sorted(found))

    def imports_of(self, module: str) -> frozenset[str]:
        """Modules of ours that a module imports, and the packages that they are in."""
        if module not in self._imports:
            path = self.file_of(module)
            assert path is not None, f"there is no module {module}"
            wanted = set(self._found_at_run_time(module))
            for statement in imports_in(path.read_text(encoding="utf-8")):
                wanted.update(self._imported(statement, module, inside=path.name == "__init__.py"))
            wanted.update(_packages_of(module))
            self._imports[module] = frozenset(name for name in wanted if _counts(name))
        return self._imports[module]

    def file_of(self, module: str) -> Path | None:
        """None where there is no such module."""
        package, *parts = module.split(".")
        path = self.root.joinpath(_FOLDERS[package], package, *parts)
        return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)

    def assets_of(self, module: str) -> list[Path]:
        """Files that a package's modules read, where the module is the package itself."""
        file = self.file_of(module)
        if file is None or file.name != "__init__.py":
            return []
        return sorted(path for path in (file.parent / ASSETS).rglob("*") if path.is_file())

    def _imported(self, statement: Import, module: str, *, inside: bool) -> Iterator[str]:
        """`from .a import b`: module `a`, and `a.b` where that is one. `inside` says that the module is a package."""
        source = statement.module
        if statement.level:
            parts = module.split(".")
            base = ".".join(parts[: len(parts) - statement.level + inside])
            source = f"{base}.{source}" if source else base
        if self._is_ours(source):
            yield source
            names = [f"{source}.{name}" for name in statement.names]
            yield from filter(self._is_ours, names)
            if _ENGINE in names:
                yield from self._engines

    def _is_ours(self, module: str) -> bool:
        return module.partition(".")[0] in _FOLDERS and self.file_of(module) is not None

    def _found_at_run_time(self, module: str) -> Iterator[str]:
        if package := _FOUND_AT_RUN_TIME.get(module):
            folder = self.root.joinpath(_FOLDERS[WORKER], *package.split("."))
            yield from (f"{package}.{path.stem}" for path in sorted(folder.glob("*.py")) if path.stem != "__init__")

    @cached_property
    def _engines(self) -> tuple[str, ...]:
        """Modules of the engines that come with the worker."""
        project = tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return tuple(target.partition(":")[0] for target in project["entry-points"][_ENTRY_POINTS].values())


def _packages_of(module: str) -> Iterator[str]:
    """The packages around a module, whose code runs first."""
    parts = module.split(".")
    yield from (".".join(parts[:depth]) for depth in range(1, len(parts)))


def _counts(module: str) -> bool:
    inside = any(module == name or module.startswith(f"{name}.") for name in _OF_API)
    return inside or module.partition(".")[0] == WORKER
