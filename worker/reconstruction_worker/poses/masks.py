"""What the photos' masks are used for: decided here for all that comes after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconstruction_api.documents.registration import MaskUse

from ..ingest.dataset import DatasetImage
from .posed_model import PosedModel
from .region import SceneKind
from .registration import listed
from .silhouettes import Silhouette


@dataclass(frozen=True)
class Masks:
    kind: SceneKind
    total: int
    """Posed photos."""
    without: tuple[str, ...]
    """Names, as in the model, of those that have no mask."""

    @classmethod
    def of(cls, kind: SceneKind, model: PosedModel, silhouettes: Sequence[Silhouette | None]) -> Masks:
        """Silhouettes in the order of the model's shots."""
        pairs = list(zip(model.shots, silhouettes, strict=True))
        without = tuple(shot.name for shot, silhouette in pairs if silhouette is None)
        return cls(kind, len(pairs), without)

    @property
    def used(self) -> bool:
        """Whether the undistorted pictures get their masks. In an open scene only where none is missing: what one photo
        hides there, the next would show."""
        return self.kind is SceneKind.BOUNDED or not self.without

    @property
    def left_out(self) -> tuple[str, ...]:
        """Photos of which only the camera is used: what is behind the object would be taken for a part of it."""
        return self.without if self.used else ()

    def document(self, photos: Mapping[str, DatasetImage]) -> MaskUse | None:
        """As `registration.json` has it, with the names of the source; None where no photo has a mask."""
        if len(self.without) == self.total:
            return None
        return MaskUse(used=self.used, missing=[photos[name].original.name for name in self.without])

    def summary(self, photos: Mapping[str, DatasetImage]) -> str:
        """What a person should know, as a part of a line; empty where no photo or each has a mask."""
        if not self.without or len(self.without) == self.total:
            return ""
        names = listed([photos[name].original.name for name in self.without])
        if self.used:
            return f"without a mask, so only their cameras are used: {names}"
        return f"masks not used, for too few photos show an object apart from its background; without a mask: {names}"
