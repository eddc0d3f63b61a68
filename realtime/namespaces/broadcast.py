"""Sending from anywhere: ``of("/games").in_("csgo").emit("newUser", …)``.

An operator is the unsent value "to whom, and how". It never changes: each step returns a new one,
so that a selection can be kept and used again. Inside a transaction what is emitted leaves on
commit; this module alone knows of that.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.conf import settings
from django.db import transaction

from realtime.adapters.base import Broadcast, Number
from realtime.adapters.channel_layer import LAYER_TIMEOUT_S, ChannelLayer, groups_of
from realtime.adapters.envelope import EnvelopeCodec
from realtime.exceptions import UsageError
from realtime.namespaces.encoding import encode_event
from realtime.namespaces.identity import Identity
from realtime.namespaces.running import find_process, serving_process

logger = logging.getLogger(__name__)

Operator = TypeVar("Operator", bound="Selection")
# The origin of what a process sends that serves no sockets.
_NO_PROCESS = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """Sockets of one namespace; without a room or user, all of them."""

    namespace: str
    rooms: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    excepted: tuple[str, ...] = ()
    is_volatile: bool = False
    is_local: bool = False
    number: Number | None = field(default=None)

    def to(self: Operator, *rooms: str | Iterable[str]) -> Operator:
        """Add rooms (or ids of sockets); several are a union without doubles."""
        return replace(self, rooms=_united(self.rooms, rooms))

    def in_(self: Operator, *rooms: str | Iterable[str]) -> Operator:
        """Add rooms (or ids of sockets), as ``to`` does."""
        return replace(self, rooms=_united(self.rooms, rooms))

    def user(self: Operator, *users: Any) -> Operator:
        """Add every socket of these users (or identities, or user ids)."""
        ids = tuple(_user_id(user) for user in users)
        return replace(self, users=tuple(dict.fromkeys((*self.users, *ids))))

    def except_(self: Operator, *names: str | Iterable[str]) -> Operator:
        """Leave out rooms or single sockets."""
        return replace(self, excepted=_united(self.excepted, names))

    def numbered(self: Operator, epoch: str, offset: int) -> Operator:
        """Have the event delivered in its place among the room's numbered events, once."""
        return replace(self, number=Number(epoch, offset))

    @property
    def volatile(self: Operator) -> Operator:
        """Let sockets that are not writable now miss the event."""
        return replace(self, is_volatile=True)

    @property
    def local(self: Operator) -> Operator:
        """Reach this process's sockets only."""
        return replace(self, is_local=True)

    def broadcast_of(self, event: str, args: tuple[Any, ...]) -> Broadcast:
        """Return the event for these sockets, encoded; raises ``UsageError`` if it cannot be."""
        if self.number is not None and (len(self.rooms) != 1 or self.users):
            raise UsageError("a numbered event is for exactly one room")
        return Broadcast(
            namespace=self.namespace,
            event=encode_event(event, args),
            rooms=self.rooms,
            users=self.users,
            excepted=self.excepted,
            volatile=self.is_volatile,
            local=self.is_local,
            number=self.number,
        )


@dataclass(frozen=True, slots=True)
class BroadcastOperator(Selection):
    """What ``of()`` returns: emits from views, signals, tasks and commands."""

    def emit(self, event: str, *args: Any) -> None:
        """Send an event, from synchronous code: at once, or on commit inside a transaction.

        Raises ``UsageError`` in a running event loop (there use ``aemit``), and in a process that
        serves no sockets while the channel layer is in-memory.
        """
        if _has_running_loop():
            raise UsageError("in a running event loop use: await of(…).aemit(…)")
        broadcast = self.broadcast_of(event, args)
        _require_reach()
        transaction.on_commit(lambda: _publish_from_thread(broadcast))

    async def aemit(self, event: str, *args: Any) -> None:
        """Send an event, from asynchronous code, at once."""
        broadcast = self.broadcast_of(event, args)
        process = find_process()
        if process is not None:
            process.adapter.publish(broadcast)
            return
        serving = serving_process()
        if serving is not None:
            # Another loop of this process serves the sockets.
            serving.publish_threadsafe(broadcast)
            return
        _require_reach()
        await _send_to_layer(broadcast)


@dataclass(frozen=True, slots=True)
class SocketOperator(Selection):
    """What a consumer's ``to``, ``in_``, ``except_`` and ``broadcast`` return."""

    async def emit(self, event: str, *args: Any) -> None:
        """Send an event to these sockets."""
        broadcast = self.broadcast_of(event, args)
        process = find_process()
        if process is None:
            raise UsageError("a consumer emits on the event loop that serves it")
        process.adapter.publish(broadcast)

    aemit = emit


def of(namespace: str) -> BroadcastOperator:
    """Return an operator for a namespace, such as ``"/games"``, from anywhere in the project."""
    if not namespace.startswith("/"):
        raise UsageError(f'a namespace starts with a slash: of("/{namespace}")')
    return BroadcastOperator(namespace)


def _united(known: tuple[str, ...], names: tuple[str | Iterable[str], ...]) -> tuple[str, ...]:
    added: list[str] = []
    for name in names:
        added.extend([name] if isinstance(name, str) else name)
    return tuple(dict.fromkeys((*known, *added)))


def _user_id(user: Any) -> str:
    if isinstance(user, Identity):
        if user.user_id is None:
            raise UsageError("a guest has no user id: address a guest's sockets by their ids")
        return user.user_id
    return str(getattr(user, "pk", user))


def _has_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _require_reach() -> None:
    if serving_process() is not None:
        return
    layer = get_channel_layer()
    if layer is None or isinstance(layer, InMemoryChannelLayer):
        raise UsageError(
            "this process serves no sockets, and the in-memory channel layer reaches no other: "
            "set REDIS_URL"
        )


def _publish_from_thread(broadcast: Broadcast) -> None:
    process = serving_process()
    if process is not None:
        process.publish_threadsafe(broadcast)
    else:
        async_to_sync(_send_to_layer)(broadcast)


async def _send_to_layer(broadcast: Broadcast) -> None:
    codec = EnvelopeCodec([settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS])
    message = codec.seal(broadcast, origin=_NO_PROCESS)
    layer = cast("ChannelLayer", get_channel_layer())
    try:
        async with asyncio.timeout(LAYER_TIMEOUT_S):
            for group in groups_of(broadcast):
                await layer.group_send(group, message)
    except Exception:
        # What was committed stays committed; stored messages are found by their offset.
        logger.exception("event not handed to the layer", extra={"event": broadcast.event.name})
