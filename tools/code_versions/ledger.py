"""`code-versions.txt`: of which code somebody has said what it means for the results.

A line for a stage has its code version, a line for a module a digest of its code and the stages that it is accepted
for. Lines of modules are independent of each other, so that changes of different modules merge by themselves.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

FILE: Final = Path("tools/code_versions/code-versions.txt")
HEADER: Final = """\
# Of which code of each stage somebody has said whether it changes the stage's files: `make same-results`, or a raised
# code_version. Written by `python -m code_versions`; after a merge write it again instead of merging by hand.
"""
_STAGE_LINE: Final = re.compile(r"stage (?P<stage>[\w-]+) (?P<version>\d+)")
_MODULE_LINE: Final = re.compile(r"(?P<module>[\w.]+) (?P<digest>[0-9a-f]+) (?P<stages>[\w-]+( [\w-]+)*)")

Modules = dict[str, str]
"""Digests by the names of modules."""


@dataclass
class Ledger:
    """What is on record."""

    versions: dict[str, int] = field(default_factory=dict[str, int])
    """Code version of each stage."""
    modules: dict[str, Modules] = field(default_factory=dict[str, Modules])
    """For each stage the modules that it depends on."""

    def text(self) -> str:
        """Content of the file."""
        stages: dict[tuple[str, str], list[str]] = defaultdict(list)
        for stage, modules in self.modules.items():
            for name, digest in modules.items():
                stages[name, digest].append(stage)
        lines = [f"stage {stage} {version}" for stage, version in self.versions.items()]
        lines += [f"{name} {digest} {' '.join(sorted(users))}" for (name, digest), users in sorted(stages.items())]
        return HEADER + "\n".join(lines) + "\n"

    @classmethod
    def parse(cls, text: str) -> Ledger:
        """Raises ValueError for anything that is not such a file: one with marks of a merge, for example."""
        ledger = cls()
        for number, line in enumerate(text.splitlines(), 1):
            if not line or line.startswith("#"):
                continue
            if found := _STAGE_LINE.fullmatch(line):
                ledger.versions[found["stage"]] = int(found["version"])
            elif found := _MODULE_LINE.fullmatch(line):
                for stage in found["stages"].split():
                    ledger.modules.setdefault(stage, {})[found["module"]] = found["digest"]
            else:
                raise ValueError(f"line {number} is none of this file: {line}")
        return ledger

    @classmethod
    def read(cls, root: Path) -> Ledger:
        """Of a checkout; empty where there is none. Raises ValueError."""
        path = root / FILE
        return cls.parse(path.read_text(encoding="utf-8")) if path.exists() else cls()

    def accepting(self, stages: Collection[str], now: Ledger) -> Ledger:
        """With the present code of these stages, and of the others what was there."""
        result = Ledger()
        for stage in now.versions:
            source = now if stage in stages else self
            if stage in source.versions:
                result.versions[stage] = source.versions[stage]
                result.modules[stage] = source.modules.get(stage, {})
        return result


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Modules that are new, gone or of other code."""
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
