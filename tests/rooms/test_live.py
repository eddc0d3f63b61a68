"""What changes is felt by live sockets at once: by those whom it concerns, and by nobody else."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from realtime.conf import forget_options
from rooms import consumers, services
from rooms.consumers import RoomNamespace
from rooms.listing import list_rooms
from rooms.live import confirm_from_thread, recheck_everywhere, recheck_from_thread
from rooms.models import (
    AccessRule,
    Ban,
    DecisionRecord,
    Grant,
    Membership,
    Mute,
    Namespace,
    PolicyChange,
    Room,
    Seat,
)
from rooms.models.records import RecordKind
from rooms.models.versions import SITE_KEY
from rooms.policy_values import Policy
from tests.helpers.door_clients import DOORS, DoorClient, Heard, connected
from tests.rooms.people import make_namespace, make_room
from tests.rooms.sockets import Site, eventually, serving

pytestmark = pytest.mark.django_db(transaction=True)

BACKEND = "django.contrib.auth.backends.ModelBackend"
# What the contract allows, and a little for a machine that does other things as well.
FELT_WITHIN_S = 1.0
SLACK_S = 0.5


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> str:
    """Each door in turn."""
    name: str = request.param
    return name


@pytest.fixture
def room() -> Room:
    """The room that changes; /games and another namespace are there."""
    make_namespace("/other")
    return make_room("csgo", password="sesame")


@pytest.fixture
def alice() -> User:
    """Who is in the room, signed in."""
    return get_user_model().objects.create_user("alice", password="alice")


def sign_in(user: User) -> SessionStore:
    """Make a browser session as Django's login() leaves it."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = BACKEND
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return session


class Person:
    """One client of either door, with what it hears."""

    def __init__(self, client: DoorClient, session: SessionStore | None) -> None:
        self.client = client
        self.session = session

    async def join(self, room: str = "csgo", **fields: Any) -> None:
        """Join, and hear all that belongs to it."""
        (answer,) = await self.client.call("joinRoom", {"room": room, **fields})
        assert answer["ok"], answer

    async def hear(self, event: str) -> Any:
        """Give the last argument of the next event of this name."""
        while True:
            heard = await self.client.next()
            assert isinstance(heard, Heard), heard
            if heard.event == event:
                return heard.args[-1]

    async def hears_only(self, *events: str) -> None:
        """Make sure that nothing else came before an answer that is asked for now."""
        await self.client.call("nothing like that")
        kept = self.client._kept  # type: ignore[attr-defined]
        heard = [item.event for item in kept if isinstance(item, Heard)]
        assert [event for event in heard if event not in events] == []


@asynccontextmanager
async def somebody(
    site: Site, door: str, user: User | None = None, namespace: str = "/games"
) -> AsyncIterator[Person]:
    """A client of the site, signed in or a guest."""
    session = await sync_to_async(sign_in)(user) if user is not None else None
    cookie = (("cookie", f"sessionid={session.session_key}"),) if session is not None else ()
    async with connected(site.application, door, namespace, headers=cookie) as client:
        person = Person(client, session)
        await person.hear("identity")
        yield person


async def felt(person: Person, code: str) -> dict[str, Any]:
    """Hear that one is sent out of the room, within the bound."""
    began_at = time.monotonic()
    async with asyncio.timeout(5):
        kicked: dict[str, Any] = await person.hear("kicked")
    assert time.monotonic() - began_at < FELT_WITHIN_S + SLACK_S
    assert (kicked["room"], kicked["code"]) == ("csgo", code)
    assert kicked["message"]
    return kicked


def change(**fields: Any) -> Callable[[Room, User], None]:
    """Change the room as the admin does: load, set, save."""

    def do(room: Room, alice: User) -> None:
        del alice
        row = Room.objects.get(pk=room.pk)
        for name, value in fields.items():
            setattr(row, name, value)
        row.save()

    return do


def new_password(room: Room, alice: User) -> None:
    del alice
    row = Room.objects.get(pk=room.pk)
    row.set_password("other")
    row.save()


def by_service(room: Room, alice: User) -> None:
    services.close_room(room.pk, actor=alice)


