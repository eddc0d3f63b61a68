"""What clients of a namespace may hear: the ``emits`` of its class, and their check under DEBUG.

With DEBUG off an event costs the look at a flag.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict

from django.conf import settings

from realtime.exceptions import UsageError
from realtime.namespaces.encoding import encode_event
from realtime.namespaces.payloads import Mismatch, check_kind, convert
from realtime.namespaces.running import find_process, serving_process
from realtime.protocol.encoded_event import EncodedEvent
from realtime.protocol.socket_packets import RESERVED_EVENTS

if TYPE_CHECKING:
    from realtime.namespaces.consumer import NamespaceConsumer


class Refusal(TypedDict):
    """The answer to a denied or faulty event: a stable code, a message for people, and details."""

    ok: Literal[False]
    code: str
    message: str
    room: NotRequired[str]
    field: NotRequired[str]
    retry_after: NotRequired[float]
    until: NotRequired[str]
    attempts_left: NotRequired[int]
    reason: NotRequired[str]
    ref: NotRequired[str]


# What clients of any namespace may hear: the refusal of an event that asked for no ack, a greeting.
STANDARD_EMITS: Mapping[str, tuple[Any, ...]] = {"err": (str, Refusal), "welcome": (str,)}
# Stands in ``emits`` for every event that has no other entry, as it does in ``@event``.
ANY_OTHER = "*"


@dataclass(frozen=True, slots=True)
class Declared:
    """The types of the arguments of each event that clients of a class may hear.

    ``is_whole`` says that they hear nothing else, so that what is emitted is checked.
    """

    types: Mapping[str, tuple[Any, ...]]
    is_whole: bool


NOTHING_DECLARED = Declared(STANDARD_EMITS, is_whole=False)


def collect_emits(consumer_class: type) -> Declared:
    """Return what a class declares, its bases' declarations included; a subclass's win.

    ``emits`` maps an event to the type of its argument, a tuple of types for several, or None for
    none. A class with ``"*": Any`` describes what it emits and leaves the rest open, unchecked; a
    subclass with ``emits`` of its own does so only if it says so again. Raises ``UsageError`` on a
    declaration that cannot be.
    """
    types = dict(STANDARD_EMITS)
    is_whole = False
    for base in reversed(consumer_class.__mro__):
        emits = vars(base).get("emits")
        if not emits:
            continue
        where = f"{base.__qualname__}.emits"
        is_whole = ANY_OTHER not in emits
        if emits.get(ANY_OTHER, Any) is not Any:
            raise UsageError(f'{where}: "*" stands for any event whatever: write "*": Any')
        for event, kinds in emits.items():
            if event != ANY_OTHER:
                types[event] = _checked_types(event, kinds, where)
    return Declared(types, is_whole)


@cache
def is_checking() -> bool:
    """Say whether what is emitted is checked. Remembered: a setting takes as long as a small emit.

    ``is_checking.cache_clear()`` where the setting has changed.
    """
    return bool(settings.DEBUG)


def check_emitted(consumer_class: "type[NamespaceConsumer]", event: EncodedEvent) -> None:
    """Raise ``UsageError`` if clients of this class are not to hear the event, or not so."""
    declared = consumer_class.declared
    if not declared.is_whole:
        return
    whose = f"{consumer_class.__qualname__}.emits"
    kinds = declared.types.get(event.name)
    if kinds is None:
        raise UsageError(f"{event.name!r} is not declared: add it to {whose}")
    # Judged as it leaves: what an argument is in Python is nothing to a client.
    values = event.args.values()
    if len(values) != len(kinds):
        raise UsageError(
            f"{event.name!r} has {len(values)} argument(s), {whose} declares {len(kinds)}"
        )
    for position, (value, kind) in enumerate(zip(values, kinds, strict=True)):
        try:
            convert(value, kind, position)
        except Mismatch as mismatch:
            raise UsageError(
                f"{event.name!r} is not what {whose} declares: {mismatch}"
            ) from mismatch


def encode_for(namespace: str, event: str, args: tuple[Any, ...]) -> EncodedEvent:
    """Encode an event for clients of a namespace; under DEBUG check it where its class is known.

    Raises ``UsageError`` on a reserved name, on what JSON cannot say, and on what is not declared.
    """
    encoded = encode_event(event, args)
    if is_checking():
        process = find_process() or serving_process()
        route = process.routing.match(namespace) if process is not None else None
        if route is not None:
            check_emitted(route.consumer_class, encoded)
    return encoded


def _checked_types(event: str, kinds: Any, where: str) -> tuple[Any, ...]:
    if event in RESERVED_EVENTS:
        raise UsageError(f"{where}: {event!r} is a reserved event name")
    if kinds is None:
        return ()
    types = kinds if isinstance(kinds, tuple) else (kinds,)
    for kind in types:
        check_kind(kind, f"{where}: {event!r}")
    return types
