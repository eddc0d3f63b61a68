"""JSON Schema as TypeScript: the type that an expression of a schema stands for. Pure."""

import json
import re
from collections.abc import Iterable, Mapping

from realtime.contracts.description import SCHEMA_REF, Schema

INDENT = "  "
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)
_PLAIN = {
    "boolean": "boolean",
    "integer": "number",
    "null": "null",
    "number": "number",
    "string": "string",
}


class TypeNames:
    """The TypeScript names of schemas; none is one of ``taken``."""

    def __init__(self, names: Iterable[str], taken: Iterable[str]) -> None:
        self._names: dict[str, str] = {}
        used = set(taken)
        for name in names:
            wanted = re.sub(r"\W", "_", name, flags=re.ASCII)
            if not _IDENTIFIER.fullmatch(wanted):
                wanted = f"_{wanted}"
            while wanted in used:
                wanted += "_"
            used.add(wanted)
            self._names[name] = wanted

    def __getitem__(self, name: str) -> str:
        """Return the name of a schema."""
        return self._names[name]


def type_of(schema: Schema, names: TypeNames, indent: str = "") -> str:
    """Return a schema's type; an object without a name of its own is written out."""
    if "$ref" in schema:
        return names[schema["$ref"].removeprefix(SCHEMA_REF)]
    for one_of in ("anyOf", "oneOf"):
        if one_of in schema:
            return union_of([type_of(each, names, indent) for each in schema[one_of]])
    if "enum" in schema or "const" in schema:
        return union_of(map(json.dumps, schema.get("enum", [schema.get("const")])))
    kinds = schema.get("type", [])
    several = [kinds] if isinstance(kinds, str) else kinds
    return union_of([_by_kind(each, schema, names, indent) for each in several] or ["unknown"])


def union_of(types: Iterable[str]) -> str:
    """Return a union without doubles; ``unknown`` takes in whatever else there is."""
    each = list(dict.fromkeys(types))
    return "unknown" if "unknown" in each else " | ".join(each) or "never"


def array_of(item: str) -> str:
    """Return the type of an array of a type."""
    return f"{_whole(item)}[]"


def object_of(schema: Schema, names: TypeNames, indent: str = "") -> str:
    """Return an object's type, its fields one a line with their descriptions."""
    fields: Mapping[str, Schema] = schema.get("properties", {})
    if not fields:
        value = schema.get("additionalProperties")
        return f"{{ [key: string]: {type_of(value, names) if value else 'unknown'} }}"
    required = schema.get("required", [])
    lines = ["{"]
    for name, field in fields.items():
        mark = "" if name in required else "?"
        lines += comment(field.get("description", ""), indent + INDENT)
        kind = type_of(field, names, indent + INDENT)
        lines.append(f"{indent}{INDENT}{key(name)}{mark}: {kind};")
    return "\n".join([*lines, f"{indent}}}"])


def key(name: str) -> str:
    """Return the name of a field, in quotes where it needs them."""
    return name if _IDENTIFIER.fullmatch(name) else json.dumps(name)


def comment(text: str, indent: str) -> list[str]:
    """Return a documentation comment's lines; none without text."""
    # Python's mark for code is not JavaScript's.
    lines = text.replace("*/", "*\\/").replace("``", "`").splitlines()
    if not lines:
        return []
    if len(lines) == 1:
        return [f"{indent}/** {lines[0]} */"]
    body = [f"{indent} * {line}".rstrip() for line in lines]
    return [f"{indent}/**", *body, f"{indent} */"]


def _by_kind(kind: str, schema: Schema, names: TypeNames, indent: str) -> str:
    if kind == "array":
        return _array(schema, names, indent)
    if kind == "object":
        return object_of(schema, names, indent)
    if kind == "string" and schema.get("contentEncoding") == "base64":
        # Socket.IO carries bytes as they are.
        return "ArrayBuffer | Uint8Array"
    return _PLAIN.get(kind, "unknown")


def _whole(item: str) -> str:
    """Return a type so that what follows is about all of it."""
    return item if _IDENTIFIER.fullmatch(item) else f"({item})"


def _array(schema: Schema, names: TypeNames, indent: str) -> str:
    rest = schema.get("items", {})
    rest_type = array_of(type_of(rest, names, indent)) if rest is not False else ""
    first = schema.get("prefixItems")
    if not first:
        return "[]" if schema.get("maxItems") == 0 else rest_type
    least = schema.get("minItems", 0)
    each = [
        _whole(type_of(item, names, indent)) + ("" if place < least else "?")
        for place, item in enumerate(first)
    ]
    # A tuple's length is bounded by `maxItems` where its `items` are not.
    if rest_type and schema.get("maxItems") != len(first):
        each.append(f"...{rest_type}")
    return f"[{', '.join(each)}]"
