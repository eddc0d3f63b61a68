"""Asking about and acting on sockets wherever they are: on this process or another."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from realtime.adapters.base import Adapter, Replies, Target
from realtime.exceptions import AckTimeout
from realtime.namespaces.declared import encode_for
from realtime.namespaces.encoding import encode_arguments
from realtime.namespaces.operations import (
    CALL,
    DISCONNECT,
    FETCH,
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

logger = logging.getLogger(__name__)

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


class Operator(Protocol):
    """What can be done with a selection of sockets, here that of a single one."""

    async def aemit(self, event: str, *args: Any) -> None:
        """Send an event."""

    async def acall(self, event: str, *args: Any, timeout_s: float) -> Answers:
        """Send an event and collect the answers."""

    async def asockets_join(self, *rooms: str) -> None:
        """Join rooms."""

    async def asockets_leave(self, *rooms: str) -> None:
        """Leave rooms."""

    async def adisconnect_sockets(self, *, close: bool = False) -> None:
        """End the sockets."""


@dataclass(frozen=True, slots=True)
class RemoteSocket:
    """A socket as any process sees it, and what it can do with it."""

    id: str
    namespace: str
    rooms: frozenset[str]
    person: dict[str, str]
    data: dict[str, Any]
    handshake: dict[str, Any]
    operator: Operator = field(repr=False, compare=False)

    async def emit(self, event: str, *args: Any) -> None:
        """Send an event to this socket."""
        await self.operator.aemit(event, *args)

    async def call(self, event: str, *args: Any, timeout_s: float) -> Any:
        """Send an event to this socket and return its client's first argument.

        Raises ``AckTimeout`` when no answer came in time.
        """
        answers = await self.operator.acall(event, *args, timeout_s=timeout_s)
        if not answers.responses:
            raise AckTimeout(f"no answer to {event!r} within {timeout_s:g} s")
        return answers.responses[0]

    async def join(self, *rooms: str) -> None:
        """Put this socket into rooms."""
        await self.operator.asockets_join(*rooms)

    async def leave(self, *rooms: str) -> None:
        """Take this socket out of rooms."""
        await self.operator.asockets_leave(*rooms)

    async def disconnect(self, *, close: bool = False) -> None:
        """End this socket, or with ``close`` its whole connection."""
        await self.operator.adisconnect_sockets(close=close)


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


async def fetch_sockets(
    adapter: Adapter, target: Target, operate: Callable[[str, str], Operator]
) -> list[RemoteSocket]:
    """Return the sockets of a target, over all processes that answer in time.

    ``operate`` gives the operator of one socket, by its namespace and id.
    """
    replies = await _request(adapter, FETCH, target, b"")
    return [
        RemoteSocket(
            id=facts.id,
            namespace=facts.namespace,
            rooms=frozenset(facts.rooms),
            person=facts.person,
            data=facts.data,
            handshake=facts.handshake,
            operator=operate(facts.namespace, facts.id),
        )
        for content in replies.answers
        for facts in unpack(content, list[SocketFacts])
    ]


async def change_rooms(
    adapter: Adapter, target: Target, operation: str, rooms: Iterable[str]
) -> None:
    """Have the sockets of a target join or leave rooms; done when this returns.

    A process that did not answer in time, which is logged, may do it later.
    """
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


async def server_side_emit(
    adapter: Adapter, namespace: str, event: str, args: tuple[Any, ...]
) -> None:
    """Hand an event to the namespace's class on every other process; answers are not told."""
    answers = await server_side_call(adapter, namespace, event, args, REQUEST_TIMEOUT_S)
    _tell_of_missing(adapter, SERVER_EVENT, answers.missing_processes)


async def _request(adapter: Adapter, operation: str, target: Target, content: bytes) -> Replies:
    replies = await adapter.request(operation, target, content, timeout_s=REQUEST_TIMEOUT_S)
    _tell_of_missing(adapter, operation, replies.missing)
    return replies


def _tell_of_missing(adapter: Adapter, operation: str, missing: tuple[str, ...]) -> None:
    # What the caller gets looks as if nobody were there.
    if missing or adapter.lost_at is not None:
        logger.warning(
            "not every process answered",
            extra={
                "operation": operation,
                "missing": ",".join(missing),
                "layer_is_lost": adapter.lost_at is not None,
            },
        )
