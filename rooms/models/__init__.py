"""The rows behind the rooms: the registry, its people, their messages, and who is there.

Django looks for every model here, so this package file imports, as others do not.
"""

from rooms.models.messages import Message
from rooms.models.people import Grant, Membership
from rooms.models.presence import Connection, Process, Seat
from rooms.models.records import DecisionRecord
from rooms.models.registry import Namespace, Room

__all__ = [
    "Connection",
    "DecisionRecord",
    "Grant",
    "Membership",
    "Message",
    "Namespace",
    "Process",
    "Room",
    "Seat",
]