def within_a_transaction(room: Room, alice: User) -> None:
    with transaction.atomic():
        change(is_open=False)(room, alice)


def delete_room(room: Room, alice: User) -> None:
    del alice
    Room.objects.get(pk=room.pk).delete()


def delete_by_queryset(room: Room, alice: User) -> None:
    del alice
    Room.objects.filter(pk=room.pk).delete()


def move_room(room: Room, alice: User) -> None:
    change(namespace=Namespace.objects.get(path="/other"))(room, alice)


def ban_here(room: Room, alice: User) -> None:
    Ban.objects.create(room=room, user=alice, reason="spam")


def ban_address(room: Room, alice: User) -> None:
    del alice
    Ban.objects.create(room=room, network="127.0.0.0/8", guests_only=False)


def deny(room: Room, alice: User) -> None:
    AccessRule.objects.create(room=room, effect="deny", subject="user", user=alice)


def deny_group(room: Room, alice: User) -> None:
    group = Group.objects.create(name="noisy")
    AccessRule.objects.create(room=room, effect="deny", subject="group", group=group)
    alice.groups.add(group)


def lose_grants(room: Room, alice: User) -> None:
    del alice
    for grant in Grant.objects.filter(room=room):
        grant.delete()


EVICTIONS: dict[str, tuple[Callable[[Room, User], None], str]] = {
    "closed by a save": (change(is_open=False), "room_closed"),
    "closed by a service": (by_service, "room_closed"),
    "closed within a transaction": (within_a_transaction, "room_closed"),
    "hours are over": (change(closes_at=timezone.now()), "room_closed"),
    "deleted": (delete_room, "room_closed"),
    "deleted by a queryset": (delete_by_queryset, "room_closed"),
    "renamed": (change(name="csgo 2"), "room_closed"),
    "moved to another namespace": (move_room, "room_closed"),
    "for members only": (change(access="members"), "not_a_member"),
    "by groups": (change(access="groups"), "forbidden"),
    "a new password": (new_password, "password_required"),
    "a ban": (ban_here, "banned"),
    "a ban of the address": (ban_address, "banned"),
    "a deny rule": (deny, "forbidden"),
    "a deny rule of a group": (deny_group, "forbidden"),
    "grants deleted": (lose_grants, "password_required"),
}
NEEDS_GRANT = {"a new password", "grants deleted", "for members only", "by groups"}


@pytest.mark.parametrize("cause", EVICTIONS)
async def test_who_may_no_longer_be_in_a_room_leaves_it_at_once(
    cause: str, door: str, room: Room, alice: User
) -> None:
    act, code = EVICTIONS[cause]
    await sync_to_async(change(access="password"))(room, alice)
    async with serving() as site, somebody(site, door, alice) as person:
        await person.join(password="sesame")
        if cause in {"for members only", "by groups"}:
            # The password opens a room of another kind as well, until it is changed.
            await sync_to_async(lose_grants)(room, alice)
            await person.hear("kicked")
            await sync_to_async(change(access="open"))(room, alice)
            await person.join()
        await sync_to_async(act)(room, alice)
        kicked = await felt(person, code)
        # It is written once everybody is gone.
        await eventually(lambda: DecisionRecord.objects.filter(ref=kicked["ref"]).exists())
        record = await DecisionRecord.objects.aget(ref=kicked["ref"])
        assert (record.kind, record.code, record.user_id) == (RecordKind.EVICTION, code, alice.pk)
        (answer,) = await person.client.call("message", {"room": "csgo", "text": "hello?"})
        assert answer["code"] == "not_joined"
        await eventually(lambda: not Seat.objects.exists())


async def test_a_ban_says_why_and_until_when(room: Room, alice: User) -> None:
    until = timezone.now() + timedelta(hours=1)
    async with serving() as site, somebody(site, "plain", alice) as person:
        await person.join()
        await Ban.objects.acreate(room=room, user=alice, reason="spam", expires_at=until)
        kicked = await felt(person, "banned")
        assert kicked["reason"] == "spam"
        assert kicked["until"].startswith(until.strftime("%Y-%m-%dT%H:%M"))


