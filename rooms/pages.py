"""What the pages show of the registry: namespaces and rooms, as one visitor may see them.

Synchronous reads for views. The list of a namespace's rooms is the ``rooms`` event's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from django.urls import reverse
from django.utils import timezone

from rooms.listing import ROOMS_PAGE, list_rooms
from rooms.models import Namespace
from rooms.names import clean_room_name
from rooms.page_texts import ACCESS_TEXTS, STATE_ICONS, STATE_TEXTS, counted
from rooms.people import NO_POWERS, Person, Powers, Standing, load_powers, subject_of
from rooms.policy import decide
from rooms.policy_values import Action, Credentials, Decision
from rooms.registry import NamespaceFacts, find_namespaces
from rooms.shapes import Shape

# The site's own namespace has the first page, and no page of its own.
SITE_PATH = "/"


@dataclass(frozen=True, slots=True)
class NamespacePage:
    """A namespace as a page shows it; ``refusal`` says why this visitor may not enter."""

    path: str
    title: str
    welcome: str
    powers: Powers
    refusal: Decision | None
    allows_private: bool = True

    @property
    def url(self) -> str:
        """Where its page answers."""
        return namespace_url(self.path)


@dataclass(frozen=True, slots=True)
class RoomRow:
    """One room of the list: ``facts`` as the ``rooms`` event gives them, and how they are put."""

    facts: Shape
    url: str
    is_current: bool = False

    @property
    def name(self) -> str:
        """The name that it is joined by."""
        return str(self.facts["name"])

    @property
    def subtitle(self) -> str:
        """The title, where it says more than the name."""
        title = str(self.facts["title"])
        return "" if title == self.name else title

    @property
    def joined(self) -> bool:
        """Whether this socket is in it; never, on a page that has no socket yet."""
        return bool(self.facts["joined"])

    @property
    def locked(self) -> bool:
        """Whether a join without credentials is denied now."""
        return bool(self.facts["locked"])

    @property
    def icon(self) -> str:
        """The sprite's picture for the access kind."""
        return f"access-{self.facts['access']}"

    @property
    def access_text(self) -> str:
        """The access kind in words."""
        access = str(self.facts["access"])
        return str(ACCESS_TEXTS.get(access, access))

    @property
    def state_text(self) -> str:
        """Why the door is shut, in words; empty where it is not."""
        code = self.facts["code"]
        return str(STATE_TEXTS.get(code, STATE_TEXTS["locked"])) if code else ""

    @property
    def state_icon(self) -> str:
        """The sprite's picture for that."""
        return STATE_ICONS.get(str(self.facts["code"]), STATE_ICONS["locked"])

    @property
    def count_text(self) -> str:
        """The same as ``people_text``, in figures alone."""
        members, capacity = self.facts["members"], self.facts["capacity"]
        return str(members) if capacity is None else f"{members}/{capacity}"

    @property
    def people_text(self) -> str:
        """How many are in it, and how many may be."""
        members, capacity = self.facts["members"], self.facts["capacity"]
        if capacity is None:
            return counted("people", members)
        return counted("people_of", members, capacity=capacity)


BLANK_ROW = RoomRow(
    {
        "name": "",
        "title": "",
        "access": "open",
        "code": None,
        "locked": False,
        "joined": False,
        "members": 0,
        "capacity": None,
    },
    url="",
)


def namespace_url(path: str) -> str:
    """Give the address of a namespace's page."""
    return reverse("rooms:namespace", args=(path.strip("/"),))


def room_url(path: str, name: str) -> str:
    """Give the address of a room's page; its name is one segment, whatever it holds."""
    return f"{namespace_url(path)}{quote(name, safe='')}/"


def shown_room_name(raw: str) -> str:
    """Give the room's name as a join reads it; what is no name stays as it was typed."""
    try:
        return clean_room_name(raw)
    except ValueError:
        return raw


def read_namespaces(person: Person) -> list[NamespacePage]:
    """Give every namespace by path, judged for this person; the site's own has no page."""
    paths = Namespace.objects.exclude(path=SITE_PATH).values_list("path", flat=True)
    found = find_namespaces(list(paths), may_remember=True)
    powers = load_powers(person.user_id) if person.user_id is not None else NO_POWERS
    return [_judge(found[path], person, powers) for path in sorted(found)]


def room_rows(
    namespace: NamespacePage, person: Person, *, current: str | None = None, limit: int = ROOMS_PAGE
) -> tuple[list[RoomRow], bool]:
    """Give the rooms that this person may see, by name, and whether there are more than these."""
    page = list_rooms(namespace.path, person, timezone.now(), limit=limit, powers=namespace.powers)
    rows = [
        RoomRow(facts, room_url(namespace.path, facts["name"]), facts["name"] == current)
        for facts in page.rooms
    ]
    return rows, page.has_more


def shown_room_title(rows: Sequence[RoomRow], name: str | None) -> str:
    """Give the title of a room of the list; nothing for one that is not in it."""
    return next((row.subtitle for row in rows if row.name == name), "")


def _judge(facts: NamespaceFacts, person: Person, powers: Powers) -> NamespacePage:
    subject = subject_of(person, Standing(powers=powers))
    decision = decide(facts.policy, subject, Action.CONNECT, Credentials(now=timezone.now()))
    path = facts.policy.path
    return NamespacePage(
        path=path,
        title=facts.title or path,
        welcome=facts.welcome,
        powers=powers,
        refusal=None if decision.allowed else decision,
        allows_private=facts.allow_private,
    )
