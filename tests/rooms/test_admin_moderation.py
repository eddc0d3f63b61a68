"""The admin as a moderator uses it: bans, invitations, whom a save puts out, one's own rooms."""

import re
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from rooms import policy, services
from rooms.admin.links import admin_url
from rooms.impact import NAMED_MOST
from rooms.models import (
    AccessRule,
    Ban,
    Connection,
    DecisionRecord,
    Grant,
    Invitation,
    Membership,
    Message,
    Mute,
    Process,
    Room,
    Seat,
)
from rooms.people import Person
from rooms.step_texts import check_text
from tests.rooms.people import appoint, denied, join, make_guest, make_room, make_user
from tests.rooms.test_admin import errors_of, page, room_form

pytestmark = pytest.mark.django_db

User = get_user_model()


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss", password="x"))
    return client


@pytest.fixture
def csgo() -> Room:
    return make_room()


def moderator(room: Room, role: str = "moderator", name: str = "mod") -> Client:
    """A browser of somebody of the staff who looks after one room, with all permissions but one."""
    user = User.objects.create_user(name, password="x", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="rooms").exclude(codename="moderate_room")
    )
    Membership.objects.create(room=room, user=user, role=role)
    browser = Client()
    browser.force_login(user)
    return browser


def rule_form(**fields: Any) -> dict[str, Any]:
    return {"effect": "deny", "subject": "everyone", "action": "join", **fields}


def ban_form(**fields: Any) -> dict[str, Any]:
    form = {"place": "/games/csgo", "duration": "1d", "purge": "none", "guests_only": "on"}
    return {**form, **fields}


def seat(person: Person, room: Room, address: str | None = None) -> None:
    joined = join(person, room.name)
    assert joined.room_id == room.pk
    if address is not None:
        Connection.objects.filter(seats__person_key=person.key).update(address=address)


