"""XML as other programs write it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as Xml

from .validity import invalid


def xml_root(path: Path, name: str) -> Xml.Element:
    """The root of a file, which messages call `name`. Entities are not expanded: a few of them can fill the memory.
    Raises InvalidPoses."""
    data = path.read_bytes()
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise invalid(name, "it declares entities, which are not read.")
    try:
        return Xml.fromstring(data)
    except (Xml.ParseError, ValueError, LookupError) as error:
        raise invalid(name, f"it is not valid XML: {error}.") from error
