"""What an engine of a radiance field shows to the registry before any of its libraries is imported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..base import EngineSpec, Field

if TYPE_CHECKING:
    from ...stage import StageContext, StageOutput
    from .fit import Method, RadianceEngine


class LazyEngine:
    """An `Engine` whose method, and with it torch and nerfstudio, is imported when it is first used."""

    def __init__(self, spec: EngineSpec, make_method: Callable[[], Method]):
        self.spec = spec
        self._make_method = make_method

    def fit(self, context: StageContext) -> StageOutput:
        return self._engine().fit(context)

    def load(self, folder: Path, workspace: Path, device: str) -> Field:
        return self._engine().load(folder, workspace, device)

    def _engine(self) -> RadianceEngine:
        from .fit import RadianceEngine

        return RadianceEngine(self.spec, self._make_method())