async def test_after_an_eviction_nothing_of_the_room_arrives(
    room: Room, alice: User, door: str
) -> None:
    async with (
        serving() as site,
        somebody(site, door, alice) as person,
        somebody(site, door) as guest,
    ):
        await person.join()
        await guest.join()
        await sync_to_async(ban_here)(room, alice)
        await felt(person, "banned")
        left = await guest.hear("userLeft")
        assert (left["user"]["id"], left["members"]) == (str(alice.pk), 1)
        (answer,) = await guest.client.call("message", {"room": "csgo", "text": "peace"})
        assert answer["ok"]
        await person.hears_only()


def close_namespace(namespace: Namespace, alice: User) -> None:
    del alice
    namespace.is_open = False
    namespace.save()


def users_of_groups_only(namespace: Namespace, alice: User) -> None:
    del alice
    namespace.access = "groups"
    namespace.save()


def ban_there(namespace: Namespace, alice: User) -> None:
    Ban.objects.create(namespace=namespace, user=alice)


def ban_everywhere(namespace: Namespace, alice: User) -> None:
    del namespace
    Ban.objects.create(user=alice)


def delete_namespace(namespace: Namespace, alice: User) -> None:
    del alice
    namespace.delete()


NAMESPACE_ENDS: dict[str, tuple[Callable[[Namespace, User], None], str]] = {
    "closed": (close_namespace, "namespace_closed"),
    "by groups": (users_of_groups_only, "forbidden"),
    "a ban there": (ban_there, "banned"),
    "a ban everywhere": (ban_everywhere, "banned"),
    "deleted": (delete_namespace, "unknown_namespace"),
}


@pytest.mark.parametrize("cause", NAMESPACE_ENDS)
async def test_who_may_no_longer_be_in_a_namespace_is_disconnected(
    cause: str, door: str, room: Room, alice: User
) -> None:
    act, code = NAMESPACE_ENDS[cause]
    async with (
        serving() as site,
        somebody(site, door, alice) as person,
        somebody(site, door, namespace="/other") as other,
    ):
        await person.join()
        await person.client.call("nothing like that")
        forget(person)
        await sync_to_async(act)(room.namespace, alice)
        await ends(person, door, code, 4403)
        await other.hears_only()


def forget(person: Person) -> None:
    """Drop what was heard so far."""
    person.client._kept.clear()  # type: ignore[attr-defined]


async def ends(person: Person, door: str, reason: str, close_code: int) -> None:
    """See the socket end, in the way of its door, within the bound."""
    began_at = time.monotonic()
    async with asyncio.timeout(5):
        ending = await person.client.ended()
    assert time.monotonic() - began_at < FELT_WITHIN_S + SLACK_S
    assert ending == ((reason, close_code) if door == "plain" else (None, None))


def sign_out(alice: User, session: SessionStore) -> None:
    del alice
    session.flush()


def delete_session(alice: User, session: SessionStore) -> None:
    del alice
    Session.objects.get(session_key=session.session_key).delete()


def delete_sessions(alice: User, session: SessionStore) -> None:
    del alice
    Session.objects.filter(session_key=session.session_key).delete()


def deactivate(alice: User, session: SessionStore) -> None:
    del session
    alice.is_active = False
    alice.save()


def new_user_password(alice: User, session: SessionStore) -> None:
    del session
    alice.set_password("new")
    alice.save()


def delete_user(alice: User, session: SessionStore) -> None:
    del session
    User.objects.get(pk=alice.pk).delete()


SIGN_OUTS: dict[str, Callable[[User, SessionStore], None]] = {
    "signing out": sign_out,
    "session deleted": delete_session,
    "sessions deleted": delete_sessions,
    "deactivated": deactivate,
    "password changed": new_user_password,
    "user deleted": delete_user,
}


