"""Sockets and stores that adapters meet in tests."""

import json
from collections.abc import Callable, Collection
from typing import Any

from realtime.adapters.base import Broadcast, Number, Numbered, RoomKey, Target
from realtime.adapters.memory import MemoryAdapter
from realtime.protocol.encoded_event import EncodedEvent, encode_args
from realtime.protocol.wire_message import WireMessage
from realtime.protocol.wires import PLAIN_WIRE, Wire

NAMESPACE = "/games"


class FakeMember:
    """A socket that writes down what it hears; ``heard`` are names of events."""

    def __init__(self, name: str, wire: Wire = PLAIN_WIRE) -> None:
        # Public ids have 24 characters; the first 8 are their process's.
        self.socket_id = name.ljust(24, "_")
        self.wire = wire
        self.messages: list[WireMessage] = []
        self.volatile: list[bool] = []
        self.overflows = 0
        self.send: Callable[[WireMessage, bool], bool] = self._take

    def _take(self, message: WireMessage, volatile: bool) -> bool:
        self.messages.append(message)
        self.volatile.append(volatile)
        return True

    def overflow(self) -> None:
        self.overflows += 1

    def forget(self) -> None:
        """Forget what was heard."""
        self.messages.clear()
        self.volatile.clear()

    @property
    def heard(self) -> list[str]:
        return [event_of(message) for message in self.messages]


def event_of(message: WireMessage) -> str:
    text = message.parts[0]
    assert isinstance(text, str)
    if text.startswith("{"):
        name: str = json.loads(text)["event"]
    else:
        name = json.loads(text[text.index("[") :])[0]
    return name


class Store:
    """What an application stored of one room, and what was asked of it."""

    def __init__(self) -> None:
        self.offsets: set[int] = set()
        self.asked: list[tuple[int, int]] = []
        self.failures = 0
        self.epoch = "one"
        # Whether the room's last offset is read, as once a second.
        self.tells_heads = False

    async def read_heads(self, rooms: Collection[RoomKey]) -> dict[RoomKey, Number]:
        if not self.tells_heads:
            return {}
        head = Number(self.epoch, max(self.offsets, default=0))
        return {key: head for key in rooms if key == (NAMESPACE, "csgo")}

    def lost_event(
        self, namespace: str, room: str, first: int | None, last: int | None
    ) -> EncodedEvent:
        assert namespace == NAMESPACE
        return EncodedEvent("lost" if first is None else f"lost{first}-{last}", encode_args([room]))

    async def read_numbered(
        self, namespace: str, room: str, epoch: str, after: int, upto: int
    ) -> list[Numbered]:
        assert (namespace, room) == (NAMESPACE, "csgo")
        self.asked.append((after, upto))
        if self.failures:
            self.failures -= 1
            raise OSError("the database is away")
        del epoch
        found = sorted(offset for offset in self.offsets if after < offset <= upto)
        return [Numbered(offset, f"n{offset}", ()) for offset in found]


async def answer_nothing(operation: str, target: Target, content: bytes) -> bytes:
    """Do nothing that a process is asked for."""
    del operation, target, content
    return b""


def memory_adapter(store: Store | None = None) -> MemoryAdapter:
    return MemoryAdapter(store or Store(), answer_nothing)


def event(name: str = "e", *args: Any, **where: Any) -> Broadcast:
    """Return a broadcast; without ``rooms`` it is for the namespace."""
    encoded = EncodedEvent(name, encode_args(args))
    return Broadcast(where.pop("namespace", NAMESPACE), encoded, **where)


def numbered(offset: int, *, epoch: str = "one", room: str = "csgo") -> Broadcast:
    """Return the event of an offset; it is named ``n<offset>``."""
    return event(f"n{offset}", rooms=(room,), number=Number(epoch, offset))
