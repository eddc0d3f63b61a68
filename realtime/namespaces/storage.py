"""What the consumer classes of a process store of their rooms, as its adapter asks for it."""

import inspect
from collections.abc import Collection, Mapping

from realtime.adapters.base import Number, Numbered, RoomKey
from realtime.namespaces.consumer import NamespaceConsumer
from realtime.namespaces.encoding import encode_arguments
from realtime.namespaces.routing import RoutingTable
from realtime.protocol.encoded_event import EncodedEvent


class RoutedStorage:
    """Asks the class that answers for a namespace."""

    def __init__(self, routing: RoutingTable) -> None:
        self._routing = routing

    async def read_numbered(
        self, namespace: str, room: str, epoch: str, after: int, upto: int
    ) -> list[Numbered]:
        """Read stored events; see ``Storage``."""
        consumer_class = self._class_of(namespace)
        if consumer_class is None:
            return []
        return await consumer_class.read_numbered(namespace, room, epoch, after, upto)

    async def read_heads(self, rooms: Collection[RoomKey]) -> Mapping[RoomKey, Number]:
        """Read last numbers: one question for each implementation, whatever its classes."""
        asked: dict[object, tuple[type[NamespaceConsumer], list[RoomKey]]] = {}
        for key in rooms:
            consumer_class = self._class_of(key[0])
            if consumer_class is not None:
                implementation = inspect.getattr_static(consumer_class, "read_heads")
                asked.setdefault(implementation, (consumer_class, []))[1].append(key)
        heads: dict[RoomKey, Number] = {}
        for consumer_class, keys in asked.values():
            found = await consumer_class.read_heads(keys)
            heads.update((key, Number(epoch, offset)) for key, (epoch, offset) in found.items())
        return heads

    def lost_event(
        self, namespace: str, room: str, first: int | None, last: int | None
    ) -> EncodedEvent | None:
        """Return what sockets are told of a loss; see ``Storage``."""
        consumer_class = self._class_of(namespace)
        if consumer_class is None:
            return None
        event = consumer_class.lost_event(room, first, last)
        return EncodedEvent(event[0], encode_arguments(event[1:])) if event is not None else None

    def _class_of(self, namespace: str) -> type[NamespaceConsumer] | None:
        route = self._routing.match(namespace)
        return route.consumer_class if route is not None else None