@pytest.mark.parametrize("cause", SIGN_OUTS)
async def test_whoever_is_signed_out_is_disconnected_and_nobody_else(
    cause: str, door: str, room: Room, alice: User
) -> None:
    bob = await get_user_model().objects.acreate(username="bob")
    async with (
        serving() as site,
        somebody(site, door, alice) as person,
        somebody(site, door, bob) as other,
        somebody(site, door) as guest,
    ):
        for one in (person, other, guest):
            await one.join()
        await person.client.call("nothing like that")
        for one in (person, other, guest):
            await one.client.call("nothing like that")
            forget(one)
        assert person.session is not None
        alice_id = str(alice.pk)
        await sync_to_async(SIGN_OUTS[cause])(alice, person.session)
        await ends(person, door, "signed_out", 4401)
        left = await other.hear("userLeft")
        assert (left["user"]["id"], left["members"]) == (alice_id, 2)
        await guest.hears_only("userLeft")
        await eventually(lambda: Seat.objects.count() == 2)


async def test_of_two_sessions_only_the_one_that_signed_out_ends(room: Room, alice: User) -> None:
    del room
    async with (
        serving() as site,
        somebody(site, "plain", alice) as here,
        somebody(site, "plain", alice) as there,
    ):
        assert here.session is not None
        await sync_to_async(here.session.flush)()
        await ends(here, "plain", "signed_out", 4401)
        await there.hears_only()


def save_title(room: Room, alice: User) -> None:
    change(title="Counter-Strike", capacity=1)(room, alice)


def save_user(room: Room, alice: User) -> None:
    del room
    alice.first_name = "Alice"
    alice.save()


def log_in_again(room: Room, alice: User) -> None:
    del room
    alice.last_login = timezone.now()
    alice.save(update_fields=["last_login"])


def save_namespace(room: Room, alice: User) -> None:
    del alice
    room.namespace.title = "Games!"
    room.namespace.save()


def gain_group(room: Room, alice: User) -> None:
    del room
    alice.groups.add(Group.objects.create(name="quiet"))


def expired_ban(room: Room, alice: User) -> None:
    now = timezone.now()
    Ban.objects.create(
        room=room,
        user=alice,
        created_at=now - timedelta(hours=2),
        expires_at=now - timedelta(hours=1),
    )


def ban_elsewhere(room: Room, alice: User) -> None:
    Ban.objects.create(room=make_room("elsewhere", namespace=room.namespace), user=alice)


def to_members(room: Room, alice: User) -> None:
    change(access="invitation")(room, alice)


UNRELATED = (
    save_title,
    save_user,
    log_in_again,
    save_namespace,
    gain_group,
    expired_ban,
    ban_elsewhere,
    to_members,
)


@pytest.mark.parametrize("act", UNRELATED)
async def test_an_unrelated_save_evicts_nobody(
    act: Callable[[Room, User], None], room: Room, alice: User
) -> None:
    await sync_to_async(change(access="password"))(room, alice)
    async with (
        serving() as site,
        somebody(site, "plain", alice) as person,
        somebody(site, "plain") as guest,
    ):
        await person.join(password="sesame")
        await guest.join(password="sesame")
        await sync_to_async(act)(room, alice)
        receipt = await recheck_everywhere("/games")
        assert receipt.evicted == 0
        (answer,) = await person.client.call("message", {"room": "csgo", "text": "still here"})
        assert answer["ok"], answer
        await guest.hears_only("newUser", "success", "message")


@pytest.mark.parametrize("how", ["membership", "group", "permission"])
async def test_losing_what_admits_evicts(how: str, room: Room, alice: User) -> None:
    def admit_by() -> None:
        if how == "membership":
            Membership.objects.create(room=room, user=alice, role="member")
        elif how == "group":
            alice.groups.add(staff)
        else:
            alice.user_permissions.add(Permission.objects.get(codename="moderate_room"))

    def lose() -> None:
        if how == "membership":
            Membership.objects.all().delete()
        elif how == "group":
            alice.groups.clear()
        else:
            alice.user_permissions.clear()

    staff = await Group.objects.acreate(name="staff")
    await room.groups.aadd(staff)
    await sync_to_async(change(access="groups"))(room, alice)
    async with serving() as site, somebody(site, "plain", alice) as person:
        await sync_to_async(admit_by)()
        await person.join()
        await sync_to_async(lose)()
        await felt(person, "forbidden")


