"""A description as an AsyncAPI 3.0 document: a channel for each namespace.

Payloads are the frames of the plain door; Socket.IO carries the same names and arguments. Schemas
are those of JSON Schema draft 07, which AsyncAPI's own extend. Pure.
Source: AsyncAPI Specification 3.0.0.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from realtime.contracts.description import (
    Arguments,
    ClientEvent,
    Description,
    NamespaceEvents,
    Schema,
    ServerEvent,
)

Document: TypeAlias = dict[str, Any]

# Keywords whose values are data, and those whose values are schemas by name.
_VALUES = frozenset({"const", "default", "discriminator", "enum", "examples"})
_SCHEMAS_BY_NAME = frozenset({"$defs", "definitions", "patternProperties", "properties"})

_ABOUT = (
    "One channel is one namespace. On the plain door a payload is one text frame, as described; "
    "Socket.IO clients find the same events, arguments and acks in its namespace of that path, "
    "with binary arguments as bytes instead of base64."
)


@dataclass(frozen=True, slots=True)
class Heading:
    """What no annotation says: the document's title and version, and the doors' paths."""

    title: str
    version: str
    plain_path: str
    socketio_path: str


def make_document(description: Description, heading: Heading) -> Document:
    """Return the document as JSON values; the same description always gives the same document."""
    channels = _named(description.namespaces)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": heading.title, "version": heading.version, "description": _ABOUT},
        "defaultContentType": "application/json",
        "servers": {
            "plain": _server(heading.plain_path, "Plain JSON over WebSocket."),
            "socketio": _server(heading.socketio_path, "Socket.IO 5, over Engine.IO 4."),
        },
        "channels": {
            name: _channel(namespace, description.refusal) for name, namespace in channels.items()
        },
        "operations": {
            f"{name}.{key}": operation
            for name, namespace in channels.items()
            for key, operation in _operations(name, namespace)
        },
        "components": {
            "schemas": {name: _draft_07(schema) for name, schema in description.schemas.items()}
        },
    }


def _named(namespaces: Iterable[NamespaceEvents]) -> dict[str, NamespaceEvents]:
    """Return namespaces by the key of their channel; one class may be mounted several times."""
    channels: dict[str, NamespaceEvents] = {}
    for namespace in namespaces:
        name, number = namespace.name, 2
        while name in channels:
            name, number = f"{namespace.name}-{number}", number + 1
        channels[name] = namespace
    return channels


def _server(path: str, about: str) -> Document:
    return {
        "host": "{host}",
        "pathname": path,
        "protocol": "ws",
        "description": about,
        "variables": {"host": {"default": "localhost:8000", "description": "The site's address."}},
    }


def _channel(namespace: NamespaceEvents, refusal: Schema) -> Document:
    channel: Document = {
        "address": namespace.address.path,
        "title": namespace.name,
        "description": namespace.summary,
        "messages": dict(_messages(namespace, refusal)),
    }
    if namespace.address.converters:
        channel["parameters"] = {
            name: {"description": f"Matched by Django's path converter “{converter}”."}
            for name, converter in namespace.address.converters.items()
        }
    return channel


def _operations(channel: str, namespace: NamespaceEvents) -> Iterator[tuple[str, Document]]:
    where = {"$ref": f"#/channels/{channel}"}
    for event in namespace.from_client:
        asked, *answers = _client_keys(event)
        yield (
            asked,
            {
                "action": "receive",
                "channel": where,
                "summary": event.summary or event.name,
                "messages": [_message_ref(channel, asked)],
                "reply": {
                    "channel": where,
                    "messages": [_message_ref(channel, key) for key in answers],
                },
            },
        )
    for heard in namespace.from_server:
        key = _server_key(heard)
        yield (
            key,
            {"action": "send", "channel": where, "messages": [_message_ref(channel, key)]},
        )


def _message_ref(channel: str, key: str) -> Document:
    return {"$ref": f"#/channels/{channel}/messages/{key}"}


def _messages(namespace: NamespaceEvents, refusal: Schema) -> Iterator[tuple[str, Document]]:
    for event in namespace.from_client:
        asked, answered, refused = _client_keys(event)
        yield asked, _message(event.name, event.summary, _event_frame(event.name, event.arguments))
        yield answered, _message(event.name, "The ack.", _ack_frame(_args(event.answer)))
        denial = _ack_frame(_exactly([_refused(event, refusal)]))
        yield refused, _message(event.name, "A refusal.", denial)
    for heard in namespace.from_server:
        frame = _event_frame(heard.name, heard.arguments, is_heard=True)
        yield _server_key(heard), _message(heard.name, "", frame)


def _message(name: str, summary: str, payload: Schema) -> Document:
    about = {"summary": summary} if summary else {}
    return {"name": name, **about, "payload": _draft_07(payload)}


def _event_frame(name: str, arguments: Arguments, *, is_heard: bool = False) -> Schema:
    args = _args(arguments, is_open=not is_heard)
    can_be_left_out = not is_heard and not args.get("minItems")
    return {
        "type": "object",
        "properties": {
            "event": {"const": name},
            "args": args,
            "id": {"type": "integer", "minimum": 0, "description": "Asks for an ack."},
        },
        "required": ["event"] if can_be_left_out else ["event", "args"],
    }


def _ack_frame(args: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {
            "ack": {"type": "integer", "minimum": 0, "description": "The event's id."},
            "args": args,
        },
        "required": ["ack", "args"],
    }


def _args(arguments: Arguments, *, is_open: bool = False) -> Schema:
    """Return the schema of an array of arguments; an open one may have more, which are ignored."""
    schemas = [_any_of(argument.schemas) for argument in arguments.each]
    required = sum(argument.is_required for argument in arguments.each)
    if arguments.rest is not None:
        return {"type": "array", "prefixItems": schemas, "items": arguments.rest} | (
            {"minItems": required} if required else {}
        )
    if is_open:
        return {"type": "array", "prefixItems": schemas, "minItems": required}
    return {**_exactly(schemas), "minItems": required}


def _exactly(schemas: list[Schema]) -> Schema:
    return {
        "type": "array",
        "prefixItems": schemas,
        "minItems": len(schemas),
        "maxItems": len(schemas),
    }


def _refused(event: ClientEvent, refusal: Schema) -> Schema:
    if event.codes is None:
        return refusal
    return {"allOf": [refusal, {"properties": {"code": {"enum": list(event.codes)}}}]}


def _any_of(schemas: Iterable[Schema]) -> Schema:
    each = list(schemas)
    return each[0] if len(each) == 1 else {"anyOf": each}


def _client_keys(event: ClientEvent) -> tuple[str, str, str]:
    key = f"client.{_key(event.name)}"
    return key, f"{key}.ack", f"{key}.refused"


def _server_key(event: ServerEvent) -> str:
    return f"server.{_key(event.name)}"


def _key(name: str) -> str:
    """Return an event's name as a key may be written; different names have different keys."""
    return re.sub(r"[^A-Za-z0-9-]", lambda found: f"_{ord(found[0]):x}_", name)


def _draft_07(schema: Schema) -> Schema:
    """Return a schema in draft 07's words, where the newer draft has others."""
    older = {key: _older_value(key, value) for key, value in schema.items()}
    if "prefixItems" in older:
        first, rest = older.pop("prefixItems"), older.pop("items", None)
        # An array without a single known place is described by its rest alone.
        if first:
            older["items"] = first
        if rest is not None:
            older["additionalItems" if first else "items"] = rest
    if isinstance(older.get("discriminator"), dict):
        older["discriminator"] = older["discriminator"]["propertyName"]
    return older


def _older_value(key: str, value: Any) -> Any:
    if key in _VALUES:
        return value
    if key in _SCHEMAS_BY_NAME:
        return {name: _draft_07(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_draft_07(each) if isinstance(each, dict) else each for each in value]
    return _draft_07(value) if isinstance(value, dict) else value
