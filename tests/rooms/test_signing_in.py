"""What a guest who came in by an invitation has once they sign in or up."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from realtime.namespaces.guests import GUEST_COOKIE, new_guest_cookie, read_guest_cookie
from rooms.models import Grant, Invitation, Membership, Room
from rooms.people import Person
from tests.rooms.people import appoint, denied, grant_password, join, make_room, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def backstage() -> Room:
    return make_room("backstage", access="invitation")


def come_in(client: Client, room: Room, token: str) -> Person:
    """Come in as the guest of this browser."""
    client.cookies[GUEST_COOKIE] = new_guest_cookie()
    guest_id = read_guest_cookie(client.cookies[GUEST_COOKIE].value)
    guest = Person(key=f"guest:{guest_id}", name="Guest", guest_id=guest_id)
    join(guest, room.name, invitation=token)
    return guest


def sign_in(client: Client, name: str = "alice") -> None:
    client.post("/accounts/login/", {"username": name, "password": "secret"})
    assert client.session["_auth_user_id"]


def test_a_guest_who_signs_in_keeps_the_place_and_the_use(client: Client, backstage: Room) -> None:
    alice = make_user("alice")
    grant_password(make_room("vault", password="sesame"), alice)
    invitation, token = Invitation.objects.issue(backstage, role="moderator")
    guest = come_in(client, backstage, token)
    sign_in(client)
    join(alice, backstage.name)
    assert Membership.objects.get(room=backstage, user__username="alice").role == "moderator"
    assert Grant.objects.get(invitation=invitation).user_id == int(alice.user_id or 0)
    assert Invitation.objects.get(pk=invitation.pk).uses == 1
    # It is the account's alone: nobody else gets in by having been that guest.
    assert denied(guest, backstage.name).told.code == "invitation_required"
    make_user("bob")
    client.logout()
    sign_in(client, "bob")
    assert not Membership.objects.filter(user__username="bob").exists()


def test_a_guest_who_signs_up_keeps_the_place(client: Client, backstage: Room) -> None:
    _, token = Invitation.objects.issue(backstage)
    come_in(client, backstage, token)
    password = "correct-horse-battery"
    client.post(
        "/accounts/signup/",
        {"username": "fresh", "password1": password, "password2": password},
    )
    fresh = get_user_model().objects.get(username="fresh")
    assert Membership.objects.filter(room=backstage, user=fresh).exists()


@pytest.mark.parametrize("over", ["kicked", "revoked", "expired"])
def test_what_no_longer_let_the_guest_in_lets_no_account_in(
    client: Client, backstage: Room, over: str
) -> None:
    make_user("alice")
    invitation, token = Invitation.objects.issue(backstage)
    come_in(client, backstage, token)
    now = timezone.now()
    if over == "kicked":
        Grant.objects.all().revoke(now)
    elif over == "revoked":
        Invitation.objects.filter(pk=invitation.pk).update(revoked_at=now)
    else:
        early = now - timedelta(hours=2)
        Invitation.objects.update(created_at=early, expires_at=now - timedelta(hours=1))
    sign_in(client)
    assert not Membership.objects.exists()
    assert Grant.objects.get().user_id is None


def test_an_account_that_used_the_same_invitation_gains_nothing(
    client: Client, backstage: Room
) -> None:
    alice = make_user("alice")
    _, token = Invitation.objects.issue(backstage, max_uses=2)
    join(alice, backstage.name, invitation=token)
    Membership.objects.all().delete()
    come_in(client, backstage, token)
    sign_in(client)
    assert not Membership.objects.exists()


def test_a_members_role_is_never_lowered_by_what_a_guest_brought(
    client: Client, backstage: Room
) -> None:
    alice = make_user("alice")
    appoint(backstage, alice, "owner")
    _, token = Invitation.objects.issue(backstage)
    come_in(client, backstage, token)
    sign_in(client)
    assert Membership.objects.get().role == "owner"


def test_a_forged_cookie_brings_nothing(client: Client, backstage: Room) -> None:
    make_user("alice")
    _, token = Invitation.objects.issue(backstage)
    guest = come_in(client, backstage, token)
    client.cookies[GUEST_COOKIE] = f"{guest.guest_id}:forged"
    sign_in(client)
    assert not Membership.objects.exists()
