"""Sending from anywhere: ``of("/games").in_("csgo").emit("newUser", …)``.

An operator is the unsent value "to whom, and how". It never changes: each step returns a new one,
so that a selection can be kept and used again. Inside a transaction what is emitted leaves on
commit; this module alone knows of that.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.conf import settings
from django.db import transaction

from realtime.adapters.base import Adapter, Broadcast, NothingStored, Number, Target
from realtime.adapters.channel_layer import ChannelLayerAdapter
from realtime.adapters.envelope import EnvelopeCodec, LayerEvent, LayerMessage
from realtime.adapters.groups import groups_of
from realtime.adapters.layer_api import LAYER_TIMEOUT_S, ChannelLayer
from realtime.adapters.memory import MemoryAdapter
from realtime.exceptions import UsageError
from realtime.namespaces import remote
from realtime.namespaces.declared import encode_for
from realtime.namespaces.identity import Identity
from realtime.namespaces.operations import JOIN, LEAVE
from realtime.namespaces.remote import Answers, RemoteSocket
from realtime.namespaces.running import find_process, serving_process

logger = logging.getLogger(__name__)

Operator = TypeVar("Operator", bound="Selection")
# The origin of what a process sends that serves no sockets.
NO_PROCESS = ""
# How long a process that serves nothing listens for those that do, before it asks them.
MEET_S = 0.4
Result = TypeVar("Result")
Watcher = Callable[[Broadcast], None]


class _Watch:
    def __init__(self) -> None:
        self.watchers: list[Watcher] = []

    def show(self, broadcast: Broadcast) -> None:
        for watcher in self.watchers:
            watcher(broadcast)


_watch = _Watch()


@contextlib.contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Show ``watcher`` every event as it leaves ``of()`` in this process, for tests.

    Meanwhile a process that serves no sockets sends nothing.
    """
    _watch.watchers.append(watcher)
    try:
        yield
    finally:
        _watch.watchers.remove(watcher)


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
        """Reach this process's sockets only: nobody, in one that serves none."""
        return replace(self, is_local=True)

    @property
    def target(self) -> Target:
        """Whom this selects."""
        return Target(self.namespace, self.rooms, self.users, self.excepted)

    def broadcast_of(self, event: str, args: tuple[Any, ...]) -> Broadcast:
        """Return the event for these sockets, encoded; raises ``UsageError`` if it cannot be."""
        if self.number is not None and (len(self.rooms) != 1 or self.users):
            raise UsageError("a numbered event is for exactly one room")
        return Broadcast(
            namespace=self.namespace,
            event=encode_for(self.namespace, event, args),
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
        if has_running_loop():
            raise UsageError("in a running event loop use: await of(…).aemit(…)")
        broadcast = self.broadcast_of(event, args)
        if not _watch.watchers:
            _require_reach()
        # Asked of the connection itself: on_commit() would open one to find no transaction.
        if transaction.get_connection().in_atomic_block:
            transaction.on_commit(lambda: _publish_from_thread(broadcast))
        else:
            _publish_from_thread(broadcast)

    async def aemit(self, event: str, *args: Any) -> None:
        """Send an event, from asynchronous code, at once."""
        broadcast = self.broadcast_of(event, args)
        _watch.show(broadcast)
        process = find_process()
        if process is not None:
            process.adapter.publish(broadcast)
            return
        serving = serving_process()
        if serving is not None:
            # Another loop of this process serves the sockets.
            serving.publish_threadsafe(broadcast)
            return
        if not _watch.watchers:
            _require_reach()
            await _send_to_layer(broadcast)

    async def acall(self, event: str, *args: Any, timeout_s: float) -> Answers:
        """Send an event and collect what the clients answer, over all processes."""
        async with reaching_adapter() as adapter:
            return await remote.call(adapter, self.target, event, args, timeout_s)

    async def afetch_sockets(self) -> list[RemoteSocket]:
        """Return these sockets, over all processes."""
        async with reaching_adapter() as adapter:
            return await remote.fetch_sockets(adapter, self.target, _socket_operator)

    async def asockets_join(self, *rooms: str) -> None:
        """Put these sockets into rooms; done when this returns."""
        async with reaching_adapter() as adapter:
            await remote.change_rooms(adapter, self.target, JOIN, rooms)

    async def asockets_leave(self, *rooms: str) -> None:
        """Take these sockets out of rooms; done when this returns."""
        async with reaching_adapter() as adapter:
            await remote.change_rooms(adapter, self.target, LEAVE, rooms)

    async def adisconnect_sockets(self, *, close: bool = False) -> None:
        """End these sockets, or with ``close`` the connections that they are on."""
        async with reaching_adapter() as adapter:
            await remote.disconnect(adapter, self.target, close=close)

    async def aserver_side_emit(self, event: str, *args: Any) -> None:
        """Hand an event to the namespace's class on every other process, not to clients."""
        async with reaching_adapter() as adapter:
            await remote.server_side_emit(adapter, self.namespace, event, args)

    async def aserver_side_call(self, event: str, *args: Any, timeout_s: float) -> Answers:
        """Do the same and return what the other processes answer."""
        async with reaching_adapter() as adapter:
            return await remote.server_side_call(adapter, self.namespace, event, args, timeout_s)

    def call(self, event: str, *args: Any, timeout_s: float) -> Answers:
        """Do what ``acall`` does, from synchronous code."""
        return run_from_thread(self.acall(event, *args, timeout_s=timeout_s), "acall")

    def fetch_sockets(self) -> list[RemoteSocket]:
        """Do what ``afetch_sockets`` does, from synchronous code."""
        return run_from_thread(self.afetch_sockets(), "afetch_sockets")

    def sockets_join(self, *rooms: str) -> None:
        """Do what ``asockets_join`` does, from synchronous code."""
        run_from_thread(self.asockets_join(*rooms), "asockets_join")

    def sockets_leave(self, *rooms: str) -> None:
        """Do what ``asockets_leave`` does, from synchronous code."""
        run_from_thread(self.asockets_leave(*rooms), "asockets_leave")

    def disconnect_sockets(self, *, close: bool = False) -> None:
        """Do what ``adisconnect_sockets`` does, from synchronous code."""
        run_from_thread(self.adisconnect_sockets(close=close), "adisconnect_sockets")

    def server_side_emit(self, event: str, *args: Any) -> None:
        """Do what ``aserver_side_emit`` does, from synchronous code."""
        run_from_thread(self.aserver_side_emit(event, *args), "aserver_side_emit")


@dataclass(frozen=True, slots=True)
class SocketOperator(Selection):
    """What a consumer's ``to``, ``in_``, ``except_`` and ``broadcast`` return."""

    async def emit(self, event: str, *args: Any) -> None:
        """Send an event to these sockets."""
        _own_adapter().publish(self.broadcast_of(event, args))

    aemit = emit

    async def call(self, event: str, *args: Any, timeout_s: float) -> Answers:
        """Send an event and collect what the clients answer, over all processes."""
        return await remote.call(_own_adapter(), self.target, event, args, timeout_s)

    async def fetch_sockets(self) -> list[RemoteSocket]:
        """Return these sockets, over all processes."""
        return await remote.fetch_sockets(_own_adapter(), self.target, _socket_operator)

    async def sockets_join(self, *rooms: str) -> None:
        """Put these sockets into rooms; done when this returns."""
        await remote.change_rooms(_own_adapter(), self.target, JOIN, rooms)

    async def sockets_leave(self, *rooms: str) -> None:
        """Take these sockets out of rooms; done when this returns."""
        await remote.change_rooms(_own_adapter(), self.target, LEAVE, rooms)

    async def disconnect_sockets(self, *, close: bool = False) -> None:
        """End these sockets, or with ``close`` the connections that they are on."""
        await remote.disconnect(_own_adapter(), self.target, close=close)

    async def server_side_emit(self, event: str, *args: Any) -> None:
        """Hand an event to the namespace's class on every other process, not to clients."""
        await remote.server_side_emit(_own_adapter(), self.namespace, event, args)


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


def _socket_operator(namespace: str, socket_id: str) -> BroadcastOperator:
    return of(namespace).to(socket_id)


def _own_adapter() -> Adapter:
    process = find_process()
    if process is None:
        raise UsageError("a consumer emits on the event loop that serves it")
    return process.adapter


@contextlib.asynccontextmanager
async def reaching_adapter() -> AsyncIterator[Adapter]:
    """Give the adapter of this loop, or a passing one that asks the processes that serve."""
    process = find_process()
    if process is not None:
        yield process.adapter
        return
    _require_reach()
    passing = make_adapter()
    await passing.start()
    try:
        await passing.meet(MEET_S)
        yield passing
    finally:
        await passing.stop()


def make_adapter() -> ChannelLayerAdapter:
    """Return an adapter for a process that serves no sockets and answers nothing."""

    async def answer_nothing(*_: object) -> bytes:
        return b""

    codec = EnvelopeCodec([settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS])
    layer = cast("ChannelLayer", get_channel_layer())
    local = MemoryAdapter(NothingStored(), answer_nothing)
    return ChannelLayerAdapter(local, layer, codec, secrets.token_urlsafe(6), serves=False)


def run_from_thread(running: Coroutine[Any, Any, Result], twin: str) -> Result:
    """Run something where this process's sockets are, or here, and wait for it.

    Raises ``UsageError`` that names the asynchronous ``twin`` in a running event loop.
    """
    if has_running_loop():
        running.close()
        raise UsageError(f"in a running event loop use: await …{twin}(…)")
    process = serving_process()
    if process is not None:
        return process.run_threadsafe(running)

    async def run() -> Result:
        return await running

    return async_to_sync(run)()


def has_running_loop() -> bool:
    """Say whether this thread runs an event loop now."""
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
            "set REDIS_URL, or in settings of your own a CHANNEL_LAYERS that joins processes"
        )


def _publish_from_thread(broadcast: Broadcast) -> None:
    _watch.show(broadcast)
    process = serving_process()
    if process is not None:
        process.publish_threadsafe(broadcast)
    elif not _watch.watchers:
        async_to_sync(_send_to_layer)(broadcast)


async def _send_to_layer(broadcast: Broadcast) -> None:
    if broadcast.local:
        return
    event = LayerEvent.of(broadcast, origin=NO_PROCESS)
    # What was committed stays committed; stored messages are found by their offset.
    await hand_to_layer(groups_of(broadcast), event, about=broadcast.event.name)


async def hand_to_layer(groups: Iterable[str], message: LayerMessage, *, about: str) -> None:
    """Send to other processes from one that serves no sockets; a failure is logged."""
    codec = EnvelopeCodec([settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS])
    layer = cast("ChannelLayer", get_channel_layer())
    try:
        async with asyncio.timeout(LAYER_TIMEOUT_S):
            sealed = codec.seal(message)
            for group in groups:
                await layer.group_send(group, sealed)
    except Exception as error:  # noqa: BLE001 - layers raise what their clients raise
        # A layer that is away is no fault of the code: what failed is said, not where.
        logger.error("not handed to the layer", extra={"event": about, "error": repr(error)})