# --- Bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"room": None}, "room"),
        ({"namespace": "both"}, "room"),
        ({"subject": "user"}, "user"),
        ({"subject": "group"}, "group"),
        ({"user": "boss"}, "user"),
        ({"ends_at_0": "2020-01-01", "ends_at_1": "12:00"}, "ends_at"),
        (
            {
                "starts_at_0": "2999-01-02",
                "starts_at_1": "12:00",
                "ends_at_0": "2999-01-01",
                "ends_at_1": "12:00",
            },
            "ends_at",
        ),
        ({"effect": "maybe"}, "effect"),
    ],
)
def test_a_contradictory_rule_is_refused_at_the_field(
    staff: Client, csgo: Room, fields: dict[str, Any], at: str
) -> None:
    form = rule_form(room=csgo.pk)
    form |= {key: value for key, value in fields.items() if value is not None}
    if fields.get("room", "") is None:
        del form["room"]
    if form.get("namespace"):
        form["namespace"] = csgo.namespace.pk
    if form.get("user"):
        form["user"] = User.objects.get().pk
    assert list(errors_of(staff.post(page("accessrule", "add"), form))) == [at]
    assert not AccessRule.objects.exists()


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({}, "user"),
        ({"guest_id": "g", "network": "192.0.2.0/24"}, "network"),
        ({"guest_id": "g", "namespace": "both"}, "room"),
        ({"network": "192.0.2.0/99"}, "network"),
        ({"network": "127.0.0.0/8"}, "network"),
        ({"network": "::/0"}, "network"),
        ({"guest_id": "g", "expires_at_0": "2020-01-01", "expires_at_1": "12:00"}, "expires_at"),
    ],
)
def test_a_contradictory_mute_is_refused_at_the_field(
    staff: Client, csgo: Room, fields: dict[str, Any], at: str
) -> None:
    form = {"room": csgo.pk, "guests_only": "on", **fields}
    if form.get("namespace"):
        form["namespace"] = csgo.namespace.pk
    assert list(errors_of(staff.post(page("mute", "add"), form))) == [at]
    assert not Mute.objects.exists()


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({}, "user"),
        ({"user": "nobody"}, "user"),
        ({"user": "boss"}, "user"),
        ({"guest": "g1", "place": "/games/none"}, "place"),
        ({"network": "nonsense"}, "network"),
        ({"network": "127.0.0.1"}, "network"),
        ({"network": "::1"}, "network"),
        ({"network": "10.0.0.0/8"}, "network"),
        ({"network": "203.0.113.0/24"}, "network"),
        ({"network": "192.0.2.1", "purge": "all"}, "purge"),
        ({"guest": "g1", "duration": "2y"}, "duration"),
        ({"guest": "guest:"}, "guest"),
        ({"guest": "g" * 65}, "guest"),
        ({"guest": "g\u202e1"}, "guest"),
        ({"network": "fe80::1%eth0"}, "network"),
    ],
)
def test_a_ban_of_nobody_or_of_too_many_is_refused_at_the_field(
    staff: Client, csgo: Room, settings: Any, fields: dict[str, str], at: str
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.1"]
    response = staff.post(
        admin_url("rooms_ban_person"),
        ban_form(**fields, confirmed="yes"),
        REMOTE_ADDR="203.0.113.9",
    )
    assert list(response.context["form"].errors) == [at]
    assert not Ban.objects.exists()


@pytest.mark.parametrize("value", ["abc", "\0", "9" * 30, "-1"])
@pytest.mark.parametrize(
    ("model", "field"),
    [
        ("accessrule", "user"),
        ("accessrule", "room"),
        ("membership", "user"),
        ("mute", "room"),
        ("room", "namespace"),
    ],
)
def test_what_can_be_no_rows_key_is_refused_at_the_field(
    staff: Client, csgo: Room, model: str, field: str, value: str
) -> None:
    assert staff.get(page(model, "add"), {field: value}).status_code == 200
    response = staff.post(page(model, "add"), rule_form(**{field: value}))
    assert field in errors_of(response)


# --- Ban… ------------------------------------------------------------------------------------


def test_a_ban_shows_who_else_would_go_then_does_it_in_one_act_and_can_be_undone(
    staff: Client, csgo: Room
) -> None:
    troll, neighbour, far = make_user("troll"), make_guest(), make_guest()
    for person, address in ((troll, "192.0.2.7"), (neighbour, "192.0.2.7"), (far, "198.51.100.1")):
        seat(person, csgo, address)
    for offset, age_h in ((1, 48), (2, 0)):
        Message.objects.create(
            room=csgo,
            offset=offset,
            text="boo",
            user_id=troll.user_id,
            author_key=troll.key,
            created_at=timezone.now() - timedelta(hours=age_h),
        )
    form = ban_form(user="troll", network="192.0.2.7", purge="day", reason="spam")
    asked = staff.post(admin_url("rooms_ban_person"), form)
    assert [at.person.key for at in asked.context["concerned"]] == [troll.key, neighbour.key]
    assert not Ban.objects.exists()

    done = staff.post(admin_url("rooms_ban_person"), {**form, "confirmed": "Ban"})
    assert done.status_code == 302
    assert {(ban.user_id is None, ban.network) for ban in Ban.objects.all()} == {
        (False, ""),
        (True, "192.0.2.7/32"),
    }
    assert [row.removed_at is None for row in Message.objects.order_by("offset")] == [True, False]
    assert denied(troll).told.code == "banned"
    assert DecisionRecord.objects.filter(kind="moderation", rule__startswith="ban:").count() == 2
    assert LogEntry.objects.filter(content_type__model="ban").count() == 2

    staff.post(done["Location"])
    assert not Ban.objects.exists()
    assert not Message.objects.filter(removed_at__isnull=False).exists()


def test_nobody_is_banned_whom_the_preview_did_not_show(staff: Client, csgo: Room) -> None:
    troll, other = make_user("troll"), make_user("other")
    for person in (troll, other):
        seat(person, csgo)
    url = admin_url("rooms_ban_person")
    asked = staff.post(url, ban_form(user="troll"))
    shown = asked.context["form"].whom
    # Another name typed over it, then Ban.
    again = staff.post(url, ban_form(user="other", shown=shown, confirmed="Ban"))
    assert again.status_code == 200
    assert "Nobody is banned yet." in again.content.decode()
    assert [at.person.key for at in again.context["concerned"]] == [other.key]
    assert not Ban.objects.exists()
    # What does not decide who goes may change.
    shown = again.context["form"].whom
    form = ban_form(user="other", shown=shown, confirmed="Ban", reason="spam", duration="7d")
    assert staff.post(url, form).status_code == 302
    assert str(Ban.objects.get().user_id) == other.user_id
    join(troll)


def test_a_network_spares_signed_in_users_unless_told_otherwise(staff: Client, csgo: Room) -> None:
    alice, guest = make_user("alice"), make_guest()
    for person in (alice, guest):
        seat(person, csgo, "192.0.2.7")
    form = ban_form(network="192.0.2.0/24")
    url = admin_url("rooms_ban_person")
    spared = staff.post(url, form).context["concerned"]
    assert [at.person.key for at in spared] == [guest.key]
    del form["guests_only"]
    assert len(staff.post(url, form).context["concerned"]) == 2


def test_the_form_is_filled_in_from_a_connection_and_from_a_message(
    staff: Client, csgo: Room
) -> None:
    guest = make_guest()
    seat(guest, csgo, "2001:db8::7")
    url = admin_url("rooms_ban_person", connection=Connection.objects.get().pk)
    initial = staff.get(url).context["form"].initial
    assert initial["guest"] == guest.key
    assert initial["network"] == "2001:db8::/64"
    message = Message.objects.create(room=csgo, offset=1, text="hi", author_key=guest.key)
    initial = staff.get(admin_url("rooms_ban_person", message=message.pk)).context["form"].initial
    assert (initial["guest"], initial["place"]) == (guest.key, "/games/csgo")


def test_the_pages_of_a_message_and_a_seat_lead_to_the_form(staff: Client, csgo: Room) -> None:
    guest = make_guest()
    seat(guest, csgo, "192.0.2.7")
    said = Message.objects.create(room=csgo, offset=1, text="hi", author_key=guest.key)
    posted = Message.objects.create(room=csgo, offset=2, text="of the site itself")
    place = Seat.objects.get()
    for url, lead in (
        (page("message", "change", said.pk), {"message": said.pk}),
        (page("seat", "change", place.pk), {"connection": place.connection_id}),
    ):
        assert f'href="{admin_url("rooms_ban_person", **lead)}"' in staff.get(url).content.decode()
    assert "Ban…" not in staff.get(page("message", "change", posted.pk)).content.decode()


def test_the_form_offers_no_address_that_may_not_be_banned(staff: Client, csgo: Room) -> None:
    guest = make_guest()
    seat(guest, csgo, "127.0.0.1")
    url = admin_url("rooms_ban_person", connection=Connection.objects.get().pk)
    initial = staff.get(url).context["form"].initial
    assert "network" not in initial
    assert initial["place"] == "/games/csgo"


def test_a_moderator_of_one_room_bans_from_it_without_naming_it(csgo: Room) -> None:
    guest = make_guest()
    bt1 = make_room("bt1")
    seat(guest, csgo)
    seat(guest, bt1)
    mod = moderator(csgo)
    for query in ({}, {"connection": Connection.objects.filter(seats__room=csgo).get().pk}):
        form = mod.get(admin_url("rooms_ban_person", **query)).context["form"]
        assert form.initial["place"] == "/games/csgo"
        assert form.fields["place"].required


def test_a_users_page_leads_to_ban_and_check_access(staff: Client) -> None:
    alice = make_user("alice")
    shown = staff.get(reverse("admin:auth_user_change", args=(alice.key,))).content.decode()
    for url in (
        admin_url("rooms_ban_person", user=alice.key),
        admin_url("rooms_check_access", user=alice.key),
    ):
        assert f'href="{url}"' in shown
        assert staff.get(url).context["form"].initial["user"] == "alice"
    live = f"{page('connection')}?user__pk__exact={alice.key}"
    assert f'href="{live}"' in shown
    assert staff.get(live).status_code == 200


# --- Invite ----------------------------------------------------------------------------------


def test_invitations_are_shown_once_and_let_in(staff: Client) -> None:
    room = make_room("vip", access="invitation")
    made = staff.post(
        admin_url("rooms_invite", room.pk),
        {"count": "30", "max_uses": "1", "role": "member", "label": "party"},
    )
    links = made.context["links"]
    assert len({link["token"] for link in links}) == 30
    alice = make_user("alice")
    join(alice, "vip", invitation=links[0]["token"])
    shown = staff.get(page("invitation")).content.decode()
    assert "alice" in shown
    assert not any(link["token"] in shown for link in links)
    assert LogEntry.objects.filter(content_type__model="invitation").count() == 30


def test_csv_never_holds_a_formula(staff: Client, csgo: Room) -> None:
    form = {"count": "2", "role": "member", "label": "=cmd()", "csv": "yes"}
    lines = staff.post(admin_url("rooms_invite", csgo.pk), form).content.decode().splitlines()
    assert len(lines) == 3
    assert all(line.startswith("'=cmd()") for line in lines[1:])


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"count": "0"}, "count"),
        ({"count": "100000"}, "count"),
        ({"max_uses": "0"}, "max_uses"),
        ({"max_uses": str(2**31)}, "max_uses"),
        ({"role": "king"}, "role"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "12:00"}, "expires_at"),
    ],
)
def test_a_wrong_invitation_is_refused_at_the_field(
    staff: Client, csgo: Room, fields: dict[str, str], at: str
) -> None:
    form = {"count": "1", "max_uses": "1", "role": "member", **fields}
    response = staff.post(admin_url("rooms_invite", csgo.pk), form)
    assert list(response.context["form"].errors) == [at]
    assert not Invitation.objects.exists()


