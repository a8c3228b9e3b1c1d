"""A digest of what a Python module does: of its syntax tree, without docstrings, comments and layout.

`ast.dump` differs between releases of Python (3.13 leaves out empty fields, 3.12 adds `type_params` and reads f-strings
differently), so the tree is written out here: fields that are empty are left out, and texts that stand side by side in
an f-string are one. Python 3.11, 3.12 and 3.13 have the same digests of all modules of this repository.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

DIGITS: Final = 12
"""Hexadecimal digits of a digest: 48 bits, for a few hundred modules."""


def digest_of(data: bytes) -> str:
    """Of anything that is no Python."""
    return hashlib.sha256(data).hexdigest()[:DIGITS]


@dataclass(frozen=True)
class Import:
    """`import module`, or `from module import names`."""

    module: str
    level: int = 0
    """Dots before the module."""
    names: tuple[str, ...] = ()


@cache
def digest_of_module(source: str) -> str:
    """Raises SyntaxError."""
    return digest_of("".join(_written(_parsed(source))).encode())


@cache
def imports_in(source: str) -> tuple[Import, ...]:
    """All of a module, inside functions too, but those for type checkers only."""
    return tuple(_imports_below(_parsed(source)))


@cache
def _parsed(source: str) -> ast.Module:
    return ast.parse(source)


def _imports_below(node: ast.AST) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield Import(child.module or "", child.level, tuple(alias.name for alias in child.names))
        elif not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield from _imports_below(child)


def _written(node: object) -> Iterator[str]:
    if isinstance(node, ast.AST):
        yield f"({type(node).__name__}"
        for name in sorted(node._fields):
            value = _without_noise(node, name)
            if value is not None and value != []:
                yield f" {name}="
                yield from _written(value)
        yield ")"
    elif isinstance(node, list):
        yield "["
        for entry in node:
            yield from _written(entry)
        yield "]"
    else:
        yield f"{type(node).__name__}:{node!r}"


def _without_noise(node: ast.AST, name: str) -> object:
    """A field's value, as far as it says what the code does."""
    value = getattr(node, name, None)
    if name in ("kind", "type_comment", "type_ignores") or name == "ctx":
        return None  # u"", comments, and what follows from where the node stands
    if isinstance(node, ast.JoinedStr):
        return _joined(node.values)
    if isinstance(value, list) and value and all(isinstance(each, ast.stmt) for each in value):
        return [each for each in value if not _is_docstring(each)]
    return value


def _is_docstring(statement: ast.stmt) -> bool:
    """A text on its own, below a definition or a field: for readers only."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _joined(parts: list[ast.expr]) -> list[object]:
    """The parts of an f-string, adjoining texts as one."""
    result: list[object] = []
    for part in parts:
        text = part.value if isinstance(part, ast.Constant) else None
        if not isinstance(text, str):
            result.append(part)
        elif result and isinstance(result[-1], str):
            result[-1] += text
        elif text:
            result.append(text)
    return result
