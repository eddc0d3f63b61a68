"""Signals of the life of sockets, for code that is no consumer.

Receivers may be ``def`` (run in the database pool) or ``async def``; what they raise is logged and
hurts nobody. ``sender`` is the consumer class, ``consumer`` its instance.
"""

from django.dispatch import Signal

# consumer: a socket is in.
socket_connected = Signal()
# consumer, reason: an accepted socket has ended, for this Socket.IO reason.
socket_disconnected = Signal()
# topic, args: some process, perhaps this one, sent a notice; sent on the loop that serves sockets.
# What receivers return, unless None, is JSON and goes back to whoever asked.
process_noticed = Signal()
