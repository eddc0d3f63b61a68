"""Declaring event handlers, and decoding what clients send into their annotated types.

The registry is made when a consumer class is: nothing that a client sends is ever looked up as an
attribute.
"""

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from realtime.exceptions import Refused, UsageError
from realtime.namespaces.payloads import Mismatch, check_kind, convert
from realtime.protocol.socket_packets import RESERVED_EVENTS

Handler = TypeVar("Handler", bound=Callable[..., Any])

CATCH_ALL = "*"


class _NoAck(Enum):
    NO_ACK = "no ack"


# What a handler returns that leaves its event unanswered, though an ack was asked for.
NO_ACK = _NoAck.NO_ACK
MAX_NAME = 128
_MARK = "_realtime_event"


@dataclass(frozen=True, slots=True)
class EventMark:
    """What ``@event`` notes on a method."""

    name: str
    is_join: bool
    codes: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class EventHandler:
    """One handler of a consumer class: how to call it, and what it takes.

    ``types`` are those of the positional arguments after ``self`` (and after the name, for a
    catch-all), ``parameters`` their names; ``rest`` is that of ``*args``, or None where the handler
    takes no more. ``answer`` is the type of what it returns; ``codes`` are those of its refusals,
    None where it does not say.
    """

    name: str
    attribute: str
    is_async: bool
    is_join: bool
    types: tuple[Any, ...]
    parameters: tuple[str, ...]
    required: int
    rest: Any
    answer: Any
    codes: tuple[str, ...] | None

    def decode(self, args: Sequence[Any]) -> list[Any]:
        """Return the arguments as annotated; raises ``Refused("bad_request")`` with ``field``.

        ``field`` is the path of what is wrong, such as ``args[0].text``. Arguments that the
        handler does not take are ignored, as JavaScript listeners do.
        """
        if len(args) < self.required:
            raise Refused(
                "bad_request",
                _("“%(event)s” needs %(count)d argument(s).")
                % {"event": self.name, "count": self.required},
                field=f"args[{len(args)}]",
            )
        wanted = self.types[: len(args)]
        decoded = [_decode(arg, kind, at) for at, (arg, kind) in enumerate(zip(args, wanted))]  # noqa: B905
        if self.rest is not None:
            for at in range(len(wanted), len(args)):
                decoded.append(_decode(args[at], self.rest, at))
        return decoded


def event(
    name: str, *, is_join: bool = False, codes: Sequence[str] | None = None
) -> Callable[[Handler], Handler]:
    """Make a method the handler of an event; ``"*"`` takes every event that has no other.

    The method may be ``async def``, or ``def``: that runs in the bounded database pool. Its
    annotations decode and check the arguments. What it returns is the ack: one value, a tuple for
    several, None for an empty ack, ``NO_ACK`` for none at all; its annotation describes the ack to
    clients. ``is_join`` counts the event against the rate of joins. ``codes`` tells clients which
    refusals to expect beside the engine's own.
    """
    if name in RESERVED_EVENTS:
        raise UsageError(f"{name!r} is a reserved event name")
    if not 0 < len(name) <= MAX_NAME:
        raise UsageError(f"an event's name has 1 to {MAX_NAME} characters")
    if isinstance(codes, str):
        raise UsageError(f'codes are a tuple: codes=("{codes}",)')
    declared = None if codes is None else tuple(codes)

    def mark(method: Handler) -> Handler:
        setattr(method, _MARK, EventMark(name, is_join, declared))
        return method

    return mark


def collect_handlers(consumer_class: type) -> Mapping[str, EventHandler]:
    """Return a class's handlers by event name; a subclass's win over its bases'."""
    handlers: dict[str, EventHandler] = {}
    for base in reversed(consumer_class.__mro__):
        own: set[str] = set()
        for attribute, value in vars(base).items():
            mark = getattr(value, _MARK, None)
            if not isinstance(mark, EventMark):
                continue
            if mark.name in own:
                raise UsageError(f"{base.__qualname__} handles {mark.name!r} twice")
            own.add(mark.name)
            handlers[mark.name] = _describe(mark, attribute, value)
    return handlers


def _describe(mark: EventMark, attribute: str, method: Callable[..., Any]) -> EventHandler:
    # With extras: limits of a plain value stand in ``Annotated[str, msgspec.Meta(…)]``.
    hints = typing.get_type_hints(method, include_extras=True)
    parameters = list(inspect.signature(method).parameters.values())[1:]
    if mark.name == CATCH_ALL:
        if not parameters:
            raise UsageError(f"{attribute} takes the event's name as its first argument")
        parameters = parameters[1:]
    types: list[Any] = []
    names: list[str] = []
    required = 0
    rest = None
    for parameter in parameters:
        kind = hints.get(parameter.name, Any)
        check_kind(kind, f"{method.__qualname__}: {parameter.name}")
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            rest = kind
        elif parameter.kind in {
            inspect.Parameter.POSITIONAL_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
        }:
            types.append(kind)
            names.append(parameter.name)
            required += parameter.default is inspect.Parameter.empty
    return EventHandler(
        name=mark.name,
        attribute=attribute,
        is_async=inspect.iscoroutinefunction(method),
        is_join=mark.is_join,
        types=tuple(types),
        parameters=tuple(names),
        required=required,
        rest=rest,
        answer=hints.get("return", Any),
        codes=mark.codes,
    )


def _decode(value: Any, kind: Any, position: int) -> Any:
    try:
        return convert(value, kind, position)
    except Mismatch as mismatch:
        raise Refused(
            "bad_request",
            _("%(field)s: %(problem)s.") % {"field": mismatch.field, "problem": mismatch.problem},
            field=mismatch.field,
        ) from mismatch