def test_invitations_of_one_label_are_told_apart_before_they_are_revoked(
    staff: Client, csgo: Room
) -> None:
    rows = [Invitation.objects.issue(csgo, label="party")[0] for _ in range(2)]
    form = {"action": "revoke", "_selected_action": [row.pk for row in rows]}
    asked = staff.post(page("invitation"), form).content.decode()
    assert all(f"party ({row.hint}…)" in asked for row in rows)


def test_revoking_offers_to_remove_those_who_came(staff: Client) -> None:
    room = make_room("vip", access="invitation")
    invitation, token = Invitation.objects.issue(room)
    alice = make_user("alice")
    join(alice, "vip", invitation=token)
    form = {"action": "revoke", "_selected_action": [invitation.pk]}
    asked = staff.post(page("invitation"), form)
    assert "1 person came in" in asked.content.decode()
    staff.post(page("invitation"), {**form, "confirmed": "yes", "remove_people": "on"})
    invitation.refresh_from_db()
    assert invitation.revoked_at is not None
    assert not Membership.objects.exists()
    assert denied(alice, "vip").told.code == "invitation_required"


# --- Impact ----------------------------------------------------------------------------------


def test_a_save_that_puts_people_out_asks_first_and_names_them(staff: Client, csgo: Room) -> None:
    alice, guest = make_user("alice"), make_guest()
    for person in (alice, guest):
        seat(person, csgo)
    url = page("room", "change", csgo.pk)
    asked = staff.post(url, room_form(csgo, access="login"))
    assert asked.status_code == 200
    assert [flip.attendance.person.key for flip in asked.context["gone"]] == [guest.key]
    csgo.refresh_from_db()
    assert csgo.access == "open"
    assert not LogEntry.objects.exists()
    confirmed = dict(asked.context["hidden"]) | {"impact_confirmed": "yes"}
    assert staff.post(url, confirmed).status_code == 302
    csgo.refresh_from_db()
    assert csgo.access == "login"
    assert LogEntry.objects.count() == 1


def test_a_new_name_that_puts_everybody_out_asks_first_and_names_them(
    staff: Client, csgo: Room
) -> None:
    guest = make_guest()
    seat(guest, csgo)
    url = page("room", "change", csgo.pk)
    asked = staff.post(url, room_form(csgo, name="cs2"))
    assert [(flip.attendance.person.key, flip.code) for flip in asked.context["gone"]] == [
        (guest.key, "room_closed")
    ]
    csgo.refresh_from_db()
    assert csgo.name == "csgo"
    confirmed = dict(asked.context["hidden"]) | {"impact_confirmed": "yes"}
    assert staff.post(url, confirmed).status_code == 302
    csgo.refresh_from_db()
    assert csgo.name == "cs2"


