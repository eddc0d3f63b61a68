"""Check access and ``manage.py explain``: the same verdict as a join, and what staff ask for."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from realtime.conf import options
from rooms.explaining import Explanation, Question, explain, guest_of, split_place
from rooms.models import Ban
from rooms.people import Person
from rooms.policy_values import Action
from rooms.throttle import Limits, take_try
from tests.rooms.people import (
    appoint,
    denied,
    join,
    make_guest,
    make_namespace,
    make_room,
    make_user,
)

pytestmark = pytest.mark.django_db


def ask(person: Person, room: str | None = "csgo", **fields: str | Action) -> Explanation:
    action = fields.pop("action", Action.JOIN)
    question = Question(person, "/games", room, Action(action), **fields)
    return explain(question, timezone.now())


@pytest.mark.parametrize("access", ["open", "login", "invitation", "members", "groups"])
def test_the_verdict_is_that_of_a_join(access: str) -> None:
    make_room(access=access)
    for person in (make_user("alice"), make_guest()):
        answer = ask(person)
        if answer.decision.allowed:
            join(person)
        else:
            assert denied(person).told.code == answer.told


def test_a_password_is_tried_without_taking_a_try() -> None:
    make_room(access="password", password="sesame")
    alice = make_user("alice")
    for _again in range(10):
        assert ask(alice, password="wrong").decision.code == "wrong_password"
    right = ask(alice, password="sesame")
    assert right.decision.allowed
    assert right.tries_left == options().password_tries


def test_tries_that_were_taken_are_told_and_when_there_are_more() -> None:
    make_room(access="password", password="sesame")
    alice = make_user("alice")
    limits = Limits(options().password_tries, options().password_window_s)
    for _try in range(limits.tries - 1):
        take_try("/games\0csgo", alice.key, None, limits)
    assert (ask(alice).tries_left, ask(alice).throttled_until) == (1, None)
    take_try("/games\0csgo", alice.key, None, limits)
    answer = ask(alice)
    assert answer.tries_left == 0
    assert answer.throttled_until is not None
    assert answer.throttled_until > timezone.now()


def test_a_hidden_room_is_told_as_unknown() -> None:
    make_room(access="members", is_listed=False)
    answer = ask(make_user("alice"))
    assert (answer.decision.code, answer.told) == ("not_a_member", "unknown_room")


def test_sending_is_asked_about_as_if_joined() -> None:
    make_room(is_read_only=True)
    alice, mod = make_user("alice"), make_user("mod")
    room = make_room("bt1", is_read_only=True)
    appoint(room, mod, "moderator")
    answer = ask(alice, "bt1", action="send")
    assert (answer.decision.code, answer.is_assumed_joined) == ("read_only", True)
    assert ask(mod, "bt1", action="send").decision.allowed


def test_a_namespace_is_asked_about_connecting() -> None:
    make_namespace(access="login")
    assert ask(make_guest(), None, action="connect").decision.code == "login_required"
    assert ask(make_user("alice"), None, action="connect").decision.allowed


def test_a_ban_is_named_by_its_row() -> None:
    room = make_room()
    alice = make_user("alice")
    ban = Ban.objects.create(
        room=room, user_id=alice.user_id, expires_at=timezone.now() + timedelta(hours=1)
    )
    assert ask(alice).decision.rule == f"ban:{ban.pk}"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("/games/csgo", ("/games", "csgo")),
        ("games/a/b", ("/games", "a/b")),
        ("/games", ("/games", None)),
        ("/games/", ("/games", None)),
        ("/", ("/", None)),
    ],
)
def test_a_place_is_a_namespace_and_the_rest_is_the_room(
    text: str, parts: tuple[str, str | None]
) -> None:
    assert split_place(text) == parts


def said(*arguments: str) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


def test_the_command_explains_users_guests_and_references() -> None:
    make_room(access="members")
    make_user("alice")
    assert "denied: not_a_member" in said("explain", "alice", "/games/csgo")
    assert "denied: login_required" in said("explain", "guest:abc", "/games/csgo")
    assert "allowed" in said("explain", "alice", "/games")
    ref = denied(guest_of("abc")).ref
    for written in (ref, f" {ref.upper()} "):
        assert "denied: login_required" in said("explain", written)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nobody", "/games/csgo"), "no user"),
        (("guest:a", "/games/csgo", "--address", "1.2.3"), "--address"),
        (("guest:a", "/games", "--action", "join"), "about a room"),
        (("zzzzzzzz",), "no record"),
    ],
)
def test_the_command_says_what_is_wrong_with_a_question(
    arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        said("explain", *arguments)


def test_who_is_asked_about_nobody_in_particular() -> None:
    make_room()
    join(make_user("alice"))
    with pytest.raises(CommandError, match="no guest's id"):
        said("who", "--user", "guest:")


def test_who_lists_the_sockets_of_a_place() -> None:
    make_room()
    make_room("bt1")
    alice, bob = make_user("alice"), make_user("bob")
    join(alice)
    join(bob, "bt1")
    assert [line.split("\t")[1] for line in said("who", "/games/csgo").splitlines()] == ["alice"]
    assert len(said("who").splitlines()) == 2
    assert said("who", "/news") == ""
    doubts = StringIO()
    call_command("who", "/gamse", stdout=StringIO(), stderr=doubts)
    assert doubts.getvalue() == "Nobody is there. The registry has no namespace /gamse.\n"
    with pytest.raises(CommandError, match="no room"):
        said("who", "/games/none")
