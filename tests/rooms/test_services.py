"""Services change the registry once, keep a record, and tell sockets on commit."""

import inspect
from typing import Any, cast

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db import transaction

from realtime.exceptions import UsageError
from rooms import services
from rooms.models import DecisionRecord, Membership, Message, Namespace, Room
from rooms.services import (
    ban,
    close_room,
    ensure_room,
    evict_everybody,
    kick,
    mute,
    post_message,
    set_role,
)
from tests.rooms.people import make_guest, make_namespace, make_room, make_user


class Emitted:
    """Stands in for ``of``: notes what would be emitted, and to whom."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self._steps: list[Any] = []

    def __call__(self, namespace: str) -> "Emitted":
        self._steps = [namespace]
        return self

    def in_(self, room: str) -> "Emitted":
        self._steps.append(room)
        return self

    def numbered(self, epoch: str, offset: int) -> "Emitted":
        self._steps.append((epoch, offset))
        return self

    def emit(self, event: str, *args: Any) -> None:
        note = (*self._steps, event, *args)
        transaction.on_commit(lambda: self.events.append(note))


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> Emitted:
    """What the services emit, once it is committed."""
    emitted = Emitted()
    monkeypatch.setattr(services, "of", emitted)
    return emitted


@pytest.mark.django_db
def test_a_room_is_made_once_and_then_left_as_it_is() -> None:
    make_namespace()
    made = ensure_room("/games", " lobby ", title="Lobby", access="password", password="sesame")
    assert (made.name, made.check_password("sesame")) == ("lobby", True)
    again = ensure_room("/games", "lobby", title="Other")
    assert (again.pk, again.title) == (made.pk, "Lobby")
    assert DecisionRecord.objects.filter(rule="ensure_room").count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "fields"),
    [("..", {}), ("x", {"access": "password"}), ("x", {"access": "magic"}), ("x", {"capacity": 0})],
)
def test_a_room_that_contradicts_itself_is_not_made(name: str, fields: dict[str, Any]) -> None:
    make_namespace()
    with pytest.raises(ValidationError):
        ensure_room("/games", name, **fields)
    assert not Room.objects.exists()


@pytest.mark.django_db
def test_a_room_needs_a_namespace() -> None:
    with pytest.raises(Namespace.DoesNotExist):
        ensure_room("/nowhere", "lobby")


@pytest.mark.django_db
def test_closing_twice_is_closing_once() -> None:
    room = make_room()
    assert not close_room(room).is_open
    assert not close_room(room.pk).is_open
    assert DecisionRecord.objects.filter(rule="close_room", room="csgo", allowed=True).count() == 1


@pytest.mark.django_db
def test_a_role_is_given_changed_and_ended() -> None:
    room = make_room()
    alice = get_user_model().objects.create_user("alice")
    boss = get_user_model().objects.create_superuser("boss")
    for role in ("member", "moderator", "moderator"):
        membership = set_role(room, alice, role, actor=boss)
        assert membership is not None
        assert membership.role == role
    assert set_role(room, alice, None) is None
    assert not Membership.objects.exists()
    assert DecisionRecord.objects.filter(rule="set_role", actor=boss).count() == 2
    with pytest.raises(ValidationError):
        set_role(room, alice, "emperor")


@pytest.mark.django_db(transaction=True)
def test_a_posted_message_is_stored_in_order_and_heard_on_commit(emitted: Emitted) -> None:
    room = make_room()
    alice = get_user_model().objects.create_user("alice")
    with transaction.atomic():
        shape = post_message(room, " from the site ", data={"a": 1})
        assert emitted.events == []
    assert emitted.events == [("/games", "csgo", (room.epoch, 1), "message", shape)]
    assert (shape["text"], shape["user"], shape["data"]) == ("from the site", None, {"a": 1})
    second = post_message(room.pk, "hello", author=alice)
    assert (second["offset"], second["user"]) == (2, {"id": str(alice.pk), "name": "alice"})


@pytest.mark.django_db(transaction=True)
def test_a_message_of_a_transaction_that_fails_is_neither_stored_nor_heard(
    emitted: Emitted,
) -> None:
    room = make_room()

    def post_and_fail() -> None:
        with transaction.atomic():
            post_message(room, "never")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        post_and_fail()
    assert emitted.events == []
    assert not Message.objects.exists()
    assert Room.objects.get().last_offset == 0


@pytest.mark.django_db(transaction=True)
def test_a_message_in_a_room_without_history_is_heard_without_a_number(emitted: Emitted) -> None:
    shape = post_message(make_room(history_size=0), "now")
    assert emitted.events == [("/games", "csgo", "message", shape)]
    assert shape["offset"] is None


@pytest.mark.django_db
@pytest.mark.parametrize("bad", [{"text": " "}, {"text": "x", "data": {"a": float("nan")}}])
def test_a_message_that_nobody_may_send_is_not_posted(bad: dict[str, Any]) -> None:
    room = make_room()
    with pytest.raises(ValidationError):
        post_message(room, **bad)


@pytest.mark.django_db(transaction=True)
def test_where_nobody_would_hear_it_nothing_is_stored() -> None:
    room = make_room()
    with pytest.raises(UsageError, match="REDIS_URL"):
        post_message(room, "hello")
    assert not Message.objects.exists()


@pytest.mark.django_db
def test_a_room_that_is_not_there_is_named() -> None:
    for call in (close_room, lambda room: set_role(room, _nobody(), "member")):
        with pytest.raises(Room.DoesNotExist):
            call(10**9)


@pytest.mark.django_db
def test_what_is_no_room_no_person_and_no_namespace_is_named() -> None:
    room = make_room()
    for wrong_room in ("csgo", None, Room(name="unsaved")):
        for act in (close_room, evict_everybody, lambda it: post_message(it, "hi")):
            with pytest.raises(UsageError, match="is no room"):
                act(cast("Any", wrong_room))
    for wrong_person in (7, None, get_user_model()(), AnonymousUser()):
        with pytest.raises(UsageError, match="is nobody"):
            kick(room, cast("Any", wrong_person))
    with pytest.raises(UsageError, match="is nobody"):
        post_message(room, "hi", author=cast("Any", AnonymousUser()))
    with pytest.raises(Namespace.DoesNotExist, match="there is no namespace '/nowhere'"):
        ensure_room("/nowhere", "csgo")
    with pytest.raises(Room.DoesNotExist, match="there is no room 1000000000"):
        close_room(10**9)


@pytest.mark.django_db
def test_a_person_may_be_the_actor_of_every_service() -> None:
    make_namespace()
    alice, guest = make_user("alice"), make_guest()
    room = ensure_room("/games", "csgo", actor=alice)
    close_room(room, actor=guest)
    records = DecisionRecord.objects.order_by("pk").values_list("rule", "actor_id")
    assert list(records) == [("ensure_room", int(alice.key)), ("close_room", None)]


@pytest.mark.django_db
@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_time_that_is_none_is_refused_and_nothing_done(seconds: float) -> None:
    room, guest = make_room(), make_guest()
    for act in (
        lambda: ban(room, guest, for_s=seconds),
        lambda: ban(room, guest, purge_s=seconds),
        lambda: mute(room, guest, for_s=seconds),
    ):
        with pytest.raises(ValidationError, match="seconds above 0"):
            act()
    assert not DecisionRecord.objects.exists()


def _nobody() -> Any:
    return get_user_model()(pk=1)


def test_every_service_has_a_twin_and_stands_in_the_reference() -> None:
    page = (settings.BASE_DIR / "docs/reference/services.md").read_text()
    plain = [name for name in services.__all__ if f"a{name}" in services.__all__]
    assert len(plain) * 2 == len(services.__all__)
    for name in plain:
        assert f"`{name}(" in page, name
        assert inspect.iscoroutinefunction(getattr(services, f"a{name}"))
        given = inspect.signature(getattr(services, name)).parameters
        assert list(inspect.signature(getattr(services, f"a{name}")).parameters) == list(given)


@pytest.mark.django_db
@pytest.mark.parametrize("purge_s", [1e11, 1e300, float("inf")])
def test_a_purge_of_more_than_there_was_is_of_all(purge_s: float) -> None:
    room = make_room()
    said = Message.objects.create(room=room, offset=1, text="hi", author="g", author_key="guest:g1")
    services.ban(room, "guest:g1", purge_s=purge_s)
    said.refresh_from_db()
    assert said.removed_at is not None
