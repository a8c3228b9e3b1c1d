"""How documents are read and written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

from pydantic import ConfigDict, ValidationError

from ..base import ApiModel


class Document(ApiModel):
    """A JSON file. Fields that this release does not know are ignored: a later one may have written the file. What was
    not set is not written, so that `null` and absence keep their meanings."""

    model_config = ConfigDict(extra="ignore")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises OSError where the file can't be read, ValueError where it is not such a document."""
        return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))

    @classmethod
    def read_if_there(cls, path: Path) -> Self | None:
        """None where there is no such file."""
        return cls.read(path) if path.exists() else None

    def data(self) -> dict[str, Any]:
        """Plain JSON data with the file's keys, in the order of the model's fields."""
        return self.model_dump(by_alias=True, exclude_unset=True)


def problem_of(error: ValueError) -> str:
    """What is wrong with a document, in one line: its first mistake."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
