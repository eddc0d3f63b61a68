"""What the demo consists of: its users, namespaces and rooms, as plain values."""

from dataclasses import dataclass, field

from rooms.models.registry import RoomAccess
from rooms.models.roles import Role

ROOM_PASSWORD = "sesame"  # noqa: S105 -- shown in the room's title
# Each user, and whether it is a superuser.
USERS = {"admin": True, "alice": False, "bob": False, "mod": False}
# Each group, and the users in it.
GROUPS = {"demo staff": ("bob",)}


@dataclass(frozen=True, slots=True)
class DemoRoom:
    """A room, who has which role in it, and the groups that it is for."""

    name: str
    title: str
    access: RoomAccess = RoomAccess.OPEN
    roles: dict[str, Role] = field(default_factory=dict)
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DemoNamespace:
    """A namespace and its rooms."""

    path: str
    title: str
    welcome: str
    rooms: tuple[DemoRoom, ...] = ()


MODERATED = {"mod": Role.MODERATOR}
NAMESPACES = (
    DemoNamespace("/", "Roomkey", "Welcome to Roomkey!"),
    DemoNamespace(
        "/games",
        "Games",
        "This is the Gaming Channel!",
        (
            DemoRoom("rocket league", "Open to everyone"),
            DemoRoom("csgo", "Open to everyone, and mod is its moderator", roles=MODERATED),
            DemoRoom("bt1", "Open to everyone"),
            DemoRoom("lounge", "For everyone who is signed in", RoomAccess.LOGIN),
            DemoRoom("vault", "With a password", RoomAccess.PASSWORD),
            DemoRoom(
                "clan",
                "For its members: alice is one, bob is not",
                RoomAccess.MEMBERS,
                {"alice": Role.MEMBER, **MODERATED},
            ),
            DemoRoom(
                "backstage", "By invitation: mod hands them out", RoomAccess.INVITATION, MODERATED
            ),
            DemoRoom(
                "staff room",
                "For the group demo staff: bob is in it, alice is not",
                RoomAccess.GROUPS,
                MODERATED,
                groups=("demo staff",),
            ),
        ),
    ),
    DemoNamespace(
        "/news",
        "News",
        "This is the News Channel!",
        (
            DemoRoom("world", "Open to everyone, and mod is its moderator", roles=MODERATED),
            DemoRoom("science", "Open to everyone"),
            DemoRoom("newsroom", "For everyone who is signed in", RoomAccess.LOGIN),
        ),
    ),
)
