"""What clients may send to each namespace and hear from it, read from annotations.

Types become JSON Schema here; how that is written down is nothing to this module.
"""

import inspect
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import msgspec
from django.urls import URLPattern

from realtime.exceptions import UsageError
from realtime.namespaces.consumer import NamespaceConsumer
from realtime.namespaces.declared import Refusal
from realtime.namespaces.events import CATCH_ALL, NO_ACK, EventHandler

Schema: TypeAlias = dict[str, Any]

SCHEMA_REF = "#/components/schemas/"
# What the engine may answer to any event that a class handles.
ENGINE_CODES = ("bad_request", "busy", "internal", "rate_limited")
_PARAMETER = re.compile(r"<(?:(?P<converter>[^<>:]+):)?(?P<name>[^<>]+)>")
_NOT_AN_ANSWER = (Refusal, type(NO_ACK), types.NoneType)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a namespace answers: ``/team/{number}``, with the converter of each parameter."""

    path: str
    converters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of an event; ``schemas`` are alternatives."""

    name: str
    schemas: tuple[Schema, ...]
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of an event or an ack; ``rest`` describes any number of further ones."""

    each: tuple[Argument, ...]
    rest: Schema | None = None


@dataclass(frozen=True, slots=True)
class ClientEvent:
    """What a client may send, what it is answered, and the codes of its refusals, if they say."""

    name: str
    summary: str
    arguments: Arguments
    answer: Arguments
    codes: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """What a client may hear."""

    name: str
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class NamespaceEvents:
    """One namespace; ``name`` is that of its class, or made of it where two have the same.

    Events are sorted by name.
    """

    name: str
    summary: str
    address: Address
    from_client: tuple[ClientEvent, ...]
    from_server: tuple[ServerEvent, ...]


@dataclass(frozen=True, slots=True)
class Description:
    """Namespaces in the order of their routes; ``schemas`` by name are what ``$ref`` points to."""

    namespaces: tuple[NamespaceEvents, ...]
    schemas: Mapping[str, Schema]
    refusal: Schema


def address_of(route: URLPattern) -> Address:
    """Return where a route answers."""
    found = list(_PARAMETER.finditer(str(route.pattern)))
    return Address(
        path="/" + _PARAMETER.sub(r"{\g<name>}", str(route.pattern)),
        converters={each["name"]: each["converter"] or "str" for each in found},
    )


def describe(mounted: Iterable[tuple[Address, type[NamespaceConsumer]]]) -> Description:
    """Describe what is mounted; of several at one address the first answers.

    Raises ``UsageError`` naming the event whose type has no JSON Schema.
    """
    by_path: dict[str, tuple[Address, type[NamespaceConsumer]]] = {}
    for address, consumer_class in mounted:
        by_path.setdefault(address.path, (address, consumer_class))
    classes = list(dict.fromkeys(consumer_class for _address, consumer_class in by_path.values()))
    book = _Schemas(classes)
    names = _unique_names(classes)
    return Description(
        namespaces=tuple(
            NamespaceEvents(
                name=names[consumer_class],
                summary=_summary(consumer_class),
                address=address,
                from_client=_from_client(consumer_class, book),
                from_server=_from_server(consumer_class, book),
            )
            for address, consumer_class in by_path.values()
        ),
        schemas=book.named,
        refusal=book.of(Refusal),
    )


class _Schemas:
    """The schemas of all types that some classes declare, told apart by identity."""

    def __init__(self, classes: Sequence[type[NamespaceConsumer]]) -> None:
        kinds: list[Any] = [Refusal]
        for consumer_class in classes:
            for event, kind in _all_kinds(consumer_class):
                _require_schema(kind, f"{consumer_class.__qualname__}: {event!r}")
                kinds.append(kind)
        # All at once: types of one name from several modules are then named apart.
        schemas, named = msgspec.json.schema_components(kinds, ref_template=SCHEMA_REF + "{name}")
        self.named = {name: _tidy(named[name]) for name in sorted(named)}
        # The kinds are kept, so that no other object takes their identity.
        self._kinds = kinds
        self._known = {id(kind): _tidy(schema) for kind, schema in zip(kinds, schemas, strict=True)}

    def of(self, kind: Any) -> Schema:
        """Return the schema of one of the types."""
        if kind is None:
            return {"type": "null"}
        return {} if kind is object else self._known[id(kind)]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a return annotation says: alternatives for each argument, or any number of ``rest``."""

    each: tuple[tuple[Any, ...], ...]
    is_required: bool = True
    rest: Any = None


