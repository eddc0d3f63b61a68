"""Who a socket speaks for: a signed-in user, or one guest."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.utils.timezone import get_default_timezone, is_naive, make_aware

from realtime.exceptions import UsageError

GUEST_PREFIX = "guest:"


class User(Protocol):
    """What is asked of a user model, Django's own or another."""

    pk: Any
    is_active: bool

    @property
    def is_authenticated(self) -> bool:
        """Whether this is a signed-in user."""

    def get_username(self) -> str:
        """Return the name that the user signs in with."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A person. ``name`` is what others see; ``guest_token`` lets a guest be the same again.

    ``session_key`` is the browser session that the socket belongs to, a secret; the socket ends
    with it, and at ``expires_at`` where there is one; a naive one is of ``TIME_ZONE``.
    """

    user: Any
    expires_at: datetime | None = None
    name: str = ""
    guest_id: str | None = None
    guest_token: str | None = None
    session_key: str | None = None

    def __post_init__(self) -> None:
        """Fill in the name of a user that was given without one, and the zone of a naive time.

        Raises ``UsageError`` for nobody at all: whoever looked for a user has found none.
        """
        if self.user is None:
            raise UsageError("Identity(None) is nobody: give None in its place, or raise Refused")
        # Where USE_TZ is off Django's own times are naive, that of a session's end among them.
        if self.expires_at is not None and is_naive(self.expires_at):
            aware = make_aware(self.expires_at, get_default_timezone())
            object.__setattr__(self, "expires_at", aware)
        if not self.name and self.guest_id is None:
            object.__setattr__(self, "name", shown_name(self.user))

    @property
    def is_guest(self) -> bool:
        """Whether nobody is signed in."""
        return self.guest_id is not None

    @property
    def id(self) -> str:
        """The public id: ``"7"`` of a user, ``"guest:…"`` of a guest."""
        return GUEST_PREFIX + self.guest_id if self.guest_id is not None else str(self.user.pk)

    @property
    def user_id(self) -> str | None:
        """The signed-in user's id as text, or None for a guest."""
        return None if self.is_guest else str(self.user.pk)

    @property
    def person(self) -> dict[str, str]:
        """What clients are told of the person."""
        return {"id": self.id, "name": self.name}


def shown_name(user: User) -> str:
    """Return the short name or the username, never an e-mail address."""
    get_short_name = getattr(user, "get_short_name", None)
    short_name = str(get_short_name() or "").strip() if get_short_name is not None else ""
    username = str(user.get_username())
    name = short_name or username
    # A project may sign in by e-mail address: what stands before the @ is the most to be shown.
    return name.partition("@")[0] or name if "@" in name else name
