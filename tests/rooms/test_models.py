"""The registry's rows: what the database itself refuses, and what a row can say about itself."""

import secrets
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, models, transaction
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from rooms.models import (
    Connection,
    DecisionRecord,
    Grant,
    Invitation,
    Membership,
    Message,
    Namespace,
    Process,
    Room,
    Seat,
)
from rooms.models.people import GrantVia
from rooms.models.records import REF_ALPHABET, RecordKind
from rooms.models.registry import (
    HISTORY_DAYS_MAX,
    RESERVED_PATHS,
    SLOW_MODE_MAX_S,
    RoomAccess,
)
from rooms.policy_values import (
    Action,
    Audience,
    Effect,
    Laws,
    NamespaceLaws,
    NamespacePolicy,
    Policy,
    Rule,
    RuleSet,
    Sanction,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
User = get_user_model()


@pytest.fixture
def games() -> Namespace:
    return Namespace.objects.create(path="/games")


@pytest.fixture
def csgo(games: Namespace) -> Room:
    return Room.objects.create(namespace=games, name="csgo")


def the_database_refuses(row: models.Model) -> bool:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        return True
    return False


def complaints(row: models.Model) -> dict[str, list[str]]:
    try:
        row.full_clean()
    except ValidationError as error:
        return error.message_dict
    return {}


def keep(room: Room, count: int, *, last_at: datetime = NOW, apart: timedelta = DAY) -> None:
    """Store ``count`` messages, ``apart`` from each other, the last at ``last_at``."""
    Message.objects.bulk_create(
        Message(room=room, offset=offset, text="hi", created_at=last_at - apart * (count - offset))
        for offset in range(1, count + 1)
    )
    room.last_offset = count
    room.save(update_fields=["last_offset"])


# --- Namespaces ------------------------------------------------------------------------------


@pytest.mark.parametrize("good", ["/", "/games", "/g", "/4-you_2", "/" + "a" * 50])
def test_a_path_of_one_word_is_a_namespaces(good: str) -> None:
    namespace = Namespace(path=good)
    assert complaints(namespace) == {}
    assert not the_database_refuses(namespace)


@pytest.mark.parametrize(
    "bad", ["", "games", "/Games", "/a/b", "/a/", "//", "/-a", "/é", "/a b", "/a\n", "/" + "a" * 51]
)
def test_any_other_path_is_refused_by_the_form_and_by_the_database(bad: str) -> None:
    assert "path" in complaints(Namespace(path=bad))
    with pytest.raises(Exception, match=r"(?i)constraint|too long"), transaction.atomic():
        Namespace(path=bad).save()


@pytest.mark.parametrize("reserved", RESERVED_PATHS)
def test_a_path_that_every_site_of_ours_uses_is_refused(reserved: str) -> None:
    assert "path" in complaints(Namespace(path=reserved))
    assert the_database_refuses(Namespace(path=reserved))


def test_a_path_is_taken_once(games: Namespace) -> None:
    assert complaints(Namespace(path="/games")) == {
        "path": ["There is a namespace with this path already."]
    }
    assert the_database_refuses(Namespace(path="/games"))


def answer(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


class SiteUrls:
    """A URLconf of a site that has pages of its own."""

    urlpatterns = [
        path("blog/", include(([path("<int:year>/", answer)], "blog"))),
        path("", include(([path("about/", answer)], "site"))),
        path("", include(([path("<slug:namespace>/", answer)], "rooms"))),
        path("<slug:page>/", answer),
    ]


@override_settings(ROOT_URLCONF=SiteUrls, STATIC_URL="/files/", MEDIA_URL="https://media.test/up/")
def test_a_path_that_this_site_answers_is_refused_at_its_field() -> None:
    for used in ("/blog", "/about", "/files"):
        assert complaints(Namespace(path=used)) == {
            "path": [f"The site uses “{used}” for something else."]
        }
    for free in ("/games", "/media-talk", "/up"):
        assert complaints(Namespace(path=free)) == {}


def test_an_unknown_access_is_refused(games: Namespace) -> None:
    games.access = "members"
    assert "access" in complaints(games)
    assert the_database_refuses(games)


# --- Rooms -----------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["", " csgo", "csgo ", ".", "..", "a\x01b", "a\u202eb", "a\u2028b"])
def test_a_name_that_no_room_can_have_is_refused_twice(games: Namespace, bad: str) -> None:
    room = Room(namespace=games, name=bad)
    assert "name" in complaints(room)
    assert the_database_refuses(room)


def test_a_name_is_unique_in_its_namespace_alone(csgo: Room) -> None:
    news = Namespace.objects.create(path="/news")
    again = Room(namespace=csgo.namespace, name="csgo")
    assert complaints(again) == {"__all__": ["This namespace has a room of this name already."]}
    assert the_database_refuses(again)
    assert complaints(Room(namespace=csgo.namespace, name="CSGO")) == {}
    assert not the_database_refuses(Room(namespace=news, name="csgo"))


@pytest.mark.parametrize(
    "fields",
    [
        {"access": "telepathy"},
        {"access": RoomAccess.PASSWORD},
        {"password": "a hash without its version"},
        {"capacity": 0},
        {"history_days": 0},
        {"history_days": HISTORY_DAYS_MAX + 1},
        {"slow_mode_s": SLOW_MODE_MAX_S + 1},
        {"opens_at": NOW, "closes_at": NOW},
        {"opens_at": NOW + DAY, "closes_at": NOW},
    ],
)
def test_a_contradictory_room_is_refused_twice(csgo: Room, fields: dict[str, object]) -> None:
    for name, value in fields.items():
        setattr(csgo, name, value)
    assert complaints(csgo)
    assert the_database_refuses(csgo)


@pytest.mark.parametrize("field", ["capacity", "slow_mode_s", "history_size", "last_offset"])
def test_a_negative_number_is_refused_by_the_database(csgo: Room, field: str) -> None:
    setattr(csgo, field, -1)
    assert the_database_refuses(csgo)


def test_a_password_is_kept_as_a_hash_and_checked(csgo: Room) -> None:
    assert not csgo.check_password("")
    csgo.set_password("sesame")
    csgo.access = RoomAccess.PASSWORD
    csgo.save()
    stored = Room.objects.get(pk=csgo.pk)
    assert "sesame" not in stored.password
    assert stored.check_password("sesame")
    assert not stored.check_password("Sesame")


def test_a_new_password_has_a_new_version_and_none_has_none(csgo: Room) -> None:
    versions = []
    for password in ("sesame", "sesame", None):
        csgo.set_password(password)
        versions.append(csgo.password_version)
    assert versions[0] != versions[1]
    assert (csgo.password, versions[2]) == ("", "")


def test_an_outdated_hash_is_renewed_without_ending_grants(csgo: Room) -> None:
    old = "django.contrib.auth.hashers.MD5PasswordHasher"
    new = "django.contrib.auth.hashers.ScryptPasswordHasher"
    with override_settings(PASSWORD_HASHERS=[old]):
        csgo.set_password("sesame")
        csgo.save()
    version = csgo.password_version
    with override_settings(PASSWORD_HASHERS=[new, old]):
        assert csgo.check_password("sesame")
    csgo.refresh_from_db()
    assert csgo.password.startswith("scrypt")
    assert csgo.password_version == version


def test_a_room_made_again_under_its_name_has_another_epoch(csgo: Room) -> None:
    first = csgo.epoch
    csgo.delete()
    assert Room.objects.create(namespace=csgo.namespace, name="csgo").epoch != first


def test_a_room_states_its_policy_and_its_namespaces(csgo: Room) -> None:
    staff = Group.objects.create(name="staff")
    csgo.set_password("sesame")
    csgo.capacity, csgo.slow_mode_s, csgo.opens_at, csgo.is_listed = 3, 30, NOW, False
    group_ids = frozenset({str(staff.pk)})
    ban = Sanction(id="1", user_id="7")
    rules = RuleSet((Rule("1", Effect.DENY, Audience.EVERYONE, Action.SEND),))
    namespace = csgo.namespace.as_policy(NamespaceLaws(group_ids, site_bans=(ban,), rules=rules))
    assert namespace == NamespacePolicy(
        path="/games", group_ids=group_ids, site_bans=(ban,), rules=rules
    )
    assert csgo.as_policy(namespace, Laws(group_ids, mutes=(ban,))) == Policy(
        namespace=namespace,
        name="csgo",
        mutes=(ban,),
        group_ids=group_ids,
        password_version=csgo.password_version,
        capacity=3,
        slow_mode_s=30,
        opens_at=NOW,
        is_listed=False,
    )


def test_a_room_says_in_which_namespace_it_is(csgo: Room) -> None:
    root = Namespace.objects.create(path="/")
    assert str(csgo) == "/games/csgo"
    assert str(Room(namespace=root, name="hall")) == "/hall"


# --- Memberships and grants ------------------------------------------------------------------


def test_a_user_has_one_role_in_a_room(csgo: Room) -> None:
    alice = User.objects.create_user("alice")
    Membership.objects.create(room=csgo, user=alice)
    assert the_database_refuses(Membership(room=csgo, user=alice, role="owner"))
    assert the_database_refuses(Membership(room=csgo, user=User.objects.create(), role="king"))


def test_a_grant_is_a_users_or_a_guests_and_once_for_each_way(csgo: Room) -> None:
    alice = User.objects.create_user("alice")

    def grant(**fields: object) -> Grant:
        filled = {"room": csgo, "via": "password", "password_version": "v1", **fields}
        return Grant(**filled)

    assert the_database_refuses(grant())
    assert the_database_refuses(grant(user=alice, guest_id="g1"))
    assert not the_database_refuses(grant(user=alice))
    assert the_database_refuses(grant(user=alice))
    assert not the_database_refuses(grant(guest_id="g1"))
    assert the_database_refuses(grant(guest_id="g1"))
    assert not the_database_refuses(grant(guest_id="g2"))
    invited = {"via": "invitation", "password_version": ""}
    assert the_database_refuses(grant(guest_id="g1", **invited))
    first, _token = Invitation.objects.issue(csgo)
    second, _token = Invitation.objects.issue(csgo)
    assert not the_database_refuses(grant(guest_id="g1", invitation=first, **invited))
    assert the_database_refuses(grant(guest_id="g1", invitation=first, **invited))
    assert not the_database_refuses(grant(guest_id="g1", invitation=second, **invited))
    assert the_database_refuses(grant(guest_id="g3", invitation=first))


def test_no_command_takes_an_invitation_for_an_option(
    csgo: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = iter(["-first", "-second", "third"])
    monkeypatch.setattr(secrets, "token_urlsafe", lambda _size: next(tokens))
    invitation, token = Invitation.objects.issue(csgo)
    assert (invitation.hint, token) == ("thir", "third")


@pytest.mark.parametrize(
    ("via", "version"), [("password", ""), ("invitation", "v1"), ("bribe", "")]
)
def test_a_passwords_grant_and_no_other_names_the_password(
    csgo: Room, via: str, version: str
) -> None:
    wrong = Grant(room=csgo, guest_id="g1", via=via, password_version=version)
    assert the_database_refuses(wrong)


def test_grants_are_found_by_person(csgo: Room) -> None:
    alice = User.objects.create_user("alice")
    common = {"room": csgo, "via": GrantVia.PASSWORD, "password_version": "v1"}
    hers = Grant.objects.create(user=alice, **common)
    guests = Grant.objects.create(guest_id="g1", **common)
    assert list(Grant.objects.of_person(alice.pk, None)) == [hers]
    assert list(Grant.objects.of_person(None, "g1")) == [guests]
    assert list(Grant.objects.of_person(None, None)) == []


# --- Messages --------------------------------------------------------------------------------


def test_an_offset_is_taken_once_in_a_room_and_begins_at_one(csgo: Room) -> None:
    Message.objects.create(room=csgo, offset=1, text="hi")
    assert the_database_refuses(Message(room=csgo, offset=1, text="again"))
    assert the_database_refuses(Message(room=csgo, offset=0, text="before the first"))
    other = Room.objects.create(namespace=csgo.namespace, name="bt1")
    assert not the_database_refuses(Message(room=other, offset=1, text="hi"))


def test_a_nonce_is_taken_once_by_each_author_of_a_room(csgo: Room) -> None:
    def message(offset: int, author_key: str, nonce: str) -> Message:
        return Message(room=csgo, offset=offset, author_key=author_key, nonce=nonce, text="hi")

    for offset, key, nonce in ((1, "7", "n"), (2, "guest:7", "n"), (3, "7", ""), (4, "7", "")):
        assert not the_database_refuses(message(offset, key, nonce))
    assert the_database_refuses(message(5, "7", "n"))
    assert the_database_refuses(message(5, "guest:7", "n"))


def test_a_message_has_a_text_and_a_users_message_its_authors_id(csgo: Room) -> None:
    alice = User.objects.create_user("alice")
    assert the_database_refuses(Message(room=csgo, offset=1, text=""))
    assert the_database_refuses(Message(room=csgo, offset=1, text="hi", user=alice))
    assert the_database_refuses(Message(room=csgo, offset=1, text="hi", removed_by=alice))


def test_a_deleted_users_messages_keep_their_author(csgo: Room) -> None:
    alice = User.objects.create_user("alice")
    key = str(alice.pk)
    sent = Message.objects.create(
        room=csgo, offset=1, text="hi", user=alice, author="alice", author_key=key
    )
    alice.delete()
    sent.refresh_from_db()
    assert (sent.user, sent.author, sent.author_key) == (None, "alice", key)


def test_a_room_keeps_its_latest_messages_of_the_last_days(csgo: Room) -> None:
    keep(csgo, 10)
    csgo.history_size = 6
    assert list(Message.objects.kept(csgo, NOW).values_list("offset", flat=True)) == [
        5,
        6,
        7,
        8,
        9,
        10,
    ]
    csgo.history_days = 3
    assert list(Message.objects.kept(csgo, NOW).values_list("offset", flat=True)) == [7, 8, 9, 10]
    csgo.history_size = 0
    assert not Message.objects.kept(csgo, NOW).exists()


def test_pruning_deletes_what_is_not_kept_a_part_at_a_time(csgo: Room) -> None:
    keep(csgo, 10)
    csgo.history_size = 3
    assert Message.objects.prune(csgo, NOW, limit=4) == 4
    assert Message.objects.prune(csgo, NOW, limit=4) == 3
    assert Message.objects.prune(csgo, NOW, limit=4) == 0
    csgo.history_days = 2
    assert Message.objects.prune(csgo, NOW) == 0
    csgo.history_days = 1
    assert Message.objects.prune(csgo, NOW) == 1
    assert list(csgo.messages.values_list("offset", flat=True)) == [9, 10]
    assert Message.objects.prune(csgo, NOW + 9 * DAY) == 2
    assert csgo.last_offset == 10


def test_pruning_by_age_deletes_many_at_once_up_to_its_limit(csgo: Room) -> None:
    keep(csgo, 250, last_at=NOW - DAY, apart=timedelta(minutes=1))
    csgo.history_days = 1
    later = NOW + timedelta(seconds=1)
    assert Message.objects.prune(csgo, later, limit=220) == 220
    assert Message.objects.prune(csgo, later, limit=220) == 30


def test_the_longest_that_a_room_may_keep_and_hold_back_ends_within_the_calendar(
    csgo: Room,
) -> None:
    csgo.history_days, csgo.slow_mode_s = HISTORY_DAYS_MAX, SLOW_MODE_MAX_S
    assert complaints(csgo) == {}
    csgo.save()
    keep(csgo, 2)
    assert Message.objects.kept(csgo, NOW).count() == 2


def test_pruning_a_room_that_keeps_all_looks_at_little(
    csgo: Room, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    keep(csgo, 300, apart=timedelta(minutes=1))
    with django_assert_num_queries(1):
        assert Message.objects.prune(csgo, NOW) == 0
    csgo.history_days = 1
    with django_assert_num_queries(2):
        assert Message.objects.prune(csgo, NOW) == 0


def test_reading_history_uses_the_index_of_room_and_offset(csgo: Room) -> None:
    keep(csgo, 300, apart=timedelta(minutes=1))
    csgo.history_days = 1
    page = Message.objects.kept(csgo, NOW).filter(offset__gt=20).order_by("offset")[:100]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
    plan = page.explain()
    assert "offset" in plan
    assert "B-TREE" not in plan.upper(), f"it sorts: {plan}"
    assert "Sort" not in plan, f"it sorts: {plan}"


# --- Presence --------------------------------------------------------------------------------


def seat(process: Process, room: Room, socket: str, guest: str) -> Seat:
    taken, _made = Connection.objects.get_or_create(
        id=socket, defaults={"process": process, "namespace": "/games", "guest_id": guest}
    )
    key = f"guest:{guest}"
    return Seat.objects.create(room=room, connection=taken, process=process, person_key=key)


def test_only_who_is_under_a_live_lease_is_present(csgo: Room) -> None:
    alive = Process.objects.create(id="a", lease_until=NOW + DAY)
    expired = Process.objects.create(id="b", lease_until=NOW)
    seat(alive, csgo, "s1", "g1")
    seat(alive, csgo, "s2", "g1")
    seat(alive, csgo, "s3", "g2")
    seat(expired, csgo, "s4", "g3")
    assert Seat.objects.present(NOW).count() == 3
    assert Seat.objects.present(NOW - DAY).count() == 4


def test_a_connection_sits_once_in_a_room_and_goes_with_its_process(csgo: Room) -> None:
    process = Process.objects.create(id="a", lease_until=timezone.now())
    first = seat(process, csgo, "s1", "g1")
    twice = Seat(room=csgo, connection=first.connection, process=process, person_key="guest:g1")
    assert the_database_refuses(twice)
    process.delete()
    assert not Connection.objects.exists()
    assert not Seat.objects.exists()


def test_a_connection_is_a_users_or_a_guests() -> None:
    process = Process.objects.create(id="a", lease_until=NOW)
    alice = User.objects.create_user("alice")
    for fields in ({}, {"user": alice, "guest_id": "g1"}):
        assert the_database_refuses(Connection(id="s", process=process, **fields))
    assert not the_database_refuses(Connection(id="s", process=process, user=alice))


# --- Records ---------------------------------------------------------------------------------


def test_a_record_has_a_short_reference_of_its_own() -> None:
    one, two = (
        DecisionRecord.objects.create(kind=RecordKind.JOIN, code="forbidden") for _ in range(2)
    )
    assert one.ref != two.ref
    assert len(one.ref) == 8
    assert set(one.ref) <= set(REF_ALPHABET)
    assert the_database_refuses(DecisionRecord(kind="join", code="forbidden", ref=one.ref))


@pytest.mark.parametrize("fields", [{"kind": "gossip"}, {"code": ""}, {"count": 0}, {"count": -1}])
def test_a_record_that_says_nothing_is_refused(fields: dict[str, object]) -> None:
    plain: dict[str, object] = {"kind": RecordKind.JOIN, "code": "forbidden"}
    assert the_database_refuses(DecisionRecord(**{**plain, **fields}))


def test_deleting_a_room_with_many_messages_takes_few_queries(csgo: Room) -> None:
    keep(csgo, 200)
    with CaptureQueriesContext(connection) as queries:
        csgo.delete()
    assert len(queries) < 15