def test_a_save_that_puts_nobody_out_is_saved_at_once(staff: Client, csgo: Room) -> None:
    seat(make_guest(), csgo)
    assert (
        staff.post(page("room", "change", csgo.pk), room_form(csgo, title="x")).status_code == 302
    )


def test_a_new_password_passes_the_question_as_its_hash_alone(staff: Client, csgo: Room) -> None:
    seat(make_guest(), csgo)
    url = page("room", "change", csgo.pk)
    asked = staff.post(url, room_form(csgo, access="password", new_password="open sesame"))
    assert asked.context["count"] == 1
    assert "open sesame" not in asked.content.decode()
    staff.post(url, dict(asked.context["hidden"]) | {"impact_confirmed": "yes"})
    csgo.refresh_from_db()
    assert csgo.check_password("open sesame")


def test_back_from_the_question_shows_all_that_was_typed_and_saves_nothing(
    staff: Client, csgo: Room
) -> None:
    alice = make_user("alice")
    seat(make_guest(), csgo)
    url = page("room", "change", csgo.pk)
    typed = {
        "title": "For one evening",
        "access": "password",
        "new_password": "open sesame",
        "closes_at_0": "2999-01-01",
        "closes_at_1": "23:00",
        "memberships-TOTAL_FORMS": "1",
        "memberships-0-user": alice.key,
        "memberships-0-role": "owner",
    }
    asked = staff.post(url, room_form(csgo, **typed))
    back = staff.post(url, dict(asked.context["hidden"]) | {"impact_back": "Back"})
    assert back.status_code == 200
    form = back.context["adminform"].form
    assert not form.errors
    assert form["title"].value() == "For one evening"
    assert form["access"].value() == "password"
    shown = back.content.decode()
    assert 'value="2999-01-01"' in shown
    assert "The new password is kept." in shown
    assert "open sesame" not in shown
    (inline,) = back.context["inline_admin_formsets"]
    assert inline.formset.forms[0]["role"].value() == "owner"
    csgo.refresh_from_db()
    assert (csgo.access, csgo.closes_at) == ("open", None)
    assert not Membership.objects.exists()
    # What stands in the form now, sent as it is, asks again and then saves.
    kept = dict(asked.context["hidden"])
    again = staff.post(url, kept)
    staff.post(url, dict(again.context["hidden"]) | {"impact_confirmed": "yes"})
    csgo.refresh_from_db()
    assert csgo.check_password("open sesame")
    assert csgo.title == "For one evening"


def test_back_shows_what_a_new_rule_would_be(staff: Client, csgo: Room) -> None:
    alice = make_user("alice")
    seat(alice, csgo)
    form = rule_form(room=csgo.pk, subject="user", user=alice.user_id, note="since Friday")
    back = staff.post(page("accessrule", "add"), {**form, "impact_back": "Back"})
    assert back.context["adminform"].form["note"].value() == "since Friday"
    assert not AccessRule.objects.exists()


def test_a_rule_that_puts_people_out_asks_first_when_added_and_a_deleted_one_too(
    staff: Client, csgo: Room
) -> None:
    alice = make_user("alice")
    seat(alice, csgo)
    form = rule_form(room=csgo.pk, subject="user", user=alice.user_id)
    asked = staff.post(page("accessrule", "add"), form)
    assert asked.context["count"] == 1
    assert not AccessRule.objects.exists()
    staff.post(page("accessrule", "add"), {**form, "impact_confirmed": "yes"})
    AccessRule.objects.all().delete()
    Room.objects.filter(pk=csgo.pk).update(access="members")
    rule = AccessRule.objects.create(room=csgo, effect="allow", subject="everyone", action="join")
    asked = staff.post(page("accessrule", "delete", rule.pk), {"post": "yes"})
    assert asked.context["count"] == 1
    assert AccessRule.objects.exists()


def test_beyond_a_thousand_people_only_their_number_is_told(staff: Client, csgo: Room) -> None:
    seat(make_guest(), csgo)
    first = Connection.objects.get()
    names = [f"crowd{number}" for number in range(NAMED_MOST)]
    Connection.objects.bulk_create(
        Connection(id=name, process=first.process, namespace="/games", guest_id=name, name=name)
        for name in names
    )
    Seat.objects.bulk_create(
        Seat(room=csgo, connection_id=name, process=first.process, person_key=f"guest:{name}")
        for name in names
    )
    url = page("room", "change", csgo.pk)
    with CaptureQueriesContext(connection) as queries:
        asked = staff.post(url, room_form(csgo, access="login"))
    assert asked.context["count"] == NAMED_MOST + 1
    assert not asked.context["gone"]
    assert "crowd7" not in asked.content.decode()
    assert len(queries) < 60


def test_a_namespace_that_closes_names_all_who_are_connected(staff: Client, csgo: Room) -> None:
    seat(make_guest(), csgo)
    url = page("namespace", "change", csgo.namespace.pk)
    asked = staff.post(url, {"path": "/games", "access": "open"})
    assert asked.context["count"] == 1
    assert {flip.code for flip in asked.context["gone"]} == {"namespace_closed"}


# --- One's own rooms -------------------------------------------------------------------------


