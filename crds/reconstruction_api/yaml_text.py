"""YAML as the API server reads it, with the line of every field: for messages that lead a person to the place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, cast

import yaml
from yaml.reader import ReaderError

FieldPath = tuple[str | int, ...]

MAX_NODES: Final = 10_000
"""More than any real manifest has; anchors that multiply into millions of nodes stop here."""

_TAG: Final = "tag:yaml.org,2002:"
_TIMESTAMP, _MERGE, _STRING, _NULL = f"{_TAG}timestamp", f"{_TAG}merge", f"{_TAG}str", f"{_TAG}null"
_ALLOWED: Final = {f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")}


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a file. `field` is in YAML spelling and empty where the file is no YAML at all."""

    field: str
    message: str
    line: int | None = None
    """Line of the file, from 1."""

    def __str__(self) -> str:
        suffix = f" (line {self.line})" if self.line else ""
        return f"{self.field}: {self.message}{suffix}" if self.field else f"{self.message}{suffix}"


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document."""

    data: Any
    """Its content as JSON data; dates stay text."""
    lines: dict[FieldPath, int] = field(default_factory=dict[FieldPath, int])
    """Line of each field and list entry, from 1."""
    problems: list[Problem] = field(default_factory=list[Problem])
    """What YAML allows and the API server does not, such as a field given twice."""

    def line_of(self, path: FieldPath) -> int | None:
        """Line of the field, or of the closest one around it that the file has."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None


class UnreadableYAML(Exception):  # noqa: N818 - carries a problem, is none of ours
    """The text is not one YAML document."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.problem = Problem("", message, line)


class _Loader(yaml.SafeLoader):
    """Reads dates as text, as the API server does."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read(text: str) -> Document:
    """The only document in the text. Raises `UnreadableYAML`."""
    try:
        loader = cast(Any, _Loader(text))
        nodes = [node for node in _documents(loader) if node.tag != _NULL]
        if len(nodes) != 1:
            raise UnreadableYAML(f"expected one object in the file, found {len(nodes)}")
        walk = _Walk()
        walk.visit(nodes[0], ())
        data = loader.construct_document(nodes[0])
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UnreadableYAML(f"not valid YAML: {error.problem or error.context}", mark and mark.line + 1) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UnreadableYAML(f"not valid YAML: {error.reason}", line) from None
    except ValueError:
        raise UnreadableYAML("a number is too long") from None
    except RecursionError:
        raise UnreadableYAML("the file is nested too deeply") from None
    return Document(data, walk.lines, walk.problems)


def path_text(path: FieldPath) -> str:
    """`("spec", "exports", 0, "format")` as `spec.exports[0].format`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.replace("-", "").replace("_", "").isalnum():
            text += f".{part}"
        else:
            text += f"[{part!r}]"
    return text.removeprefix(".")


class _Walk:
    """Notes where everything is, and what the API server would not take."""

    def __init__(self) -> None:
        self.lines: dict[FieldPath, int] = {}
        self.problems: list[Problem] = []
        self._visited = 0

    def visit(self, node: yaml.Node, path: FieldPath) -> None:
        self._visited += 1
        if self._visited > MAX_NODES:
            raise UnreadableYAML("the file is too large for a manifest")
        line = node.start_mark.line + 1
        if node.tag not in _ALLOWED:
            raise UnreadableYAML(f"the tag {node.tag.replace(_TAG, '!!')} is not allowed", line)
        self.lines.setdefault(path, line)
        if isinstance(node, yaml.MappingNode):
            self._visit_fields(node, path)
        elif isinstance(node, yaml.SequenceNode):
            for index, child in enumerate(cast(list[yaml.Node], node.value)):
                self.visit(child, (*path, index))

    def _visit_fields(self, node: yaml.MappingNode, path: FieldPath) -> None:
        first: dict[str, int] = {}
        for key, child in cast(list[tuple[yaml.Node, yaml.Node]], node.value):
            line = key.start_mark.line + 1
            if key.tag == _MERGE:
                continue
            if not isinstance(key, yaml.ScalarNode) or key.tag != _STRING:
                raise UnreadableYAML("field names must be text; put this one in quotes", line)
            name: str = key.value
            if name in first:
                self.problems.append(
                    Problem(path_text((*path, name)), f"given twice, first in line {first[name]}", line)
                )
            first.setdefault(name, line)
            self.lines.setdefault((*path, name), line)
            self.visit(child, (*path, name))


def _documents(loader: Any) -> Iterator[yaml.Node]:
    while loader.check_node():
        yield loader.get_node()
