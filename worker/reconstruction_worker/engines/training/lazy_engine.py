"""What a trained engine shows to the registry before any of its libraries is imported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ...geometry.rendering import Field
from ..base import EngineSpec

if TYPE_CHECKING:
    from ...geometry.gaussians import Gaussians
    from ...stage import StageContext, StageOutput
    from .fit import GaussianMethod, Method, TrainableEngine


class LazyEngine:
    """An `Engine` whose method, and with it torch and nerfstudio, is imported when it is first used."""

    def __init__(self, spec: EngineSpec, make_method: Callable[[], Method]):
        self.spec = spec
        self._make_method = make_method

    def fit(self, context: StageContext) -> StageOutput:
        return self._engine().fit(context)

    def load(self, folder: Path, workspace: Path, device: str) -> Field:
        return self._engine().load(folder, workspace, device)

    def _engine(self) -> TrainableEngine:
        from .fit import TrainableEngine

        return TrainableEngine(self.spec, self._make_method())


class LazyGaussianEngine(LazyEngine):
    """The same for a method that trains Gaussians."""

    def __init__(self, spec: EngineSpec, make_method: Callable[[], GaussianMethod]):
        super().__init__(spec, make_method)
        self._make_gaussian_method = make_method

    def gaussians(self, folder: Path) -> Gaussians:
        from .fit import result_in

        return self._make_gaussian_method().gaussians(result_in(folder))
