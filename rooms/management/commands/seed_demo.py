"""``manage.py seed_demo``: the demo's users, namespaces and rooms, made where they are missing.

What is there is left as it is: a second run never undoes what somebody changed or deleted in one
of the demo's namespaces.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import Group
from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from rooms.demo import GROUPS, NAMESPACES, ROOM_PASSWORD, USERS, DemoNamespace, DemoRoom
from rooms.management.base import RoomsCommand
from rooms.models import Membership, Namespace, Room
from rooms.models.registry import RoomAccess


class Command(RoomsCommand):
    """Make the demo."""

    help = "Make the demo's users, namespaces and rooms where they are missing."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the password that the demo needs where DEBUG is off."""
        parser.add_argument(
            "--password",
            help="of every user that is made, and of the room with a password; "
            "needed where DEBUG is off",
        )

    def handle(self, *args: object, **options: Any) -> None:  # noqa: ANN401 -- Django's own
        """Make all that is missing, or nothing."""
        password: str | None = options["password"]
        if password == "" or (password is None and not settings.DEBUG):
            raise CommandError(
                "With DEBUG off the demo needs a password that nobody guesses: "
                "seed_demo --password …"
            )
        with transaction.atomic():
            users = {name: self._ensure_user(name, password or name) for name in USERS}
            for name, members in GROUPS.items():
                _ensure_group(name, [users[member] for member in members])
            for wanted in NAMESPACES:
                self._ensure_namespace(wanted, users, password)

    def _ensure_user(self, name: str, password: str) -> AbstractBaseUser:
        model = get_user_model()
        by_name = {model.USERNAME_FIELD: name}
        found = model._default_manager.filter(**by_name).first()  # noqa: SLF001 -- any user model's
        if found is not None:
            return found
        user = model(**by_name)
        for flag in ("is_staff", "is_superuser"):
            if USERS[name] and hasattr(user, flag):
                setattr(user, flag, True)
        user.set_password(password)
        user.save()
        self.stdout.write(f"Made the user {name}.")
        return user

    def _ensure_namespace(
        self, wanted: DemoNamespace, users: dict[str, AbstractBaseUser], password: str | None
    ) -> None:
        # Only a namespace that is made now gets its rooms: one that a person has cleared out
        # stays so.
        namespace, is_new = Namespace.objects.get_or_create(
            path=wanted.path, defaults={"title": wanted.title, "welcome": wanted.welcome}
        )
        if not is_new:
            return
        for room in wanted.rooms:
            _make_room(namespace, room, users, password)
        self.stdout.write(f"Made the namespace {wanted.path} with {len(wanted.rooms)} rooms.")


def _ensure_group(name: str, members: list[AbstractBaseUser]) -> None:
    group, is_new = Group.objects.get_or_create(name=name)
    if not is_new:
        return
    for user in members:
        if (groups := getattr(user, "groups", None)) is not None:
            groups.add(group)


def _make_room(
    namespace: Namespace,
    wanted: DemoRoom,
    users: dict[str, AbstractBaseUser],
    password: str | None,
) -> None:
    room = Room(namespace=namespace, name=wanted.name, title=wanted.title, access=wanted.access)
    if wanted.access == RoomAccess.PASSWORD:
        room.set_password(password or ROOM_PASSWORD)
        if password is None:
            room.title = f"{wanted.title} (the password is {ROOM_PASSWORD})"
    room.full_clean()
    room.save()
    room.groups.set(Group.objects.filter(name__in=wanted.groups))
    Membership.objects.bulk_create(
        Membership(room=room, user_id=users[name].pk, role=role)
        for name, role in wanted.roles.items()
    )
