"""`poses/registration.json`: which photos were placed, how well, and by which means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from reconstruction_api.documents.registration import MaskUse, PoseOrigin, RegistrationDocument
from reconstruction_api.errors import ReconstructionError

from ..ingest.dataset import DatasetImage
from .depth_scale import DepthFit
from .feature_photos import for_features
from .gps_agreement import Agreement
from .posed_model import PosedModel
from .try_strategies import Attempt, strategies_left_out

ENOUGH_SIDE, BEST_SIDE = 1200, 1600
"""Longer side of photos in pixels below which fewer of them are placed, and above which no more are."""
NAMED_PHOTOS = 8
"""Photos that a message names before it says how many more there are."""


@dataclass(frozen=True)
class Registration:
    """What became of the photos. `unregistered` are names as in the source."""

    method: PoseOrigin
    registered: int
    total: int
    unregistered: list[str]
    provided_format: str | None = None
    """Whose files the poses were read from."""
    scaled_to: int | None = None
    """Typical longer side of the photos in pixels, where no larger ones were there than those that had been scaled to
    less than `ENOUGH_SIDE`, as in workspaces of earlier releases."""
    scaled_from: int | None = None
    """What it was in the source."""

    @classmethod
    def of(
        cls, method: PoseOrigin, model: PosedModel, photos: Sequence[DatasetImage], provided_format: str | None = None
    ) -> Registration:
        placed = {shot.name for shot in model.shots}
        missing = [photo.original.name for photo in photos if photo.name not in placed]
        large = for_features(photos)
        stored = int(median(max(photo.width, photo.height) for photo in large))
        source = int(median(max(photo.original.width, photo.original.height) for photo in photos))
        small = stored < min(ENOUGH_SIDE, source)
        sizes = (stored, source) if small else (None, None)
        return cls(method, len(placed), len(photos), missing, provided_format, *sizes)

    def require(self, percent: int, attempts: Sequence[Attempt] = ()) -> None:
        """Raises LowRegistration when less than `percent` of the photos were placed; the message names `attempts` that
        could not be made, and maxSidePixels where the photos were made smaller than cameras are estimated well from.
        """
        if self.registered * 100 >= percent * self.total:
            return
        missed = strategies_left_out(attempts)
        share = 100 * self.registered // self.total
        raise ReconstructionError(
            "LowRegistration",
            f"Only {self.registered} of {self.total} photos could be placed ({share} %; "
            f"spec.poses.minRegisteredPercent is {percent}). Not placed: {listed(self.unregistered)}."
            + (f" {missed[0].upper()}{missed[1:]}." if missed else "")
            + self._size(),
            suggestion=self._suggestion(),
            details={
                "registered": self.registered,
                "total": self.total,
                "unregistered": self.unregistered[:100],
            },
        )

    def _size(self) -> str:
        if self.scaled_to is None:
            return ""
        return (
            f" The photos were scaled to {self.scaled_to} pixels from {self.scaled_from} (spec.images.maxSidePixels): "
            "small ones have less in common."
        )

    def _suggestion(self) -> str | None:
        if self.scaled_from is None:
            return None
        side = min(BEST_SIDE, self.scaled_from)
        return f"Set spec.images.maxSidePixels to {side}; if that is not enough, take more photos, with more overlap."

    def summary(self, gps: Agreement | None, strategy: str | None, attempts: Sequence[Attempt]) -> str:
        """One line for people. `gps` is the final model's agreement with the photos' GPS, `strategy` what it is of."""
        line = f"{self.registered} of {self.total} photos registered"
        if gps is not None and gps.contradicts:
            return f"{line}, but they contradict the photos' GPS: they are typically {gps.residual_metres:.0f} m off"
        doubted = next((one for one in attempts if one.strategy.name == strategy and one.unconfirmed), None)
        if doubted is not None:
            return f"{line}, but {_doubts(doubted)}"
        larger = [attempt for attempt in attempts if attempt.doubtful and attempt.registered > self.registered]
        if not larger:
            return line
        most = max(larger, key=lambda attempt: attempt.registered)
        return f"{line} (strategy {most.strategy.name} placed {most.registered}, but {_doubts(most)})"

    def document(
        self,
        model: PosedModel,
        gps: Agreement | None,
        strategy: str | None,
        attempts: Sequence[Attempt],
        depth: DepthFit | None,
        masks: MaskUse | None,
    ) -> RegistrationDocument:
        """Content of the file, but for what it took."""
        lengths = model.points.track_lengths
        mean, middle = model.mean_reprojection_error, model.median_reprojection_error
        return RegistrationDocument(
            method=self.method,
            provided_format=self.provided_format,
            registered=self.registered,
            total=self.total,
            unregistered=self.unregistered,
            mean_reprojection_error=round(mean, 4) if mean is not None else None,
            median_reprojection_error=round(middle, 4) if middle is not None else None,
            mean_track_length=round(float(lengths.mean()), 3) if len(lengths) else None,
            points=len(model.points.xyz),
            gps=gps.document() if gps is not None else None,
            strategy=strategy,
            strategies=[attempt.document() for attempt in attempts],
            depth=depth.document() if depth is not None else None,
            masks=masks,
        )


def _doubts(attempt: Attempt) -> str:
    """Why it is not to be believed."""
    if attempt.gps is not None and attempt.gps.contradicts:
        return f"typically {attempt.gps.residual_metres:.0f} m off their GPS"
    return f"only {attempt.confirmed or 0:.0%} of the overlapping pairs of photos confirm their places"


def listed(names: Sequence[str]) -> str:
    """`a.jpg, b.jpg and 3 more`."""
    text = ", ".join(names[:NAMED_PHOTOS])
    more = len(names) - NAMED_PHOTOS
    return f"{text} and {more} more" if more > 0 else text