def _from_client(
    consumer_class: type[NamespaceConsumer], book: _Schemas
) -> tuple[ClientEvent, ...]:
    return tuple(
        ClientEvent(
            name=handler.name,
            summary=_summary(getattr(consumer_class, handler.attribute)),
            arguments=Arguments(
                tuple(
                    Argument(name, (book.of(kind),), position < handler.required)
                    for position, (name, kind) in enumerate(
                        zip(handler.parameters, handler.types, strict=True)
                    )
                ),
                None if handler.rest is None else book.of(handler.rest),
            ),
            answer=_answer_arguments(_answer(handler.answer), book),
            codes=_codes(handler),
        )
        for handler in _handlers(consumer_class)
    )


def _answer_arguments(answer: _Answer, book: _Schemas) -> Arguments:
    return Arguments(
        tuple(
            Argument(
                "answer" if len(answer.each) == 1 else f"answer{number}",
                tuple(map(book.of, kinds)),
                answer.is_required,
            )
            for number, kinds in enumerate(answer.each, 1)
        ),
        None if answer.rest is None else book.of(answer.rest),
    )


def _from_server(
    consumer_class: type[NamespaceConsumer], book: _Schemas
) -> tuple[ServerEvent, ...]:
    return tuple(
        ServerEvent(
            event,
            Arguments(
                tuple(
                    Argument(name, (book.of(kind),))
                    for name, kind in zip(_argument_names(kinds), kinds, strict=True)
                )
            ),
        )
        for event, kinds in sorted(consumer_class.declared.types.items())
    )


def _argument_names(kinds: Sequence[Any]) -> list[str]:
    """Return names for arguments that have none in Python."""
    plain = ["text" if kind is str else "payload" for kind in kinds]
    return [
        name if plain.count(name) == 1 else f"{name}{number}"
        for number, name in enumerate(plain, 1)
    ]


def _handlers(consumer_class: type[NamespaceConsumer]) -> list[EventHandler]:
    """Return what can be described: a catch-all takes events that have no names here."""
    handlers = consumer_class.handlers.values()
    return sorted(
        (handler for handler in handlers if handler.name != CATCH_ALL), key=lambda each: each.name
    )


def _all_kinds(consumer_class: type[NamespaceConsumer]) -> Iterator[tuple[str, Any]]:
    for handler in _handlers(consumer_class):
        answer = _answer(handler.answer)
        for kind in (*handler.types, handler.rest, answer.rest, *chain.from_iterable(answer.each)):
            if kind is not None and kind is not object:
                yield handler.name, kind
    for event, kinds in consumer_class.declared.types.items():
        for kind in kinds:
            if kind is not object:
                yield event, kind


def _answer(kind: Any) -> _Answer:
    if kind is None or kind is types.NoneType:
        return _Answer(())
    if isinstance(kind, type) and issubclass(kind, tuple):
        return _Answer((), rest=Any)
    parts = typing.get_args(kind)
    if typing.get_origin(kind) is tuple:
        if parts[-1:] == (Ellipsis,):
            return _Answer((), rest=parts[0])
        return _Answer(tuple(map(_alternatives, parts)))
    alternatives = _alternatives(kind)
    if any(typing.get_origin(each) is tuple or each is tuple for each in alternatives):
        # Sometimes several arguments, sometimes one: more cannot be said.
        return _Answer((), rest=Any)
    shown = tuple(each for each in alternatives if each not in _NOT_AN_ANSWER)
    # None is no argument at all.
    return _Answer((shown,) if shown else (), is_required=types.NoneType not in alternatives)


def _alternatives(kind: Any) -> tuple[Any, ...]:
    """Return the members of a union; msgspec knows no union of several records."""
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:
        return typing.get_args(kind)
    return (kind,)


def _codes(handler: EventHandler) -> tuple[str, ...] | None:
    if handler.codes is None:
        return None
    return tuple(sorted({*ENGINE_CODES, *map(str, handler.codes)}))


def _require_schema(kind: Any, where: str) -> None:
    try:
        msgspec.json.schema(kind)
    except TypeError as error:
        raise UsageError(f"{where} has a type without a JSON Schema: {error}") from error


def _tidy(schema: Schema) -> Schema:
    """Return a schema without a docstring's indentation."""
    return {
        key: inspect.cleandoc(value) if key == "description" and isinstance(value, str) else value
        for key, value in schema.items()
    }


def _summary(described: object) -> str:
    """Return the first paragraph of what somebody wrote about this very thing, in one line."""
    text = inspect.cleandoc(getattr(described, "__doc__", None) or "")
    return " ".join(text.partition("\n\n")[0].split())


def _unique_names(classes: Sequence[type[NamespaceConsumer]]) -> dict[type[NamespaceConsumer], str]:
    names: dict[type[NamespaceConsumer], str] = {}
    for consumer_class in classes:
        name, number = consumer_class.__name__, 2
        while name in names.values():
            name, number = f"{consumer_class.__name__}{number}", number + 1
        names[consumer_class] = name
    return names