def test_a_moderator_sees_and_reaches_only_the_rooms_that_they_moderate(csgo: Room) -> None:
    bt1 = make_room("bt1")
    alice = make_user("alice")
    rows: dict[str, list[Any]] = {"ban": [], "mute": [], "message": [], "invitation": []}
    for room in (csgo, bt1):
        seat(make_guest(f"in {room.name}"), room)
        rows["ban"].append(Ban.objects.create(room=room, guest_id="g"))
        rows["mute"].append(Mute.objects.create(room=room, guest_id="g"))
        rows["message"].append(Message.objects.create(room=room, offset=1, text="hi"))
        rows["invitation"].append(Invitation.objects.issue(room)[0])
        appoint(room, alice, "member")
        DecisionRecord.objects.create(
            kind="join", code="forbidden", namespace="/games", room=room.name
        )
    rows["room"] = [csgo, bt1]
    rows["seat"] = [room.seats.get() for room in (csgo, bt1)]
    rows["membership"] = [
        Membership.objects.get(room=room, user_id=alice.key) for room in (csgo, bt1)
    ]
    rows["connection"] = [room.seats.get().connection for room in (csgo, bt1)]
    rows["decisionrecord"] = [DecisionRecord.objects.get(room=name) for name in ("csgo", "bt1")]
    mod = moderator(csgo)
    for model, (own, other) in rows.items():
        listed = set(mod.get(page(model)).context["cl"].result_list)
        assert own in listed, model
        assert other not in listed, model
        assert mod.get(page(model, "change", own.pk)).status_code == 200, model
        assert mod.get(page(model, "change", other.pk)).status_code in {302, 403, 404}, model
    Ban.objects.create(guest_id="everywhere")
    assert "everywhere" not in mod.get(page("ban")).content.decode()


def test_a_moderator_acts_only_on_their_own_rooms(csgo: Room) -> None:
    bt1 = make_room("bt1")
    mod = moderator(csgo)
    mod.post(page("room"), {"action": "close", "_selected_action": [csgo.pk, bt1.pk]})
    assert {room.name: room.is_open for room in Room.objects.all()} == {"csgo": False, "bt1": True}
    mod.post(page("room"), {"action": "open", "_selected_action": [csgo.pk]})
    assert Room.objects.get(name="csgo").is_open
    url = admin_url("rooms_ban_person")
    for place in ("/games/bt1", "/games", ""):
        refused = mod.post(url, ban_form(guest="g1", place=place, confirmed="yes"))
        assert list(refused.context["form"].errors) == ["place"]
    assert mod.get(admin_url("rooms_invite", bt1.pk)).status_code == 302
    assert mod.get(admin_url("rooms_appoint", bt1.pk)).status_code == 302
    mute = {"room": bt1.pk, "guest_id": "g1", "guests_only": "on"}
    assert list(errors_of(mod.post(page("mute", "add"), mute))) == ["room"]
    assert mod.post(page("room", "add"), room_form(name="mine")).status_code == 403
    assert not Ban.objects.exists()


def test_nobody_acts_on_one_who_ranks_as_high_nor_gives_more_than_they_have(csgo: Room) -> None:
    peer, owner, alice = (make_user(name) for name in ("peer", "owner", "alice"))
    appoint(csgo, peer, "moderator")
    appoint(csgo, owner, "owner")
    mod = moderator(csgo)
    for name in ("peer", "owner", "mod"):
        refused = mod.post(admin_url("rooms_ban_person"), ban_form(user=name, confirmed="yes"))
        assert list(refused.context["form"].errors) == ["user"], name
        held = Membership.objects.get(user__username=name)
        assert mod.post(page("membership", "delete", held.pk), {"post": "yes"}).status_code == 403
        form = {"room": csgo.pk, "user": held.user_id, "role": "member"}
        assert mod.post(page("membership", "change", held.pk), form).status_code == 403
        mute = {"room": csgo.pk, "user": held.user_id, "guests_only": "on"}
        assert list(errors_of(mod.post(page("mute", "add"), mute))) == ["user"], name
    said = Message.objects.create(
        room=csgo, offset=1, text="hi", user_id=owner.user_id, author_key=owner.key
    )
    mod.post(page("message"), {"action": "remove", "_selected_action": [said.pk]})
    said.refresh_from_db()
    assert said.removed_at is None
    form = {"room": csgo.pk, "user": alice.key, "role": "owner"}
    assert list(errors_of(mod.post(page("membership", "add"), form))) == ["role"]
    rule = rule_form(room=csgo.pk, subject="user", user=owner.user_id)
    assert mod.post(page("accessrule", "add"), rule).status_code == 403
    assert Membership.objects.filter(room=csgo).count() == 3


def test_nobody_lifts_what_was_put_on_them_or_on_a_peer(csgo: Room) -> None:
    mod = moderator(csgo)
    peer, alice = make_user("peer"), make_user("alice")
    appoint(csgo, peer, "moderator")
    own = Mute.objects.create(room=csgo, user=User.objects.get(username="mod"))
    of_peer = Ban.objects.create(room=csgo, user_id=peer.user_id)
    for row in (own, of_peer):
        model = str(row._meta.model_name)
        assert mod.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403
        assert mod.post(page(model, "change", row.pk), {"reason": "none"}).status_code == 403
        lift = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        mod.post(page(model), lift)
    mod.post(admin_url("rooms_ban_done", ids=str(of_peer.pk)))
    assert (Mute.objects.get(), Ban.objects.get()) == (own, of_peer)
    of_alice = Mute.objects.create(room=csgo, user_id=alice.user_id)
    assert mod.post(page("mute", "delete", of_alice.pk), {"post": "yes"}).status_code == 302
    assert not Mute.objects.filter(pk=of_alice.pk).exists()


