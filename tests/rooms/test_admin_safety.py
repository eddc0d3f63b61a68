"""The admin against people who forge: markup, formulas, fields of no form, rows of others."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from rooms.admin.links import admin_url
from rooms.models import (
    AccessRule,
    Ban,
    Block,
    Connection,
    DecisionRecord,
    Grant,
    Invitation,
    Membership,
    Message,
    Mute,
    Namespace,
    Seat,
)
from tests.rooms.people import connect_person, make_guest, make_room, make_user
from tests.rooms.test_admin import page, room_form
from tests.rooms.test_admin_moderation import ban_form, moderator, rule_form, seat

pytestmark = pytest.mark.django_db

User = get_user_model()
PAYLOAD = "<img src=x onerror=alert(1)>\"'>{{7*7}}"
MODELS = [model for model in admin.site._registry if model._meta.app_label == "rooms"]


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser(PAYLOAD, password="x"))
    return client


@pytest.fixture
def rows() -> dict[str, Model]:
    """One row of each model, with markup wherever people may write."""
    namespace = Namespace.objects.create(path="/games", title=PAYLOAD, welcome=PAYLOAD)
    room = make_room(PAYLOAD, namespace=namespace, title=PAYLOAD)
    user = User.objects.create_user(PAYLOAD + "2")
    other = User.objects.create_user("other")
    person = make_guest(PAYLOAD)
    socket_id = connect_person(person)
    connection = Connection.objects.get(pk=socket_id)
    Connection.objects.update(name=PAYLOAD)
    invitation, _token = Invitation.objects.issue(room, label=PAYLOAD)
    made: list[Model] = [
        namespace,
        room,
        connection,
        connection.process,
        Seat.objects.create(
            room=room, connection=connection, process=connection.process, person_key=person.key
        ),
        invitation,
        Membership.objects.create(room=room, user=user, role="member"),
        Grant.objects.create(room=room, user=user, via="invitation", invitation=invitation),
        AccessRule.objects.create(
            room=room, effect="allow", subject="user", user=user, note=PAYLOAD
        ),
        Ban.objects.create(room=room, guest_id="<b>g</b>", reason=PAYLOAD),
        Mute.objects.create(room=room, guest_id="<b>g</b>", reason=PAYLOAD),
        Block.objects.create(blocker=user, blocked=other),
        Message.objects.create(
            room=room, offset=1, text=PAYLOAD, author=PAYLOAD, author_key="guest:x"
        ),
        DecisionRecord.objects.create(
            kind="join",
            code="forbidden",
            name=PAYLOAD,
            namespace="/games",
            room=PAYLOAD,
            message=PAYLOAD,
            rule=PAYLOAD,
            steps=[{"check": PAYLOAD, "outcome": PAYLOAD, "rule": PAYLOAD}],
        ),
    ]
    return {str(row._meta.model_name): row for row in made}


def holds_markup(response: Any) -> bool:
    text = response.content.decode()
    return "<img src=x" in text or "<b>g</b>" in text


# --- Markup ----------------------------------------------------------------------------------


def test_markup_is_text_in_the_list_and_on_the_page_of_every_model(
    staff: Client, rows: dict[str, Model]
) -> None:
    for model, row in rows.items():
        for url in (
            page(model),
            page(model) + f"?q={PAYLOAD[:4]}",
            page(model, "change", row.pk),
            page(model, "history", row.pk),
        ):
            shown = staff.get(url)
            assert shown.status_code == 200, url
            assert not holds_markup(shown), url


def test_markup_is_text_on_every_page_of_ours(staff: Client, rows: dict[str, Model]) -> None:
    room = rows["room"]
    connection, record = rows["connection"], rows["decisionrecord"]
    assert isinstance(record, DecisionRecord)
    place = f"/games/{PAYLOAD}"
    invite = {"count": "2", "role": "member", "label": PAYLOAD}
    closing = room_form(room, name=PAYLOAD, is_open="")  # type: ignore[arg-type]
    pages = {
        "check": staff.get(admin_url("rooms_check_access", connection=connection.pk)),
        "record": staff.get(admin_url("rooms_check_access", ref=record.ref)),
        "no record": staff.get(admin_url("rooms_check_access", ref=PAYLOAD)),
        "answer": staff.post(
            admin_url("rooms_check_access"), {"guest": "g", "place": place, "action": "join"}
        ),
        "ban": staff.get(admin_url("rooms_ban_person", connection=connection.pk)),
        "typed": staff.get(admin_url("rooms_ban_person", user=PAYLOAD, place=PAYLOAD)),
        "concerned": staff.post(
            admin_url("rooms_ban_person"), ban_form(guest="guest:x", place="/games")
        ),
        "wrong": staff.post(
            admin_url("rooms_ban_person"), ban_form(user=PAYLOAD, network=PAYLOAD, place=PAYLOAD)
        ),
        "banned": staff.get(admin_url("rooms_ban_done", ids=str(rows["ban"].pk))),
        "invite": staff.get(admin_url("rooms_invite", room.pk)),
        "invited": staff.post(admin_url("rooms_invite", room.pk), invite),
        "appoint": staff.post(admin_url("rooms_appoint", room.pk), {"user": PAYLOAD}),
        "impact": staff.post(page("room", "change", room.pk), closing),
        "delete": staff.get(page("room", "delete", room.pk)),
        "announce": staff.post(page("room"), {"action": "announce", "_selected_action": [room.pk]}),
        "revoke": staff.post(
            page("invitation"), {"action": "revoke", "_selected_action": [rows["invitation"].pk]}
        ),
    }
    for name, shown in pages.items():
        assert shown.status_code == 200, name
        assert not holds_markup(shown), name
    assert pages["impact"].context["gone"]


def test_nothing_is_marked_as_safe_by_hand() -> None:
    for folder in ("rooms", "realtime", "project", "templates"):
        for path in Path(settings.BASE_DIR / folder).rglob("*"):
            if path.suffix == ".py":
                assert "mark_safe" not in path.read_text(), path
            elif path.suffix == ".html":
                assert "|safe" not in path.read_text(), path


# --- CSV -------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_no_cell_of_a_csv_is_a_formula(staff: Client, start: str) -> None:
    room = make_room()
    form = {"count": "3", "role": "member", "label": f"{start}1+1", "csv": "yes"}
    shown = staff.post(admin_url("rooms_invite", room.pk), form).content.decode()
    for row in csv.reader(io.StringIO(shown)):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row), row


# --- Fields that no form offers --------------------------------------------------------------


def test_no_list_is_editable() -> None:
    assert len(MODELS) > 10
    for model in MODELS:
        assert not admin.site._registry[model].list_editable, model


def test_a_moderator_moves_and_renames_no_room_and_sets_no_hash_by_a_forged_form() -> None:
    csgo = make_room()
    elsewhere = Namespace.objects.create(path="/other")
    mod = moderator(csgo)
    forged = room_form(
        csgo,
        namespace=elsewhere.pk,
        name="mine",
        title="Allowed",
        password="a hash",
        password_version="v",
        hashed_password="not signed",
        epoch="mine",
        last_offset="99",
        pair="1:2",
    )
    before = (csgo.namespace_id, csgo.name, csgo.password, csgo.epoch, csgo.last_offset, csgo.pair)
    mod.post(page("room", "change", csgo.pk), forged)
    csgo.refresh_from_db()
    assert before == (
        csgo.namespace_id,
        csgo.name,
        csgo.password,
        csgo.epoch,
        csgo.last_offset,
        csgo.pair,
    )
    del forged["hashed_password"]
    mod.post(page("room", "change", csgo.pk), forged)
    csgo.refresh_from_db()
    assert csgo.title == "Allowed"
    assert before[0] == csgo.namespace_id
    assert before[1:3] == (csgo.name, csgo.password)


def test_who_made_a_mute_and_whom_it_is_about_is_no_field_of_a_form() -> None:
    csgo = make_room()
    mod = moderator(csgo)
    boss = User.objects.create_superuser("boss")
    made = {
        "room": csgo.pk,
        "guest_id": "g1",
        "guests_only": "on",
        "created_by": boss.pk,
        "created_at": "2000-01-01",
    }
    mod.post(page("mute", "add"), made)
    mute = Mute.objects.get()
    assert mute.created_by == User.objects.get(username="mod")
    assert mute.created_at.year == timezone.now().year
    mod.post(page("mute", "change", mute.pk), {"guest_id": "g2", "room": "", "reason": "changed"})
    mute.refresh_from_db()
    assert (mute.guest_id, mute.room, mute.reason) == ("g1", csgo, "changed")


def test_an_owner_without_the_right_to_change_users_makes_nobody_staff() -> None:
    csgo = make_room()
    make_user("alice")
    owner = moderator(csgo, role="owner")
    form = {"user": "alice", "role": "moderator", "is_staff": "on", "is_superuser": "on"}
    assert owner.post(admin_url("rooms_appoint", csgo.pk), form).status_code == 302
    user = User.objects.get(username="alice")
    assert (user.is_staff, user.is_superuser) == (False, False)
    assert Membership.objects.get(user=user).role == "moderator"


@pytest.mark.parametrize(
    ("model", "lookup"),
    [
        ("room", "password__startswith"),
        ("room", "password"),
        ("room", "password__regex"),
        ("room", "password_version__gte"),
        ("invitation", "digest__startswith"),
        ("grant", "password_version__startswith"),
        ("message", "room__password__startswith"),
        ("membership", "user__password__startswith"),
    ],
)
def test_no_list_is_filtered_by_a_secret(staff: Client, model: str, lookup: str) -> None:
    """Whoever may ask so learns a hash letter by letter."""
    room = make_room("csgo", password="geheim")
    for browser in (moderator(room), staff):
        assert browser.get(page(model), {lookup: room.password[0]}).status_code == 400


# --- Others' rows ----------------------------------------------------------------------------


def world() -> dict[str, list[Model]]:
    """A room and what hangs under it, for each model that can be acted on."""
    room = make_room("bt1")
    guest = make_guest()
    seat(guest, room)
    return {
        "room": [room],
        "connection": list(Connection.objects.all()),
        "invitation": [Invitation.objects.issue(room)[0]],
        "message": [Message.objects.create(room=room, offset=1, text="hi")],
        "ban": [Ban.objects.create(room=room, guest_id="g")],
        "mute": [Mute.objects.create(room=room, guest_id="g")],
        "accessrule": [AccessRule.objects.create(room=room, effect="deny", action="send")],
        "membership": [
            Membership.objects.create(room=room, user=User.objects.create_user("member"))
        ],
        "grant": [
            Grant.objects.create(room=room, guest_id="g", via="password", password_version="v")
        ],
    }


ACTIONS = {
    "room": ("close", "announce", "evict_all", "clear_history", "delete_selected"),
    "connection": ("kick", "disconnect", "delete_selected"),
    "invitation": ("revoke", "delete_selected"),
    "message": ("remove", "delete_selected"),
    "ban": ("delete_selected",),
    "mute": ("delete_selected",),
    "accessrule": ("delete_selected",),
    "membership": ("delete_selected",),
    "grant": ("delete_selected",),
}


def state() -> list[Any]:
    """Give all that an act could have changed."""
    names = (
        "namespace",
        "room",
        "invitation",
        "message",
        "ban",
        "mute",
        "accessrule",
        "membership",
        "grant",
    )
    rows = [list(apps.get_model("rooms", name).objects.order_by("pk").values()) for name in names]
    return [*rows, list(Seat.objects.values("kicked_at")), User.objects.count()]


def forge_everything(browser: Client, rows: dict[str, list[Model]]) -> None:
    for model, targets in rows.items():
        for action in ACTIONS[model]:
            browser.post(
                page(model),
                {
                    "action": action,
                    "_selected_action": [row.pk for row in targets],
                    "confirmed": "yes",
                    "post": "yes",
                    "text": "forged",
                    "remove_people": "on",
                },
            )
        for row in targets:
            browser.post(page(model, "change", row.pk), {"reason": "forged", "title": "forged"})
            browser.post(page(model, "delete", row.pk), {"post": "yes", "impact_confirmed": "yes"})
    (room,) = rows["room"]
    browser.post(admin_url("rooms_invite", room.pk), {"count": "1", "role": "member"})
    browser.post(admin_url("rooms_appoint", room.pk), {"user": "member", "role": "owner"})
    for place in ("/games/bt1", "/games", ""):
        form = ban_form(guest="g9", place=place, confirmed="yes")
        browser.post(admin_url("rooms_ban_person"), form)
    ids = ",".join(str(row.pk) for row in rows["ban"])
    browser.post(admin_url("rooms_ban_done", ids=ids))
    browser.post(page("mute", "add"), {"room": room.pk, "guest_id": "g9"})
    browser.post(page("mute", "add"), {"guest_id": "g9"})
    browser.post(page("accessrule", "add"), rule_form(room=room.pk))
    browser.post(page("accessrule", "add"), rule_form(namespace=Namespace.objects.get().pk))
    browser.post(page("room", "add"), room_form(name="mine"))
    browser.post(page("namespace", "add"), {"path": "/mine", "access": "open"})
    parent = Namespace.objects.get(path="/games")
    form = {"path": "/games", "access": "open", "title": "forged"}
    browser.post(page("namespace", "change", parent.pk), form)
    browser.post(page("namespace", "delete", parent.pk), {"post": "yes"})
    delete = {"action": "delete_selected", "_selected_action": [parent.pk], "post": "yes"}
    browser.post(page("namespace"), delete)


def test_a_moderator_of_another_room_changes_nothing_by_any_forged_act() -> None:
    rows = world()
    mod = moderator(make_room("csgo"))
    before = state()
    forge_everything(mod, rows)
    assert state() == before


@pytest.mark.parametrize("kind", ["views only", "no staff", "nobody"])
def test_who_moderates_nothing_changes_nothing_by_any_forged_act(kind: str) -> None:
    rows = world()
    browser = Client()
    if kind != "nobody":
        user = User.objects.create_user("clerk", is_staff=kind == "views only")
        views = Permission.objects.filter(
            content_type__app_label="rooms", codename__startswith="view_"
        )
        user.user_permissions.set(views)
        browser.force_login(user)
    before = state()
    forge_everything(browser, rows)
    assert state() == before


def test_asking_changes_nothing(staff: Client) -> None:
    rows = world()
    before = state()
    for model, targets in rows.items():
        for action in ACTIONS[model]:
            pks = "&".join(f"_selected_action={row.pk}" for row in targets)
            staff.get(f"{page(model)}?action={action}&{pks}&confirmed=yes")
    staff.get(admin_url("rooms_ban_person", guest="g9", confirmed="yes"))
    staff.get(admin_url("rooms_ban_done", ids=str(rows["ban"][0].pk)))
    assert state() == before


def test_a_form_of_another_site_changes_nothing() -> None:
    rows = world()
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.create_superuser("boss"))
    before = state()
    forge_everything(browser, rows)
    assert state() == before


@pytest.mark.parametrize("model", ["room", "message", "ban", "seat", "membership", "grant"])
def test_no_filter_tells_a_moderator_which_namespaces_there_are(staff: Client, model: str) -> None:
    room = make_room("csgo")
    make_room("plans", namespace=Namespace.objects.create(path="/cabal", access="groups"))
    make_room("plots", namespace=Namespace.objects.create(path="/clique", access="groups"))
    told = moderator(room).get(page(model)).content.decode()
    assert "/cabal" not in told
    assert "/clique" not in told
    assert "/cabal" in staff.get(page(model)).content.decode()
