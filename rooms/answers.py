"""What clients are told in room events: the types of acks and of what is heard, and the codes.

Declarations alone, from which the engine checks what leaves and describes it to programmers.
Source: DESIGN section 6.
"""

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, Required, TypeAlias, TypedDict

from realtime.namespaces.declared import Refusal
from rooms.denials import Code

RoleName: TypeAlias = Literal["owner", "moderator", "member"]
AccessName: TypeAlias = Literal["open", "login", "password", "invitation", "members", "groups"]

# What being in a room takes, asked again whenever its member speaks or reads.
_PRESENCE_CODES = (
    Code.NAMESPACE_CLOSED,
    Code.ROOM_CLOSED,
    Code.BANNED,
    Code.FORBIDDEN,
    Code.LOGIN_REQUIRED,
    Code.PASSWORD_REQUIRED,
    Code.INVITATION_REQUIRED,
    Code.NOT_A_MEMBER,
)
JOIN_CODES = (
    *_PRESENCE_CODES,
    Code.UNKNOWN_ROOM,
    Code.WRONG_PASSWORD,
    Code.INVALID_INVITATION,
    Code.ROOM_FULL,
)
SEND_CODES = (
    *_PRESENCE_CODES,
    Code.UNKNOWN_ROOM,
    Code.NOT_JOINED,
    Code.MUTED,
    Code.READ_ONLY,
)
INSIDE_CODES = (Code.NOT_JOINED,)
READ_CODES = (*_PRESENCE_CODES, Code.NOT_JOINED)
# With a user in place of a room, the other may be nobody.
HISTORY_CODES = (*READ_CODES, Code.UNKNOWN_USER)
MODERATE_CODES = (Code.UNKNOWN_ROOM, Code.BANNED, Code.FORBIDDEN, Code.LOGIN_REQUIRED)
ON_PERSON_CODES = (*MODERATE_CODES, Code.UNKNOWN_USER)
REMOVE_CODES = (*MODERATE_CODES, Code.UNKNOWN_MESSAGE)
CONVERSATIONS_CODES = (Code.LOGIN_REQUIRED,)
BLOCK_CODES = (Code.LOGIN_REQUIRED, Code.UNKNOWN_USER)
PRIVATE_CODES = (
    *BLOCK_CODES,
    Code.NAMESPACE_CLOSED,
    Code.BANNED,
    Code.FORBIDDEN,
    Code.MUTED,
)


class User(TypedDict):
    """A person: a signed-in user, or a guest, whose id begins with ``guest:``."""

    id: str
    name: str


class Author(TypedDict):
    """Who wrote a message; ``id`` is null once the user is deleted."""

    id: str | None
    name: str


class Member(User):
    """A person in a room; ``sockets`` is how many of theirs are in it."""

    role: RoleName | None
    sockets: int


class _Content(TypedDict):
    """What a message is, wherever it was said."""

    id: str
    offset: int | None
    user: NotRequired[Author | None]
    text: NotRequired[str]
    data: NotRequired[dict[str, Any]]
    at: NotRequired[str]
    nonce: NotRequired[str]
    removed: NotRequired[Literal[True]]


class Message(_Content):
    """A message of a room. A removed one has ``removed``, and neither user nor text nor instant.

    ``offset`` is null in rooms that keep no history, ``user`` for what the site itself posts;
    ``at`` is RFC 3339 in UTC.
    """

    room: str


# Called, since ``from`` is no name that a class could hold.
_Ends = TypedDict("_Ends", {"from": str, "to": str})


class PrivateMessage(_Content, _Ends):
    """A message between two users, whose ids are ``from`` and ``to``; otherwise as Message."""

    room: None


class ListedRoom(TypedDict):
    """A room in a list; ``code`` is the denial that a join without credentials gets now, or null.

    ``capacity`` is null where there is no limit; ``members`` counts persons.
    """

    name: str
    title: str
    access: AccessName
    code: str | None
    locked: bool
    joined: bool
    members: int
    capacity: int | None


class NamespaceTitle(TypedDict):
    """A namespace: its path, and its title for people."""

    path: str
    title: str


class Identity(TypedDict):
    """Who this socket is; ``guest`` is the token by which a guest comes back as the same one."""

    namespace: NamespaceTitle
    user: User
    guest: NotRequired[str]


class Presence(TypedDict):
    """Who came or left; ``members`` counts persons, ``sockets`` those of this person."""

    room: str
    user: User
    members: int
    sockets: int


class MembersCount(TypedDict):
    """How many persons are in a large room."""

    room: str
    members: int


class Typing(TypedDict):
    """Who is typing in a room."""

    room: str
    user: User