def test_an_inline_takes_out_nobody_who_ranks_as_high(csgo: Room) -> None:
    owner = make_user("owner")
    appoint(csgo, owner, "owner")
    mod = moderator(csgo)
    held = Membership.objects.get(role="owner")
    inline = {
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": held.pk,
        "memberships-0-room": csgo.pk,
        "memberships-0-user": held.user_id,
        "memberships-0-role": "owner",
        "memberships-0-DELETE": "on",
    }
    assert mod.post(page("room", "change", csgo.pk), room_form(csgo, **inline)).status_code == 200
    assert Membership.objects.filter(role="owner").exists()


def test_the_history_of_a_room_tells_who_was_appointed_in_it(staff: Client, csgo: Room) -> None:
    User.objects.create_user("alice")
    url = admin_url("rooms_appoint", csgo.pk)
    staff.post(url, {"user": "alice", "role": "moderator"})
    history = staff.get(admin_url("rooms_room_history", csgo.pk))
    assert "Changed role for membership “alice: Moderator”." in history.content.decode()


def test_an_appointed_moderator_signs_in_and_sees_one_room(staff: Client, csgo: Room) -> None:
    make_room("bt1")
    make_user("alice")
    url = admin_url("rooms_appoint", csgo.pk)
    assert (
        staff.post(url, {"user": "alice", "role": "moderator", "is_staff": "on"}).status_code == 302
    )
    browser = Client()
    browser.force_login(User.objects.get(username="alice"))
    assert list(browser.get(page("room")).context["cl"].result_list) == [csgo]
    assert browser.get(page("namespace")).status_code == 403


# --- Check access ----------------------------------------------------------------------------


def test_a_reference_fills_in_the_question_and_the_answer_leads_to_the_row(
    staff: Client, csgo: Room
) -> None:
    alice = make_user("alice")
    ban = Ban.objects.create(room=csgo, user_id=alice.user_id)
    ref = denied(alice).ref
    asked = staff.get(admin_url("rooms_check_access", ref=ref))
    initial = asked.context["form"].initial
    assert (initial["user"], initial["place"], initial["action"]) == (
        "alice",
        "/games/csgo",
        "join",
    )
    answered = staff.post(admin_url("rooms_check_access"), initial)
    assert answered.context["answer"].decision.code == "banned"
    assert page("ban", "change", ban.pk) in answered.content.decode()


@pytest.mark.parametrize("text", ["\0", "9" * 30, "9" * 5_000, "-1", "guest:\0", "²", "\u202e"])
def test_an_address_typed_by_hand_is_no_fault_of_ours(staff: Client, text: str) -> None:
    for name, field in (
        ("rooms_check_access", "ref"),
        ("rooms_check_access", "connection"),
        ("rooms_check_access", "room"),
        ("rooms_ban_person", "connection"),
        ("rooms_ban_person", "message"),
        ("rooms_ban_person", "room"),
        ("rooms_ban_person", "user"),
        ("rooms_ban_done", "ids"),
    ):
        assert staff.get(admin_url(name, **{field: text})).status_code == 200


def test_a_reference_is_looked_up_where_staff_ask(staff: Client, csgo: Room) -> None:
    Room.objects.filter(pk=csgo.pk).update(access="members")
    ref = denied(make_user("alice")).ref
    assert ref is not None
    url = admin_url("rooms_check_access")
    assert 'name="ref"' in staff.get(url).content.decode()
    found = staff.get(admin_url("rooms_check_access", ref=f" {ref.upper()} "))
    assert found.context["record"].code == "not_a_member"
    assert page("decisionrecord", "change", found.context["record"].pk) in found.content.decode()
    missing = staff.get(admin_url("rooms_check_access", ref="nothing"))
    assert "There is no record of this reference" in missing.content.decode()


def test_a_reference_of_an_act_tells_what_was_done(staff: Client, csgo: Room) -> None:
    bob = make_user("bob")
    services.ban(csgo, bob)
    ref = DecisionRecord.objects.get(kind="moderation").ref
    shown = staff.get(admin_url("rooms_check_access", ref=ref)).content.decode()
    assert "<strong>Banned" in shown
    assert "was answered" not in shown


def test_a_reference_of_anothers_room_is_none_for_a_moderator(csgo: Room) -> None:
    make_room("bt1", access="members")
    ref = denied(make_user("alice"), "bt1").ref
    mod = moderator(csgo)
    asked = mod.get(admin_url("rooms_check_access", ref=ref))
    assert asked.context["record"] is None
    assert asked.context["form"].initial["place"] == ""


def test_steps_are_told_in_words_and_lead_to_their_rows(staff: Client, csgo: Room) -> None:
    alice = make_user("alice")
    ban = Ban.objects.create(room=csgo, user_id=alice.user_id)
    ref = denied(alice).ref
    record = DecisionRecord.objects.get(ref=ref)
    shown = staff.get(page("decisionrecord", "change", record.pk)).content.decode()
    link = f'<a href="{page("ban", "change", ban.pk)}">ban {ban.pk}</a>'
    assert f"<li>Is no ban against them? no {link}</li>" in shown


def test_a_role_that_decides_leads_to_the_membership(staff: Client, csgo: Room) -> None:
    appoint(csgo, make_user("alice"), "owner")
    form = {"user": "alice", "place": "/games/csgo", "action": "moderate"}
    shown = staff.post(admin_url("rooms_check_access"), form).content.decode()
    link = page("membership", "change", Membership.objects.get().pk)
    assert f'<a href="{link}">role: Owner</a>' in shown


