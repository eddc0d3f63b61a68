"""The rows behind the rooms: the registry, its people, their messages, and who is there.

Django looks for every model here, so this package file imports, as others do not.
"""

from rooms.models.invitations import Invitation
from rooms.models.messages import Message
from rooms.models.people import Grant, Membership
from rooms.models.presence import Connection, Process, Seat
from rooms.models.records import DecisionRecord
from rooms.models.registry import Namespace, Room
from rooms.models.rules import AccessRule
from rooms.models.sanctions import Ban, Block, Mute
from rooms.models.tallies import Dashboard, Tally
from rooms.models.versions import PolicyChange

__all__ = [
    "AccessRule",
    "Ban",
    "Block",
    "Connection",
    "Dashboard",
    "DecisionRecord",
    "Grant",
    "Invitation",
    "Membership",
    "Message",
    "Mute",
    "Namespace",
    "PolicyChange",
    "Process",
    "Room",
    "Seat",
    "Tally",
]
