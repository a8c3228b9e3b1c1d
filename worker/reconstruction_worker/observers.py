"""Several observers of one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconstruction_api.stages import StageName
from reconstruction_api.worker import Failure, Progress, StageResult

from .executor import Observer


class Observers:
    """Notifies several observers of the same."""

    def __init__(self, observers: Sequence[Observer]):
        self._observers = observers

    def stage_started(self, stage: StageName, *, resumed: bool) -> None:
        for observer in self._observers:
            observer.stage_started(stage, resumed=resumed)

    def stage_progressed(self, progress: Progress) -> None:
        for observer in self._observers:
            observer.stage_progressed(progress)

    def stage_ended(self, result: StageResult, metrics: Mapping[str, str | int]) -> None:
        for observer in self._observers:
            observer.stage_ended(result, metrics)

    def stage_failed(self, stage: StageName | None, failure: Failure) -> None:
        for observer in self._observers:
            observer.stage_failed(stage, failure)

    def stopped(self, stage: StageName | None) -> None:
        for observer in self._observers:
            observer.stopped(stage)