class Kicked(TypedDict):
    """Why this socket is in a room no more, for people and as a code."""

    room: str
    code: str
    message: str
    reason: NotRequired[str]
    until: NotRequired[str]
    ref: NotRequired[str]


class Muted(TypedDict):
    """This person may read and not write; ``until`` is null where no end is set."""

    room: str
    until: str | None
    message: str


class Unmuted(TypedDict):
    """This person may write again."""

    room: str


class MessageRemoved(TypedDict):
    """A message's text is taken away; its place stays."""

    room: str
    id: str
    offset: int


class RightsChanged(TypedDict):
    """What this person may do in a room by now; with another role or power, ask for the rest.

    ``refusal`` is what a message would be answered, or null, slow mode's pace aside;
    ``slow_mode_s`` the time between two messages, 0 for those whom it spares; ``closes_at`` when
    all have to leave, or null.
    """

    room: str
    role: RoleName | None
    moderates: bool
    slow_mode_s: int
    closes_at: str | None
    refusal: Refusal | None


class RoleChanged(TypedDict):
    """Somebody who is in a room has another role by now, or none."""

    room: str
    user: User
    role: RoleName | None


class RoomsChanged(TypedDict):
    """Rooms of a list that are new or otherwise, and the names of those that it shows no more."""

    changed: list[ListedRoom]
    removed: list[str]


# ``from`` is no name for an attribute.
Missed = TypedDict(
    "Missed", {"room": Required[str], "from": NotRequired[int], "to": NotRequired[int]}
)
Missed.__doc__ = "Messages of a room that will not be heard: their offsets, where they had any."


class Done(TypedDict):
    """It is done."""

    ok: Literal[True]


class Joined(Done):
    """This socket is in the room: what it needs to show it, from its last message on.

    ``offset`` is the room's last and ``epoch`` its history's name, both null where it keeps none;
    ``more`` says that there are more messages than these, ``recovered`` that none after ``since``
    is lost.
    """

    room: str
    members: int
    role: RoleName | None
    epoch: str | None
    offset: int | None
    messages: list[Message]
    more: bool
    recovered: bool


class LeftRoom(Done):
    """This socket is in the room no more."""

    room: str


class Sent(Done):
    """The message is stored; ``offset`` is null where the room keeps none."""

    id: str
    offset: int | None
    at: str


class History(Done):
    """A page of messages in offset order."""

    epoch: str | None
    messages: list[Message]
    more: bool


class PrivateHistory(Done):
    """A page of what two users said to each other; ``epoch`` is null before the first word."""

    epoch: str | None
    messages: list[PrivateMessage]
    more: bool


class RoomList(Done):
    """A page of rooms by name."""

    rooms: list[ListedRoom]
    more: bool


class MemberList(Done):
    """Who is in a room, at most 500; ``count`` is how many there are."""

    members: list[Member]
    count: int


class MadeInvitation(TypedDict):
    """An invitation; the token, and the address that holds it, are shown this once."""

    id: str
    token: str
    url: str


class Invitations(Done):
    """The invitations that were asked for."""

    invitations: list[MadeInvitation]


class Rights(RightsChanged, Done):
    """What this person may do in a room; ``roles`` are those that they may give.

    ``rank``: 0 a stranger, 1 a member, 2 a moderator, 3 an owner, 4 the site; one acts on those
    below. ``refusal`` heeds slow mode's pace, too.
    """

    rank: int
    roles: list[RoleName]


class Sanction(TypedDict):
    """A person's ban or mute in a room; ``until`` is null without an end, ``by`` for the site."""

    user: User
    reason: str
    until: str | None
    by: str | None


class Sanctions(Done):
    """The bans and mutes of persons that are in force in one room, the latest first."""

    bans: list[Sanction]
    mutes: list[Sanction]


class Conversation(TypedDict):
    """Whom one writes to in private, or blocks; ``offset`` is the last message's, 0 for none."""

    user: User
    offset: int
    at: str | None
    blocked: bool


class Conversations(Done):
    """Private conversations in this namespace, the latest first, and whoever is blocked."""

    conversations: list[Conversation]


EMITS: Mapping[str, Any] = {
    "welcome": str,
    "identity": Identity,
    "success": str,
    "newUser": (str, Presence),
    "userLeft": (str, Presence),
    "membersChanged": MembersCount,
    "message": Message,
    "typing": Typing,
    "kicked": Kicked,
    "muted": Muted,
    "unmuted": Unmuted,
    "messageRemoved": MessageRemoved,
    "rightsChanged": RightsChanged,
    "roleChanged": RoleChanged,
    "missed": Missed,
    "roomsChanged": RoomsChanged,
    "private": PrivateMessage,
    # A site sends its rooms what it likes, and in its own form, from views and tasks.
    "*": Any,
}
