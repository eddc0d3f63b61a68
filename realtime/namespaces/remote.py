"""Asking about and acting on sockets wherever they are: on this process or another."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from realtime.adapters.base import Adapter, Replies, Target
from realtime.namespaces.declared import encode_for
from realtime.namespaces.encoding import encode_arguments
from realtime.namespaces.operations import (
    CALL,
    DISCONNECT,
    FETCH,
    JOIN,
    LEAVE,
    SERVER_EVENT,
    CallAnswer,
    CallRequest,
    DisconnectRequest,
    RoomsRequest,
    ServerEvent,
    SocketFacts,
    pack,
    unpack,
)

# How long other processes may take to answer what needs no client.
REQUEST_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Answers:
    """What clients answered to an event: the first argument of each.

    ``missing`` counts clients that did not in time, ``missing_processes`` the processes that did
    not tell about theirs.
    """

    responses: list[Any]
    missing: int = 0
    missing_processes: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether everybody answered."""
        return not self.missing and not self.missing_processes


@dataclass(frozen=True, slots=True)
class RemoteSocket:
    """A socket as any process sees it, and what it can do with it."""

    id: str
    namespace: str
    rooms: frozenset[str]
    person: dict[str, str]
    data: dict[str, Any]
    handshake: dict[str, Any]
    adapter: Adapter = field(repr=False, compare=False)

    @property
    def _target(self) -> Target:
        return Target(self.namespace, rooms=(self.id,))

    async def emit(self, event: str, *args: Any) -> None:
        """Send an event to this socket."""
        # Broadcasts are published by the operator; this is the one place that needs one here.
        from realtime.namespaces.broadcast import of  # noqa: PLC0415

        await of(self.namespace).to(self.id).aemit(event, *args)

    async def call(self, event: str, *args: Any, timeout_s: float) -> Answers:
        """Send an event to this socket and return what its client answers."""
        return await call(self.adapter, self._target, event, args, timeout_s)

    async def join(self, *rooms: str) -> None:
        """Put this socket into rooms."""
        await change_rooms(self.adapter, self._target, JOIN, rooms)

    async def leave(self, *rooms: str) -> None:
        """Take this socket out of rooms."""
        await change_rooms(self.adapter, self._target, LEAVE, rooms)

    async def disconnect(self, *, close: bool = False) -> None:
        """End this socket, or with ``close`` its whole connection."""
        await disconnect(self.adapter, self._target, close=close)


async def call(
    adapter: Adapter, target: Target, event: str, args: tuple[Any, ...], timeout_s: float
) -> Answers:
    """Send an event to every socket of a target and collect what the clients answer."""
    encoded = encode_for(target.namespace, event, args)
    request = CallRequest(encoded.name, encoded.args.json, encoded.args.attachments, timeout_s)
    replies = await adapter.request(CALL, target, pack(request), timeout_s=timeout_s)
    answers = [unpack(content, CallAnswer) for content in replies.answers]
    return Answers(
        responses=[response for answer in answers for response in answer.responses],
        missing=sum(answer.missing for answer in answers),
        missing_processes=replies.missing,
    )


async def fetch_sockets(adapter: Adapter, target: Target) -> list[RemoteSocket]:
    """Return the sockets of a target, over all processes that answer in time."""
    replies = await _request(adapter, FETCH, target, b"")
    return [
        RemoteSocket(
            id=facts.id,
            namespace=facts.namespace,
            rooms=frozenset(facts.rooms),
            person=facts.person,
            data=facts.data,
            handshake=facts.handshake,
            adapter=adapter,
        )
        for content in replies.answers
        for facts in unpack(content, list[SocketFacts])
    ]


async def change_rooms(
    adapter: Adapter, target: Target, operation: str, rooms: Iterable[str]
) -> None:
    """Have the sockets of a target join or leave rooms; done when this returns."""
    await _request(adapter, operation, target, pack(RoomsRequest(tuple(rooms))))


async def disconnect(adapter: Adapter, target: Target, *, close: bool) -> None:
    """End the sockets of a target, or the connections that they are on."""
    await _request(adapter, DISCONNECT, target, pack(DisconnectRequest(close)))


async def server_side_call(
    adapter: Adapter, namespace: str, event: str, args: tuple[Any, ...], timeout_s: float
) -> Answers:
    """Hand an event to the namespace's class on every other process; return what they answer."""
    request = ServerEvent(event, encode_arguments(args).json)
    replies = await adapter.request(
        SERVER_EVENT, Target(namespace), pack(request), timeout_s=timeout_s, include_self=False
    )
    return Answers(
        responses=[unpack(content, Any) for content in replies.answers],
        missing_processes=replies.missing,
    )


async def _request(adapter: Adapter, operation: str, target: Target, content: bytes) -> Replies:
    return await adapter.request(operation, target, content, timeout_s=REQUEST_TIMEOUT_S)
