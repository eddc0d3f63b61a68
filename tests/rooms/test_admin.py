"""The admin as staff use it: what they find, what they may change, and what is refused where."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from rooms.models import (
    Connection,
    DecisionRecord,
    Grant,
    Membership,
    Message,
    Namespace,
    Process,
    Room,
    Seat,
)

pytestmark = pytest.mark.django_db

User = get_user_model()
PAYLOAD = "<script>alert(1)</script>"


@pytest.fixture
def games() -> Namespace:
    return Namespace.objects.create(path="/games", title=PAYLOAD)


@pytest.fixture
def csgo(games: Namespace) -> Room:
    return Room.objects.create(namespace=games, name="csgo", title=PAYLOAD)


@pytest.fixture
def staff(client: Client) -> Client:
    """A browser in which a superuser is signed in."""
    client.force_login(User.objects.create_superuser("boss", password="x"))
    return client


def signed_in_with(*permissions: str, moderates: Room | None = None) -> Client:
    """A browser in which somebody of the staff with just these permissions is signed in."""
    user = User.objects.create_user("clerk", password="x", is_staff=True)
    if moderates is not None:
        Membership.objects.create(room=moderates, user=user, role="moderator")
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Client()
    browser.force_login(user)
    return browser


def page(model: str, kind: str = "changelist", *args: object) -> str:
    return reverse(f"admin:rooms_{model}_{kind}", args=args)


def room_form(room: Room | None = None, **fields: Any) -> dict[str, object]:
    """What a browser sends for a room, with these fields filled in."""
    namespace = Namespace.objects.get(path="/games")
    form: dict[str, object] = {
        "namespace": namespace.pk,
        "name": room.name if room else "bt1",
        "title": "",
        "access": room.access if room else "open",
        "is_listed": "on",
        "is_open": "on",
        "slow_mode_s": "0",
        "history_size": "100",
        "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
    }
    return {**form, **fields}


def errors_of(response: Any) -> dict[str, list[str]]:
    form = response.context["adminform"].form
    return {name: list(errors) for name, errors in form.errors.items()}


def take_seats(room: Room, *persons: str) -> None:
    """Seat one socket for each of these persons, on a process that is alive."""
    lease_until = timezone.now() + timedelta(minutes=1)
    process, _made = Process.objects.get_or_create(id="p", defaults={"lease_until": lease_until})
    for number, person in enumerate(persons):
        socket = Connection.objects.create(
            id=f"{room.pk}-{number}",
            process=process,
            namespace="/games",
            guest_id=person,
            name=PAYLOAD,
            address="192.0.2.7",
        )
        Seat.objects.create(
            room=room, connection=socket, process=process, person_key=f"guest:{person}"
        )


# --- Finding ---------------------------------------------------------------------------------


def test_every_model_is_in_the_admin() -> None:
    assert set(apps.get_app_config("rooms").get_models()) <= set(admin.site._registry)


def test_every_page_shows_what_people_typed_as_text(staff: Client, csgo: Room) -> None:
    alice = User.objects.create_user("alice")
    take_seats(csgo, "g1")
    rows = [
        csgo.namespace,
        csgo,
        Process.objects.get(),
        Connection.objects.get(),
        Seat.objects.get(),
        Membership.objects.create(room=csgo, user=alice),
        Grant.objects.create(room=csgo, user=alice, via="password", password_version="v1"),
        Message.objects.create(room=csgo, offset=1, text=PAYLOAD, author=PAYLOAD),
        DecisionRecord.objects.create(
            kind="join",
            code="forbidden",
            name=PAYLOAD,
            room=PAYLOAD,
            steps=[{"check": PAYLOAD, "outcome": "denied", "rule": "rule:5"}],
        ),
    ]
    for row in rows:
        model = str(row._meta.model_name)
        for url in (page(model), page(model, "change", row.pk), page(model) + "?q=csgo"):
            response = staff.get(url)
            assert response.status_code == 200, url
            assert PAYLOAD not in response.content.decode(), url


def test_the_room_list_counts_persons_by_live_seats(staff: Client, csgo: Room) -> None:
    csgo.capacity = 10
    csgo.save()
    take_seats(csgo, "g1", "g1", "g2")
    assert "2 / 10" in staff.get(page("room")).content.decode()
    assert "csgo" in staff.get(page("room") + "?occupied=yes").content.decode()
    Process.objects.update(lease_until=timezone.now())
    assert "0 / 10" in staff.get(page("room")).content.decode()
    assert "0 / 10" not in staff.get(page("room") + "?occupied=yes").content.decode()


@pytest.mark.parametrize("model", ["seat", "connection"])
def test_who_is_where_ends_with_the_lease_whether_somebody_has_swept_or_not(
    staff: Client, csgo: Room, model: str
) -> None:
    take_seats(csgo, "g1", "g2")
    found = staff.get(page(model)).context["cl"]
    assert found.result_count == 2
    Process.objects.update(lease_until=timezone.now())
    assert staff.get(page(model)).context["cl"].result_count == 0
    assert Seat.objects.count() == 2


@pytest.mark.parametrize("model", ["room", "message", "connection", "membership", "seat"])
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(
    staff: Client, csgo: Room, model: str
) -> None:
    def fill(name: str) -> None:
        room = Room.objects.create(namespace=csgo.namespace, name=name)
        take_seats(room, "g1", "g2")
        user = User.objects.create_user(name)
        Membership.objects.create(room=room, user=user)
        Message.objects.create(room=room, offset=1, text="hi", user=user, author_key="7")

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert staff.get(page(model)).status_code == 200
        return len(queries)

    fill("one")
    few = count()
    for number in range(8):
        fill(f"room {number}")
    assert count() == few


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Open"),
        ({"is_open": False}, "Closed"),
        ({"opens_at": timedelta(days=1)}, "Opens "),
        ({"closes_at": timedelta(days=1)}, "Open until "),
        ({"closes_at": -timedelta(days=1)}, "Closed since "),
    ],
)
def test_the_room_list_says_whether_people_can_get_in_now(
    staff: Client, csgo: Room, fields: dict[str, object], words: str
) -> None:
    now = timezone.now()
    for name, value in fields.items():
        setattr(csgo, name, now + value if isinstance(value, timedelta) else value)
    csgo.save()
    shown = staff.get(page("room")).content.decode()
    assert f'<td class="field-openness">{words}' in shown


def test_the_room_list_names_what_is_unusual_about_a_room(staff: Client, csgo: Room) -> None:
    Room.objects.create(
        namespace=csgo.namespace, name="bt1", is_listed=False, is_read_only=True, slow_mode_s=30
    )
    shown = staff.get(page("room")).content.decode()
    assert '<td class="field-limits">unlisted, read-only, slow mode, 30 s</td>' in shown
    assert '<td class="field-limits">-</td>' in shown


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "is let in"),
        ({"access": "login"}, "login_required"),
        ({"access": "invitation"}, "invitation_required"),
        ({"is_open": False}, "room_closed"),
        ({"capacity": 1}, "room_full"),
    ],
)
def test_the_room_list_says_what_a_new_guest_gets(
    staff: Client, csgo: Room, fields: dict[str, object], words: str
) -> None:
    Room.objects.filter(pk=csgo.pk).update(**fields)
    take_seats(csgo, "g1")
    shown = staff.get(page("room")).content.decode()
    assert words in shown.split('<td class="field-locks">', 1)[1].split("</td>", 1)[0]


def test_the_groups_are_folded_away_until_they_count(staff: Client, csgo: Room) -> None:
    group = Group.objects.create(name="players")
    url = page("room", "change", csgo.pk)
    assert "<details" in staff.get(url).content.decode()
    staff.post(url, room_form(csgo, access="groups", groups=[group.pk]))
    assert "<details" not in staff.get(url).content.decode()
    refused = staff.post(page("room", "add"), room_form(access="groups"))
    assert "<details" not in refused.content.decode()


def test_a_record_is_found_by_its_reference(staff: Client) -> None:
    for code in ("forbidden", "banned"):
        DecisionRecord.objects.create(kind="join", code=code, room="csgo", name=code)
    sought = DecisionRecord.objects.get(code="banned")
    found = staff.get(page("decisionrecord") + f"?q={sought.ref}").context["cl"].result_list
    assert list(found) == [sought]


def test_members_are_found_by_username(staff: Client, csgo: Room) -> None:
    for name in ("alice", "bob"):
        Membership.objects.create(room=csgo, user=User.objects.create_user(name))
    found = staff.get(page("membership") + "?q=ali").context["cl"].result_list
    assert [row.user.get_username() for row in found] == ["alice"]


# --- Passwords -------------------------------------------------------------------------------


def test_a_password_goes_in_and_never_comes_out(staff: Client, csgo: Room) -> None:
    response = staff.post(
        page("room", "change", csgo.pk),
        room_form(csgo, access="password", new_password="open sesame"),
    )
    assert response.status_code == 302
    csgo.refresh_from_db()
    assert csgo.check_password("open sesame")
    shown = staff.get(page("room", "change", csgo.pk)).content.decode()
    assert "A password is set." in shown
    assert "open sesame" not in shown
    assert csgo.password not in shown


def test_saving_without_a_new_password_keeps_the_old_one_and_its_grants(
    staff: Client, csgo: Room
) -> None:
    csgo.set_password("sesame")
    csgo.access = "password"
    csgo.save()
    version = csgo.password_version
    staff.post(page("room", "change", csgo.pk), room_form(csgo, title="Another title"))
    csgo.refresh_from_db()
    assert (csgo.title, csgo.password_version) == ("Another title", version)
    assert csgo.check_password("sesame")


def test_a_password_can_be_removed(staff: Client, csgo: Room) -> None:
    csgo.set_password("sesame")
    csgo.save()
    assert "No password is set." not in staff.get(page("room", "change", csgo.pk)).content.decode()
    staff.post(page("room", "change", csgo.pk), room_form(csgo, clear_password="on"))
    csgo.refresh_from_db()
    assert csgo.password == ""
    assert "No password is set." in staff.get(page("room", "change", csgo.pk)).content.decode()


# --- Refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"access": "password"}, "new_password"),
        ({"access": "groups"}, "groups"),
        ({"access": "telepathy"}, "access"),
        ({"name": "csgo"}, "name"),
        ({"name": ".."}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"capacity": "0"}, "capacity"),
        ({"capacity": "-1"}, "capacity"),
        ({"slow_mode_s": "-1"}, "slow_mode_s"),
        ({"slow_mode_s": "31622401"}, "slow_mode_s"),
        ({"history_days": "0"}, "history_days"),
        ({"history_days": "36501"}, "history_days"),
        (
            {
                "opens_at_0": "2026-05-02",
                "opens_at_1": "12:00",
                "closes_at_0": "2026-05-01",
                "closes_at_1": "12:00",
            },
            "closes_at",
        ),
        ({"closes_at_0": "2020-01-01", "closes_at_1": "12:00"}, "closes_at"),
    ],
)
def test_a_contradictory_room_is_refused_at_the_field(
    staff: Client, csgo: Room, fields: dict[str, Any], at: str
) -> None:
    response = staff.post(page("room", "add"), room_form(**fields))
    assert response.status_code == 200
    assert list(errors_of(response)) == [at]
    assert Room.objects.count() == 1


def test_a_closing_time_that_has_passed_stays_and_is_not_moved_within_the_past(
    staff: Client, csgo: Room
) -> None:
    csgo.closes_at = datetime(2020, 1, 1, 12, tzinfo=UTC)
    csgo.save()
    closed = {"closes_at_0": "2020-01-01", "closes_at_1": "12:00:00", "title": "Over"}
    saved = staff.post(page("room", "change", csgo.pk), room_form(csgo, **closed))
    assert saved.status_code == 302
    csgo.refresh_from_db()
    assert csgo.title == "Over"
    moved = room_form(csgo, **(closed | {"closes_at_1": "13:00:00"}))
    assert list(errors_of(staff.post(page("room", "change", csgo.pk), moved))) == ["closes_at"]


@pytest.mark.parametrize(
    "fields", [{"new_password": "another"}, {"access": "password"}], ids=["new one", "still needed"]
)
def test_removing_a_password_that_is_needed_or_replaced_is_refused_at_the_field(
    staff: Client, csgo: Room, fields: dict[str, object]
) -> None:
    csgo.set_password("sesame")
    csgo.save()
    form = room_form(csgo, clear_password="on", **fields)
    assert list(errors_of(staff.post(page("room", "change", csgo.pk), form))) == ["clear_password"]
    csgo.refresh_from_db()
    assert csgo.check_password("sesame")


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"path": "/admin"}, "path"),
        ({"path": "/static"}, "path"),
        ({"path": "games"}, "path"),
        ({"path": "/games"}, "path"),
        ({"path": "/new", "access": "groups"}, "groups"),
        ({"path": "/new", "access": "members"}, "access"),
    ],
)
def test_a_wrong_namespace_is_refused_at_the_field(
    staff: Client, games: Namespace, fields: dict[str, str], at: str
) -> None:
    response = staff.post(page("namespace", "add"), {"access": "open", "is_open": "on", **fields})
    assert list(errors_of(response)) == [at]
    assert Namespace.objects.count() == 1


def test_a_right_form_makes_the_namespace_and_the_room(staff: Client) -> None:
    group = Group.objects.create(name="players")
    form = {"path": "/games", "access": "groups", "groups": [group.pk], "is_open": "on"}
    assert staff.post(page("namespace", "add"), form).status_code == 302
    made = staff.post(page("room", "add"), room_form(name=" bt1 ", capacity="3"))
    assert made.status_code == 302
    room = Room.objects.get()
    assert (str(room), room.capacity) == ("/games/bt1", 3)
    assert list(room.namespace.groups.all()) == [group]


def test_a_membership_is_added_on_the_rooms_page(staff: Client, csgo: Room) -> None:
    alice = User.objects.create_user("alice")
    inline = {
        "memberships-TOTAL_FORMS": "1",
        "memberships-0-user": alice.pk,
        "memberships-0-role": "moderator",
    }
    assert staff.post(page("room", "change", csgo.pk), room_form(csgo, **inline)).status_code == 302
    assert Membership.objects.get().role == "moderator"


# --- Who may ---------------------------------------------------------------------------------


def test_who_moderates_nothing_changes_nothing_by_a_forged_form(csgo: Room) -> None:
    clerk = signed_in_with("view_room", "change_room", "view_membership")
    url = page("room", "change", csgo.pk)
    assert clerk.get(url).status_code == 403
    forged = room_form(csgo, title="mine", new_password="mine")
    assert clerk.post(url, forged).status_code == 403
    csgo.refresh_from_db()
    assert (csgo.title, csgo.password) == (PAYLOAD, "")


def test_fields_that_no_form_offers_stay_as_they_are(staff: Client, csgo: Room) -> None:
    before = (csgo.epoch, csgo.last_offset, csgo.password)
    forged = {"password": "hash", "password_version": "v", "epoch": "mine", "last_offset": "9"}
    assert staff.post(page("room", "change", csgo.pk), room_form(csgo, **forged)).status_code == 302
    csgo.refresh_from_db()
    assert (csgo.epoch, csgo.last_offset, csgo.password) == before


@pytest.mark.parametrize("model", ["message", "connection", "seat", "process", "decisionrecord"])
def test_what_servers_write_is_neither_added_nor_changed_nor_deleted(
    staff: Client, csgo: Room, model: str
) -> None:
    take_seats(csgo, "g1")
    Message.objects.create(room=csgo, offset=1, text="hi")
    DecisionRecord.objects.create(kind="join", code="forbidden")
    rows = apps.get_model("rooms", model).objects
    pk = rows.get().pk
    assert staff.get(page(model, "add")).status_code == 403
    assert staff.post(page(model, "change", pk), {"text": "mine"}).status_code == 403
    assert staff.post(page(model, "delete", pk), {"post": "yes"}).status_code == 403
    assert "deletelink" not in staff.get(page(model, "change", pk)).content.decode()
    staff.post(page(model), {"action": "delete_selected", "_selected_action": [pk], "post": "yes"})
    assert rows.count() == 1


# --- Removing and deleting -------------------------------------------------------------------


def test_a_removed_message_keeps_its_place_and_names_who_removed_it(
    staff: Client, csgo: Room
) -> None:
    first, second = (
        Message.objects.create(room=csgo, offset=offset, text="hi") for offset in (1, 2)
    )
    form = {"action": "remove", "_selected_action": [first.pk]}
    for _again in range(2):
        staff.post(page("message"), form)
        first.refresh_from_db()
        removed_at = first.removed_at
    assert first.removed_by == User.objects.get(username="boss")
    assert first.removed_at == removed_at is not None
    second.refresh_from_db()
    assert second.removed_at is None


def test_only_who_moderates_the_room_removes_its_messages(csgo: Room) -> None:
    message = Message.objects.create(room=csgo, offset=1, text="hi")
    other = Room.objects.create(namespace=csgo.namespace, name="bt1")
    clerk = signed_in_with("view_message", "change_message", moderates=other)
    clerk.post(page("message"), {"action": "remove", "_selected_action": [message.pk]})
    message.refresh_from_db()
    assert message.removed_at is None


def test_a_room_is_deleted_with_all_that_is_in_it_after_a_count_of_it(csgo: Room) -> None:
    clerk = signed_in_with("view_room", "delete_room", moderates=csgo)
    take_seats(csgo, "g1")
    Message.objects.bulk_create(
        Message(room=csgo, offset=offset, text=f"text {offset}") for offset in range(1, 31)
    )
    url = page("room", "delete", csgo.pk)
    asked = clerk.get(url).content.decode()
    assert "30" in asked
    assert "text 7" not in asked
    assert clerk.post(url, {"post": "yes"}).status_code == 302
    assert not Room.objects.exists()
    assert not Message.objects.exists()


def test_who_may_not_delete_rooms_deletes_none(csgo: Room) -> None:
    clerk = signed_in_with("view_room", "change_room", moderates=csgo)
    url = page("room", "delete", csgo.pk)
    assert clerk.post(url, {"post": "yes"}).status_code == 403
    assert Room.objects.exists()


def test_a_user_who_is_connected_can_be_deleted(staff: Client, csgo: Room) -> None:
    take_seats(csgo, "g1")
    alice = User.objects.create_user("alice")
    Connection.objects.update(user=alice, guest_id="")
    url = reverse("admin:auth_user_delete", args=(alice.pk,))
    assert staff.post(url, {"post": "yes"}).status_code == 302
    assert not Connection.objects.exists()


# --- Other projects --------------------------------------------------------------------------


@pytest.fixture
def unregistered_users() -> Iterator[None]:
    own = type(admin.site._registry[User])
    admin.site.unregister(User)
    yield
    admin.site.register(User, own)


@pytest.mark.usefixtures("unregistered_users")
def test_where_the_admin_cannot_look_up_users_their_id_is_asked_for(
    staff: Client, csgo: Room
) -> None:
    shown = staff.get(page("membership", "add")).content.decode()
    assert '<input type="text" name="user"' in shown


def test_where_it_can_users_are_looked_up_by_name(staff: Client, csgo: Room) -> None:
    shown = staff.get(page("membership", "add")).content.decode()
    assert 'data-field-name="user"' in shown