async def test_a_group_that_the_room_no_longer_names_evicts(room: Room, alice: User) -> None:
    staff = await Group.objects.acreate(name="staff")
    await alice.groups.aadd(staff)
    await room.groups.aadd(staff)
    await sync_to_async(change(access="groups"))(room, alice)
    async with serving() as site, somebody(site, "plain", alice) as person:
        await person.join()
        await room.groups.aclear()
        await felt(person, "forbidden")
        await room.groups.aadd(staff)
        await person.join()
        await staff.adelete()
        await felt(person, "forbidden")


@pytest.mark.parametrize("what", ["room closes", "deny begins", "allow ends"])
async def test_a_known_instant_is_felt_when_it_comes(what: str, room: Room, alice: User) -> None:
    soon = timezone.now() + timedelta(seconds=2)

    def prepare() -> None:
        if what == "room closes":
            change(closes_at=soon)(room, alice)
        elif what == "deny begins":
            AccessRule.objects.create(room=room, effect="deny", starts_at=soon)
        else:
            change(access="members")(room, alice)
            AccessRule.objects.create(room=room, effect="allow", ends_at=soon)

    codes = {"room closes": "room_closed", "deny begins": "forbidden", "allow ends": "not_a_member"}
    await sync_to_async(prepare)()
    async with serving() as site, somebody(site, "plain", alice) as person:
        await person.join()
        async with asyncio.timeout(8):
            kicked = await person.hear("kicked")
        late_s = (timezone.now() - soon).total_seconds()
        assert kicked["code"] == codes[what]
        assert 0 <= late_s < FELT_WITHIN_S + SLACK_S


