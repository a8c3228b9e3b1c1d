"""Whether the code of a stage has changed since somebody said what its change means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .closure import Sources
from .ledger import Ledger, changed
from .syntax import digest_of, digest_of_module

_SHOWN = 6
"""Modules that a message names."""


@dataclass(frozen=True)
class Verdict:
    """Of one stage."""

    stage: str
    version: int
    """Of the present code."""
    recorded_version: int | None
    """None for a stage that is new."""
    modules: tuple[str, ...]
    """That have changed since."""

    @property
    def needs_word(self) -> bool:
        """Whether the developer has to say something: a raised number says it, and so does a new stage."""
        known = self.recorded_version
        return known is not None and (self.version < known or (self.version == known and bool(self.modules)))

    def line(self) -> str:
        """For people."""
        if self.recorded_version is not None and self.version < self.recorded_version:
            return f"  {self.stage}: code_version was {self.recorded_version} and is {self.version}: it only grows"
        named = ", ".join(name.removeprefix("reconstruction_") for name in self.modules[:_SHOWN])
        more = f" and {len(self.modules) - _SHOWN} more" if len(self.modules) > _SHOWN else ""
        return f"  {self.stage} (code_version {self.version}): {named}{more}"


def present(sources: Sources, versions: Mapping[str, int]) -> Ledger:
    """The code as it is; `versions` by the names of the stages."""
    digests: dict[str, str] = {}
    modules: dict[str, dict[str, str]] = {}
    for stage in versions:
        modules[stage] = {}
        for name in sources.closure(stage):
            if name not in digests:
                digests[name] = _digest(sources, name)
            modules[stage][name] = digests[name]
    return Ledger(dict(versions), modules)


def judge(stage: str, recorded: Ledger, now: Ledger) -> Verdict:
    """What has changed."""
    modules = changed(recorded.modules.get(stage, {}), now.modules[stage])
    return Verdict(stage, now.versions[stage], recorded.versions.get(stage), tuple(modules))


def _digest(sources: Sources, module: str) -> str:
    """Of a module's code, and of the files that it reads."""
    file = sources.file_of(module)
    assert file is not None
    own = digest_of_module(file.read_text(encoding="utf-8"))
    assets = [(path.name, digest_of(path.read_bytes())) for path in sources.assets_of(module)]
    return digest_of(repr((own, assets)).encode()) if assets else own