def test_every_step_of_a_decision_has_words_of_its_own() -> None:
    source = (Path(policy.__file__)).read_text()
    asked = set(re.findall(r'(?:passed|admitted|denied|check[a-z, ]* =)\(?\s*"([a-z ]+)"', source))
    asked |= {"no rule against join", "no rule against send", "namespace exists", "room exists"}
    asked -= {"no rule against "}
    assert len(asked) > 10
    for check in asked:
        assert check_text(check) != check


def test_check_access_of_anothers_room_says_what_it_says_of_a_missing_one(csgo: Room) -> None:
    make_room("bt1")
    mod = moderator(csgo)
    said = [
        mod.post(admin_url("rooms_check_access"), {"guest": "g", "place": place, "action": "join"})
        .context["form"]
        .errors
        for place in ("/games/bt1", "/games/none")
    ]
    assert said[0] == said[1] != {}


# --- Acts on rooms and connections -----------------------------------------------------------


def test_clearing_the_history_asks_first_and_keeps_the_offsets(staff: Client, csgo: Room) -> None:
    Message.objects.create(room=csgo, offset=1, text="hi")
    Room.objects.filter(pk=csgo.pk).update(last_offset=1)
    form = {"action": "clear_history", "_selected_action": [csgo.pk]}
    assert "1 message is deleted" in staff.post(page("room"), form).content.decode()
    assert Message.objects.exists()
    staff.post(page("room"), {**form, "confirmed": "yes"})
    assert not Message.objects.exists()
    csgo.refresh_from_db()
    assert csgo.last_offset == 1
    assert LogEntry.objects.filter(content_type__model="room").count() == 1


def test_an_announcement_needs_a_text(staff: Client, csgo: Room) -> None:
    form = {"action": "announce", "_selected_action": [csgo.pk], "confirmed": "yes", "text": " "}
    assert "text" in staff.post(page("room"), form).context["form"].errors


def test_pages_hold_no_inline_script_or_style(staff: Client, csgo: Room) -> None:
    seat(make_guest(), csgo)
    urls = [
        page("connection"),
        page("connection", "change", Connection.objects.get().pk),
        page("room", "change", csgo.pk),
        admin_url("rooms_check_access"),
        admin_url("rooms_ban_person"),
        admin_url("rooms_invite", csgo.pk),
        admin_url("rooms_appoint", csgo.pk),
    ]
    for url in urls:
        shown = staff.get(url)
        assert shown.status_code == 200, url
        assert " style=" not in shown.content.decode(), url
        assert " onclick=" not in shown.content.decode(), url


def test_grants_that_were_taken_back_are_shown_so(staff: Client, csgo: Room) -> None:
    csgo.set_password("x")
    csgo.save()
    Grant.objects.create(
        room=csgo,
        guest_id="g",
        via="password",
        password_version=csgo.password_version,
        revoked_at=timezone.now(),
    )
    assert 'alt="False"' in staff.get(page("grant")).content.decode()


def test_a_kick_is_of_ones_own_rooms_and_of_lower_ranks(csgo: Room) -> None:
    bt1 = make_room("bt1")
    guest, owner = make_guest(), make_user("owner")
    appoint(csgo, owner, "owner")
    for person, room in ((guest, csgo), (guest, bt1), (owner, csgo)):
        seat(person, room)
    mod = moderator(csgo)
    sockets = list(Connection.objects.values_list("pk", flat=True))
    mod.post(page("connection"), {"action": "kick", "_selected_action": sockets})
    kicked = Seat.objects.filter(kicked_at__isnull=False)
    assert [(row.room, row.person_key) for row in kicked] == [(csgo, guest.key)]


@pytest.mark.parametrize("written", ["k3v9", "guest:k3v9"])
def test_a_guest_is_muted_by_the_id_that_is_shown_too(
    staff: Client, csgo: Room, written: str
) -> None:
    staff.post(page("mute", "add"), {"room": csgo.pk, "guest_id": written, "guests_only": "on"})
    assert Mute.objects.get().guest_id == "k3v9"


def test_who_may_no_longer_moderate_a_room_is_told_so_and_changes_nothing(csgo: Room) -> None:
    """A rule ends the power of those, too, who look after all rooms."""
    boss = User.objects.create_superuser("boss", password="x")
    browser = Client()
    browser.force_login(boss)
    make_user("alice")
    invitation, _token = Invitation.objects.issue(csgo)
    AccessRule.objects.create(room=csgo, effect="deny", action="moderate", subject="everyone")
    told = "Your account may not do this in csgo."
    invite = {"count": "1", "max_uses": "1", "role": "member"}
    for url, form in (
        (admin_url("rooms_invite", csgo.pk), invite),
        (admin_url("rooms_appoint", csgo.pk), {"user": "alice", "role": "member"}),
    ):
        assert browser.post(url, form).context["form"].non_field_errors() == [told]
    revoke = {"action": "revoke", "_selected_action": [invitation.pk], "confirmed": "yes"}
    answered = browser.post(page("invitation"), revoke, follow=True)
    shown = [str(message) for message in answered.context["messages"]]
    assert shown[:2] == [f"{invitation}: {told}", "0 invitations revoked."]
    clear = {"action": "clear_history", "_selected_action": [csgo.pk], "confirmed": "yes"}
    answered = browser.post(page("room"), clear, follow=True)
    shown = [str(message) for message in answered.context["messages"]]
    assert shown[:2] == [f"{csgo}: {told}", "Done in 0 rooms."]
    assert list(Invitation.objects.values_list("revoked_at", flat=True)) == [None]
    assert not Membership.objects.exists()