@pytest.fixture
def _often(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("REALTIME_RECHECK_S", "1")
    forget_options()
    yield
    monkeypatch.undo()
    forget_options()


@pytest.mark.usefixtures("_often")
async def test_what_bypasses_the_signals_is_found_all_the_same(room: Room, alice: User) -> None:
    async with serving() as site, somebody(site, "plain", alice) as person:
        await person.join()
        await Room.objects.filter(pk=room.pk).aupdate(is_open=False)
        async with asyncio.timeout(5):
            assert (await person.hear("kicked"))["code"] == "room_closed"


async def test_nobody_comes_in_again_by_a_power_that_is_found_to_be_gone(
    room: Room, alice: User
) -> None:
    await sync_to_async(change(access="members"))(room, alice)
    await User.objects.filter(pk=alice.pk).aupdate(is_superuser=True)
    async with serving() as site, somebody(site, "plain", alice) as person:
        await person.join()
        await User.objects.filter(pk=alice.pk).aupdate(is_superuser=False)
        await recheck_everywhere()
        await felt(person, "not_a_member")
        (answer,) = await person.client.call("joinRoom", "csgo")
        assert answer["code"] == "not_a_member"


async def test_a_power_that_is_found_to_be_gone_comes_not_back_with_what_was_asked_before(
    room: Room, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_asking, is_over = threading.Event(), threading.Event()

    def list_slowly(*args: Any, **fields: Any) -> Any:
        page = list_rooms(*args, **fields)
        is_asking.set()
        assert is_over.wait(5)
        return page

    monkeypatch.setattr(consumers, "list_rooms", list_slowly)
    await sync_to_async(change(access="members"))(room, alice)
    await User.objects.filter(pk=alice.pk).aupdate(is_superuser=True)
    async with serving() as site, somebody(site, "plain", alice) as person:
        await person.join()
        asking = asyncio.create_task(person.client.call("rooms"))
        assert await asyncio.to_thread(is_asking.wait, 5)
        await User.objects.filter(pk=alice.pk).aupdate(is_superuser=False)
        await recheck_everywhere()
        await felt(person, "not_a_member")
        is_over.set()
        await asking
        (answer,) = await person.client.call("joinRoom", "csgo")
        assert answer["code"] == "not_a_member"


async def test_a_change_whose_announcement_was_lost_is_found_by_its_version(
    room: Room, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.versions.notify", lambda *_: None)
    async with serving() as site, somebody(site, "plain", alice) as person:
        await person.join()
        await sync_to_async(change(is_open=False))(room, alice)
        async with asyncio.timeout(2):
            assert (await person.hear("kicked"))["code"] == "room_closed"


async def test_a_change_that_is_rolled_back_evicts_nobody(room: Room, alice: User) -> None:
    def try_to_close() -> None:
        with transaction.atomic():
            change(is_open=False)(room, alice)
            transaction.set_rollback(True)

    async with serving() as site, somebody(site, "plain", alice) as person:
        await person.join()
        before = await PolicyChange.objects.acount()
        await sync_to_async(try_to_close)()
        assert await PolicyChange.objects.acount() == before
        assert (await recheck_everywhere()).evicted == 0


async def test_a_capacity_lowered_below_those_present_evicts_nobody(
    room: Room, alice: User
) -> None:
    async with (
        serving() as site,
        somebody(site, "plain", alice) as person,
        somebody(site, "plain") as guest,
    ):
        await person.join()
        await guest.join()
        await sync_to_async(change(capacity=1))(room, alice)
        assert (await recheck_everywhere("/games")).evicted == 0


async def test_a_receipt_names_the_processes_and_counts_the_evictions(
    room: Room, alice: User
) -> None:
    async with serving() as site, somebody(site, "plain", alice) as person:
        await person.join()
        await Room.objects.filter(pk=room.pk).aupdate(is_open=False)
        receipt = await sync_to_async(recheck_from_thread)("/games")
        assert (receipt.evicted, len(receipt.processes), receipt.missing) == (1, 1, ())
        assert receipt.is_complete
        assert (await person.hear("kicked"))["code"] == "room_closed"


async def test_a_receipt_after_the_fact_counts_whom_the_change_has_put_out_by_itself(
    room: Room, alice: User
) -> None:
    async with serving() as site, somebody(site, "plain", alice) as person:
        await person.join()
        before = time.monotonic()
        await sync_to_async(change(is_open=False))(room, alice)
        assert (await person.hear("kicked"))["code"] == "room_closed"
        for where in ("/games", SITE_KEY):
            receipt = await sync_to_async(confirm_from_thread)(where, since=before)
            assert (receipt.evicted, len(receipt.processes), receipt.missing) == (1, 1, ())
        later = await sync_to_async(confirm_from_thread)("/games", since=time.monotonic())
        assert later.evicted == 0


async def test_without_a_server_to_reach_a_receipt_says_who_is_missing(room: Room) -> None:
    del room
    receipt = await recheck_everywhere()
    assert (receipt.evicted, receipt.processes, receipt.missing) == (0, (), ())


async def test_an_evicted_socket_may_join_again_when_it_may(room: Room, alice: User) -> None:
    async with serving() as site, somebody(site, "plain", alice) as person:
        await person.join()
        await sync_to_async(ban_here)(room, alice)
        await felt(person, "banned")
        await Ban.objects.all().adelete()
        await person.join()
        (answer,) = await person.client.call("members", "csgo")
        assert answer["count"] == 1


OWN: dict[str, Policy | None] = {}


class Courses(RoomNamespace):
    """Rooms that are rows of another model."""

    async def get_policy(self, name: str) -> Policy | None:
        row = await super().get_policy(name)
        return OWN.get(name, row)


async def test_a_room_of_another_model_is_asked_again_too(room: Room, alice: User) -> None:
    OWN.clear()
    async with serving(Courses) as site, somebody(site, "plain", alice) as person:
        await person.join()
        OWN["csgo"] = None
        await recheck_everywhere("/games")
        await felt(person, "room_closed")
    OWN.clear()
    del room


async def test_a_join_that_a_recheck_has_missed_is_undone(
    room: Room, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The join is decided, then the ban is committed and felt, then the join comes back."""
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(serving())
        person = await stack.enter_async_context(somebody(site, "plain", alice))
        guest = await stack.enter_async_context(somebody(site, "plain"))
        await guest.join()
        ask = RoomNamespace._ask_to_join

        async def decided_then_banned(self: Any, *args: Any, **kwargs: Any) -> Any:
            outcome = await ask(self, *args, **kwargs)
            await sync_to_async(ban_here)(room, alice)
            await recheck_everywhere("/games")
            return outcome

        monkeypatch.setattr(RoomNamespace, "_ask_to_join", decided_then_banned)
        (answer,) = await person.client.call("joinRoom", "csgo")
        assert (answer["ok"], answer["code"]) == (False, "banned")
        await guest.client.call("message", {"room": "csgo", "text": "peace"})
        await person.hears_only("err", "success")
        await eventually(lambda: Seat.objects.count() == 1)


async def test_a_kicked_person_leaves_hears_why_and_may_join_again(room: Room, alice: User) -> None:
    async with serving() as site, somebody(site, "plain", alice) as person:
        await person.join()
        await Seat.objects.filter(room=room).aupdate(
            kicked_at=timezone.now(), kick_reason="be nice"
        )
        assert (await recheck_everywhere("/games")).evicted == 1
        assert (await felt(person, "kicked"))["reason"] == "be nice"
        await person.join()
        assert (await recheck_everywhere("/games")).evicted == 0


async def test_a_message_waits_until_those_who_may_not_hear_it_are_gone(
    room: Room, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.versions.notify", lambda *_: None)
    monkeypatch.setattr("rooms.watching.LOOK_EVERY_S", 60.0)
    async with (
        serving() as site,
        somebody(site, "plain", alice) as person,
        somebody(site, "plain") as guest,
    ):
        await person.join()
        await guest.join()
        await person.hear("newUser")
        await sync_to_async(ban_here)(room, alice)
        (answer,) = await guest.client.call("message", {"room": "csgo", "text": "without her"})
        assert answer["ok"]
        await felt(person, "banned")
        await person.hears_only()


async def listed(person: Person) -> dict[str, Any]:
    """Ask for the rooms; give them by name."""
    (answer,) = await person.client.call("rooms")
    forget(person)
    return {room["name"]: room for room in answer["rooms"]}


async def test_who_asked_for_the_rooms_hears_what_changes_within_a_second(
    room: Room, alice: User, door: str
) -> None:
    async with (
        serving() as site,
        somebody(site, door, alice) as person,
        somebody(site, door) as guest,
        somebody(site, door) as silent,
    ):
        assert (await listed(person))["csgo"]["code"] is None
        await listed(guest)
        await sync_to_async(change(access="login", title="CS"))(room, alice)
        async with asyncio.timeout(FELT_WITHIN_S + SLACK_S):
            for one, code in ((person, None), (guest, "login_required")):
                news = await one.hear("roomsChanged")
                (shape,) = news["changed"]
                assert (shape["title"], shape["code"], news["removed"]) == ("CS", code, [])
        await silent.hears_only()


async def test_a_hidden_room_is_told_to_its_members_alone(room: Room, alice: User) -> None:
    await Membership.objects.acreate(room=room, user=alice, role="member")
    async with (
        serving() as site,
        somebody(site, "plain", alice) as member,
        somebody(site, "plain") as guest,
    ):
        await listed(member)
        await listed(guest)
        await sync_to_async(change(is_listed=False))(room, alice)
        async with asyncio.timeout(FELT_WITHIN_S + SLACK_S):
            assert await guest.hear("roomsChanged") == {"changed": [], "removed": ["csgo"]}
        await sync_to_async(change(title="secret", is_listed=False))(room, alice)
        async with asyncio.timeout(FELT_WITHIN_S + SLACK_S):
            (shape,) = (await member.hear("roomsChanged"))["changed"]
            assert shape["title"] == "secret"
        await guest.hears_only()
        await sync_to_async(delete_room)(room, alice)
        async with asyncio.timeout(FELT_WITHIN_S + SLACK_S):
            assert (await member.hear("roomsChanged"))["removed"] == ["csgo"]
        await guest.hears_only()


async def test_counts_are_told_at_most_once_in_two_seconds(room: Room, alice: User) -> None:
    del room
    async with (
        serving() as site,
        somebody(site, "plain", alice) as person,
        somebody(site, "plain") as first,
        somebody(site, "plain") as second,
    ):
        await listed(person)
        await first.join()
        async with asyncio.timeout(4):
            (shape,) = (await person.hear("roomsChanged"))["changed"]
        told_at = time.monotonic()
        assert shape["members"] == 1
        await second.join()
        async with asyncio.timeout(4):
            (shape,) = (await person.hear("roomsChanged"))["changed"]
        assert shape["members"] == 2
        assert time.monotonic() - told_at > 1.5


async def test_a_number_that_was_told_otherwise_than_counted_is_put_right(
    room: Room, alice: User
) -> None:
    del room
    async with (
        serving() as site,
        somebody(site, "plain", alice) as person,
        somebody(site, "plain") as other,
    ):
        await other.join()
        assert (await listed(person))["csgo"]["members"] == 1
        # The list has been looked at, and it is too soon for a count.
        await asyncio.sleep(1.2)
        await other.client.call("leaveRoom", "csgo")
        async with asyncio.timeout(3):
            (shape,) = (await person.hear("roomsChanged"))["changed"]
        assert shape["members"] == 0


async def test_a_room_that_opens_by_the_clock_is_told(room: Room, alice: User) -> None:
    soon = timezone.now() + timedelta(seconds=2)
    await sync_to_async(change(opens_at=soon))(room, alice)
    async with serving() as site, somebody(site, "plain") as guest:
        assert (await listed(guest))["csgo"]["code"] == "room_closed"
        async with asyncio.timeout(5):
            (shape,) = (await guest.hear("roomsChanged"))["changed"]
        assert shape["code"] is None
        assert (timezone.now() - soon).total_seconds() < FELT_WITHIN_S + SLACK_S


def mute_by_service(room: Room, alice: User) -> None:
    services.mute(room, alice, reason="spam")


def mute_by_row(room: Room, alice: User) -> None:
    Mute.objects.create(room=room, user=alice, reason="spam")


def mute_in_the_namespace(room: Room, alice: User) -> None:
    Mute.objects.create(namespace=room.namespace, user=alice, reason="spam")


def mute_the_address(room: Room, alice: User) -> None:
    del room, alice
    Mute.objects.create(network="127.0.0.0/8", guests_only=False, reason="spam")


def unmute_by_service(room: Room, alice: User) -> None:
    services.unmute(room, alice)


def unmute_by_row(room: Room, alice: User) -> None:
    del room, alice
    for mute in Mute.objects.all():
        mute.delete()


def unmute_by_clock(room: Room, alice: User) -> None:
    del room, alice
    mute = Mute.objects.get()
    mute.expires_at = timezone.now() + timedelta(seconds=0.5)
    mute.save()


MUTES = {
    "service": (mute_by_service, unmute_by_service),
    "row": (mute_by_row, unmute_by_row),
    "namespace": (mute_in_the_namespace, unmute_by_row),
    "address": (mute_the_address, unmute_by_clock),
}


@pytest.mark.parametrize("how", MUTES)
async def test_a_mute_is_heard_however_it_was_made_and_so_is_its_end(
    how: str, door: str, room: Room, alice: User
) -> None:
    begin, end = MUTES[how]
    async with serving() as site, somebody(site, door, alice) as person:
        await person.join()
        await sync_to_async(begin)(room, alice)
        news = await person.hear("muted")
        assert (news["room"], news["until"]) == ("csgo", None)
        assert "spam" in news["message"]
        (answer,) = await person.client.call("message", {"room": "csgo", "text": "hello?"})
        assert answer["code"] == "muted"
        await sync_to_async(end)(room, alice)
        assert await person.hear("unmuted") == {"room": "csgo"}
        (answer,) = await person.client.call("message", {"room": "csgo", "text": "hello!"})
        assert answer["ok"]


async def test_a_mute_that_was_there_before_the_join_is_no_news(room: Room, alice: User) -> None:
    await sync_to_async(mute_by_row)(room, alice)
    async with serving() as site, somebody(site, "plain", alice) as person:
        await person.join()
        await recheck_everywhere()
        await person.hears_only("success", "newUser")


async def test_a_message_taken_away_by_a_save_is_heard(room: Room, alice: User) -> None:
    async with serving() as site, somebody(site, "plain", alice) as person:
        await person.join()
        (sent,) = await person.client.call("message", {"room": "csgo", "text": "oops"})

        def remove() -> None:
            message = room.messages.get(pk=sent["id"])
            message.removed_at = timezone.now()
            message.save()

        await sync_to_async(remove)()
        removed = await person.hear("messageRemoved")
        assert removed == {"room": "csgo", "id": sent["id"], "offset": sent["offset"]}
