"""The demo: what a visitor finds, that it is made once, and that it is safe to run."""

from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from pytest_django import Settings

from rooms.models import Membership, Namespace, Room
from rooms.models.registry import RoomAccess

pytestmark = pytest.mark.django_db

User = get_user_model()


@pytest.fixture(autouse=True)
def _debug(settings: Settings) -> None:
    settings.DEBUG = True


def seed(**options: str) -> str:
    out = StringIO()
    call_command("seed_demo", stdout=out, **options)
    return out.getvalue()


def snapshot() -> list[object]:
    return [
        list(User.objects.order_by("pk").values()),
        list(Namespace.objects.order_by("pk").values()),
        list(Room.objects.order_by("pk").values()),
        list(Membership.objects.order_by("pk").values()),
    ]


def names_in(path: str) -> set[str]:
    return set(Room.objects.filter(namespace__path=path).values_list("name", flat=True))


def test_the_demo_has_the_tutorials_rooms_and_one_of_each_other_kind() -> None:
    seed()
    games = Namespace.objects.get(path="/games")
    assert games.welcome == "This is the Gaming Channel!"
    opened = games.rooms.filter(access=RoomAccess.OPEN).values_list("name", flat=True)
    assert set(opened) == {"rocket league", "csgo", "bt1"}
    others = games.rooms.exclude(access=RoomAccess.OPEN)
    kinds = ["groups", "invitation", "login", "members", "password"]
    assert sorted(others.values_list("access", flat=True)) == kinds
    (crew,) = Room.objects.get(access="groups").groups.all()
    assert [user.get_username() for user in crew.user_set.all()] == ["bob"]
    assert all(title for title in Room.objects.values_list("title", flat=True))
    news = Namespace.objects.get(path="/news")
    assert news.welcome not in {"", games.welcome}
    assert names_in("/news")
    assert not names_in("/news") & names_in("/games")
    assert Namespace.objects.get(path="/").welcome


def test_the_demos_users_sign_in_with_their_names() -> None:
    seed()
    users = {user.get_username(): user for user in User.objects.all()}
    assert set(users) == {"admin", "alice", "bob", "mod"}
    assert all(user.check_password(name) for name, user in users.items())
    assert all(user.first_name == user.last_name == "" for user in users.values())
    assert [name for name, user in users.items() if user.is_superuser and user.is_staff] == [
        "admin"
    ]
    assert Membership.objects.filter(user=users["mod"], role="moderator").exists()
    clan = Room.objects.get(access="members")
    assert set(clan.memberships.values_list("user__username", flat=True)) == {"alice", "mod"}


def test_the_password_that_a_title_tells_is_the_rooms() -> None:
    seed()
    room = Room.objects.get(access="password")
    assert room.check_password("sesame")
    assert "sesame" in room.title


def test_a_second_run_changes_nothing() -> None:
    seed()
    before = snapshot()
    assert seed() == ""
    assert snapshot() == before


def test_a_second_run_keeps_what_somebody_changed_or_deleted() -> None:
    seed()
    Room.objects.filter(name="bt1").delete()
    Room.objects.filter(name="csgo").update(is_open=False, title="Mine")
    Membership.objects.all().delete()
    Namespace.objects.filter(path="/games").update(welcome="Mine")
    alice = User.objects.get(username="alice")
    alice.set_password("hers")
    alice.save()
    before = snapshot()
    seed(password="another one")
    assert snapshot() == before


def test_with_debug_off_it_refuses_to_make_users_with_known_passwords(
    settings: Settings,
) -> None:
    settings.DEBUG = False
    for options in ({}, {"password": ""}):
        with pytest.raises(CommandError, match="--password"):
            seed(**options)
    assert not User.objects.exists()
    assert not Namespace.objects.exists()


def test_with_debug_off_a_given_password_is_everyones_and_is_told_to_nobody(
    settings: Settings,
) -> None:
    settings.DEBUG = False
    written = seed(password="correct horse")
    assert all(user.check_password("correct horse") for user in User.objects.all())
    room = Room.objects.get(access="password")
    assert room.check_password("correct horse")
    assert "correct horse" not in written
    assert "password is" not in room.title
