"""Signals of what happens in rooms, for code that is no consumer.

Sent by the process that serves the socket, once it has happened and the room was told. Receivers
may be ``def`` (run in the database pool) or ``async def``; what they raise is logged, as
``django.dispatch``, and hurts nobody. ``sender`` is the namespace's class. Each is sent with
``namespace`` (its path), ``room`` (the name as joined), ``person`` (``rooms.people.Person``) and
``socket_id``.
"""

from django.dispatch import Signal

from realtime.namespaces.consumer import NamespaceConsumer

# A socket has entered a room. Joining again sends nothing.
joined = Signal()
# A socket is in a room no more: it left, its connection ended, or it was evicted.
left = Signal()
# A join was refused, or with ``room`` "" a socket at the namespace's door. Also ``code``, ``ref``.
denied = Signal()
# A socket had to leave a room that it was in; ``left`` follows. Also ``code``.
evicted = Signal()


async def tell(signal: Signal, consumer: NamespaceConsumer, **about: object) -> None:
    """Send a signal about a socket; never raises what a receiver does."""
    sender = type(consumer)
    if not signal.has_listeners(sender):
        return
    async with consumer.socket.process.database.lane():
        await signal.asend_robust(sender, namespace=consumer.namespace, **about)
