"""The addresses of a published set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

from reconstruction_api.destination import Destination, expanded, location

from ..stage import Delivery


@dataclass(frozen=True, slots=True)
class Addresses:
    """Of one set below the prefix of its destination."""

    prefix: str
    """Of the destination, without placeholders and with `/` at its end."""
    base: str
    """Where readers find the same; as long as nothing else is said, the prefix."""
    set_name: str

    @classmethod
    def of(cls, destination: Destination, delivery: Delivery, set_name: str) -> Self:
        job = {"namespace": delivery.namespace, "name": delivery.name, "uid": delivery.uid or "local"}
        prefix = expanded(location(destination), **job)
        public = destination.public_base_url
        return cls(prefix, f"{public.rstrip('/')}/" if public is not None else prefix, set_name)

    def of_file(self, name: str) -> str:
        """What readers ask for."""
        return f"{self.base}{self.set_name}/{quote(name)}"

    def folder(self, delivery: Delivery) -> Path | None:
        """The same prefix in the file system, where the destination is a folder."""
        if delivery.folder is None:
            return None
        scheme, separator, rest = self.prefix.partition("://")
        below = rest.partition("/")[2] if separator and scheme == "pvc" else ""
        return Path(delivery.folder) / below