def test_an_owner_denies_nothing_to_another_owner(csgo: Room) -> None:
    peer, alice = make_user("peer"), make_user("alice")
    appoint(csgo, peer, "owner")
    appoint(csgo, alice, "moderator")
    owner = moderator(csgo, role="owner")
    for effect, person, is_taken in (
        ("deny", peer, False),
        ("allow", peer, True),
        ("deny", alice, True),
    ):
        rule = rule_form(room=csgo.pk, effect=effect, subject="user", user=person.key)
        answered = owner.post(page("accessrule", "add"), rule)
        assert (answered.status_code == 302) is is_taken, (effect, person)
        if not is_taken:
            assert list(errors_of(answered)) == ["user"]
    assert not AccessRule.objects.filter(effect="deny", user_id=peer.key).exists()


def test_everybody_is_evicted_after_a_question(staff: Client, csgo: Room) -> None:
    for _number in range(2):
        seat(make_guest(), csgo)
    # One whose process has died is not there any more.
    gone = Process.objects.create(id="gone", lease_until=timezone.now())
    there = Connection.objects.create(
        id="gone", process=gone, namespace="/games", guest_id="g", transport="websocket"
    )
    Seat.objects.create(room=csgo, connection=there, process=gone, person_key="guest:g")
    form = {"action": "evict_all", "_selected_action": [csgo.pk]}
    assert "2 people are there" in staff.post(page("room"), form).content.decode()
    assert not Seat.objects.filter(kicked_at__isnull=False).exists()
    staff.post(page("room"), {**form, "confirmed": "yes", "reason": "a pause"})
    kicked = Seat.objects.filter(kicked_at__isnull=False, kick_reason="a pause")
    assert kicked.exclude(process=gone).count() == 2


def test_the_command_kicks_and_says_whom_it_does_not_find(csgo: Room) -> None:
    guest = make_guest()
    seat(guest, csgo)
    for arguments, words in (
        (("nobody", "/games/csgo"), "no user"),
        ((guest.key, "/games/none"), "no room"),
        ((guest.key, "/games"), "no room"),
        ((guest.key, "/games/csgo", "--reason", "x" * 201), "at most 200"),
    ):
        with pytest.raises(CommandError, match=words):
            call_command("kick", *arguments)
    call_command("kick", guest.key, "/games/csgo", "--reason", "enough", stdout=StringIO())
    assert Seat.objects.get().kick_reason == "enough"


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"room": "", "role": "member"}, ["room"]),
        ({"user": "", "role": "member"}, ["user"]),
        ({"user": "99999", "role": "member"}, ["user"]),
        ({"role": "king"}, ["role", "user"]),
        ({"role": "member"}, ["user"]),
    ],
    ids=["no room", "no user", "unknown user", "unknown role", "twice"],
)
def test_a_wrong_membership_is_refused_at_the_field(
    staff: Client, csgo: Room, fields: dict[str, str], at: list[str]
) -> None:
    alice = make_user("alice")
    appoint(csgo, alice, "moderator")
    form = {"room": csgo.pk, "user": alice.key, **fields}
    assert list(errors_of(staff.post(page("membership", "add"), form))) == at
    assert Membership.objects.get().role == "moderator"


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"user": "nobody", "role": "moderator"}, "user"),
        ({"user": "", "role": "moderator"}, "user"),
        ({"user": "alice", "role": "king"}, "role"),
        ({"user": "9" * 5_000, "role": "moderator"}, "user"),
    ],
)
def test_a_wrong_appointment_is_refused_at_the_field(
    staff: Client, csgo: Room, fields: dict[str, str], at: str
) -> None:
    make_user("alice")
    response = staff.post(admin_url("rooms_appoint", csgo.pk), fields)
    assert list(response.context["form"].errors) == [at]
    assert not Membership.objects.exists()


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"place": ""}, "place"),
        ({"place": "/games"}, "place"),
        ({"user": "nobody"}, "user"),
        ({"user": "boss", "guest": "g"}, "guest"),
        ({"address": "nonsense"}, "address"),
        ({"action": "fly"}, "action"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_at_the_field(
    staff: Client, csgo: Room, fields: dict[str, str], at: str
) -> None:
    form = {"place": str(csgo), "action": "join", **fields}
    response = staff.post(admin_url("rooms_check_access"), form)
    assert list(response.context["form"].errors) == [at]
    assert response.context["answer"] is None


def test_what_is_done_by_forms_and_lists_is_recorded_as_what_events_do(
    staff: Client, csgo: Room
) -> None:
    alice = make_user("alice")
    form = {"room": csgo.pk, "user": alice.user_id, "guests_only": "on"}
    staff.post(page("mute", "add"), form)
    mute = Mute.objects.get()
    staff.post(page("mute", "delete", mute.pk), {"post": "yes"})
    bans = [Ban.objects.create(room=csgo, guest_id=name) for name in ("g1", "g2")]
    chosen = [ban.pk for ban in bans]
    lifting = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    assert "Lift the selected ones" in staff.get(page("ban")).content.decode()
    staff.post(page("ban"), lifting)
    assert not Mute.objects.exists()
    assert not Ban.objects.exists()
    records = DecisionRecord.objects.filter(kind="moderation").order_by("pk")
    assert [(record.rule, record.person_key) for record in records] == [
        (f"mute:{mute.pk}", alice.key),
        (f"mute:{mute.pk}", alice.key),
        (f"ban:{chosen[1]}", "guest:g2"),
        (f"ban:{chosen[0]}", "guest:g1"),
    ]
    assert [record.message.split(" ")[0] for record in records] == ["Muted", *["Lifted"] * 3]
    assert {record.actor.get_username() for record in records if record.actor} == {"boss"}
