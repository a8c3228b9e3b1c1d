"""From a pydantic model to the structural schema that a CustomResourceDefinition wants.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from __future__ import annotations

from typing import Any, Final, cast

from pydantic import BaseModel

Schema = dict[str, Any]

_KEPT: Final = (
    "description",
    "type",
    "format",
    "default",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
)
_HANDLED: Final = {
    "title",
    "properties",
    "additionalProperties",
    "items",
    "x-kubernetes-validations",
    "x-kubernetes-int-or-string",
}
_QUANTITY_MEMBERS: Final = {"integer", "string"}


def structural_schema(model: type[BaseModel], *, defaults: bool = True) -> Schema:
    """The schema of a model with all references resolved.

    A field that may be None is simply optional: the API server drops a null before it validates. Without `defaults`
    (for a status, which has one writer) the API server fills nothing in.
    """
    document = model.model_json_schema(by_alias=True, mode="validation")
    return _Converter(document.get("$defs", {}), defaults).convert(document, model.__name__)


def child_schema(schema: Schema, part: str | int) -> Schema:
    """Schema of a field, of a map's value or of a list's entries; empty where the schema says nothing of it."""
    if isinstance(part, int):
        return schema.get("items", {})
    return schema.get("properties", {}).get(part) or schema.get("additionalProperties") or {}


def without_nulls(data: Any, schema: Schema) -> Any:
    """JSON data as the API server validates it: a field that is null is an absent one, and takes its default."""
    if isinstance(data, dict):
        known = schema.get("properties", {})
        return {
            name: without_nulls(value, child_schema(schema, name))
            for name, value in cast(dict[str, Any], data).items()
            if value is not None or name not in known
        }
    if isinstance(data, list):
        return [without_nulls(entry, child_schema(schema, 0)) for entry in cast(list[Any], data)]
    return data


class _Converter:
    def __init__(self, definitions: dict[str, Schema], defaults: bool) -> None:
        self._definitions = definitions
        self._defaults = defaults

    def convert(self, node: Schema, path: str) -> Schema:
        """One node and everything below it. `path` is for the message when a model can't be expressed."""
        node = self._flattened(node, path)
        if unknown := node.keys() - set(_KEPT) - _HANDLED - {"$defs"}:
            raise TypeError(f"{path}: a structural schema has no {', '.join(sorted(unknown))}")
        result = {key: node[key] for key in _KEPT if key in node}
        if "description" in result:
            result["description"] = " ".join(result["description"].split())
        if not self._defaults or result.get("default") in (None, {}, []):
            result.pop("default", None)
        if node.get("type") == "integer":
            result.setdefault("format", "int64")
        if node.get("type") == "array":
            result.setdefault("x-kubernetes-list-type", "atomic")
            result["items"] = self.convert(node["items"], f"{path}[]")
        if node.get("x-kubernetes-int-or-string"):
            result |= {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}
        if "properties" in node:
            result["properties"] = {
                name: self.convert(child, f"{path}.{name}") for name, child in node["properties"].items()
            }
        elif node.get("type") == "object":
            result |= self._map(node, path)
        if "x-kubernetes-validations" in node:
            result["x-kubernetes-validations"] = node["x-kubernetes-validations"]
        return result

    def _flattened(self, node: Schema, path: str) -> Schema:
        """The node with its reference and its alternatives merged in; what stands beside a reference wins."""
        if "$ref" in node:
            target = self._definitions[node["$ref"].removeprefix("#/$defs/")]
            return self._flattened(target | {k: v for k, v in node.items() if k != "$ref"}, path)
        if "const" in node:
            return {key: value for key, value in node.items() if key != "const"} | {"enum": [node["const"]]}
        if "anyOf" not in node:
            return node
        rest = {key: value for key, value in node.items() if key != "anyOf"}
        members = [member for member in node["anyOf"] if member.get("type") != "null"]
        if len(members) == 1:
            if rest.get("default", ...) is None:
                del rest["default"]
            return self._flattened(members[0] | rest, path)
        if {member.get("type") for member in members} == _QUANTITY_MEMBERS:
            text = next(member for member in members if member["type"] == "string")
            limits = {key: text[key] for key in ("pattern", "maxLength") if key in text}
            return rest | limits | {"x-kubernetes-int-or-string": True}
        raise TypeError(f"{path}: a structural schema has no alternatives")

    def _map(self, node: Schema, path: str) -> Schema:
        """A map with values of one type, or one whose content nobody but its reader knows."""
        values = node.get("additionalProperties", True)
        if values is True:
            return {"x-kubernetes-preserve-unknown-fields": True}
        return {"additionalProperties": self.convert(values, f"{path}.*")}
