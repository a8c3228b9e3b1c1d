"""`weights.json` in a folder of weights: what `recon weights add` has put there."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from .base import Document

FILE: Final = "weights.json"


class Published(Document):
    """The file that was added, as its authors publish it."""

    name: str
    bytes: int
    sha256: str


class AddedWeights(Document):
    """A file of the folder."""

    network: str
    file: str
    """Path below the folder."""
    bytes: int
    sha256: str
    licence: str
    source: str
    made_from: Published


class WeightsRecord(Document):
    files: list[AddedWeights] = Field(default_factory=list[AddedWeights])

    def of(self, network: str) -> AddedWeights | None:
        """None where the network was not added."""
        return next((each for each in self.files if each.network == network), None)

    def with_added(self, added: AddedWeights) -> WeightsRecord:
        """This record with an entry more, or with another one of the same network."""
        others = [each for each in self.files if each.network != added.network]
        return WeightsRecord(files=sorted([*others, added], key=lambda each: each.network))
