"""Rules, bans, mutes and invitations: what the database itself refuses, and what a form says."""

from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from rooms.models import AccessRule, Ban, Block, Invitation, Mute, Namespace, Room
from rooms.models.invitations import token_digest
from rooms.networks import parse_network

pytestmark = pytest.mark.django_db

User = get_user_model()
DAY = timedelta(days=1)


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


def the_form_refuses(row: models.Model) -> bool:
    try:
        row.full_clean()
    except ValidationError:
        return True
    return False


def test_a_rule_is_of_one_place_and_names_its_subject(games: Namespace, csgo: Room) -> None:
    alice, crew = User.objects.create_user("alice"), Group.objects.create(name="crew")
    good = [
        AccessRule(room=csgo, effect="deny"),
        AccessRule(namespace=games, effect="allow", subject="authenticated", action="send"),
        AccessRule(room=csgo, effect="allow", subject="user", user=alice, action="moderate"),
        AccessRule(room=csgo, effect="deny", subject="group", group=crew),
    ]
    assert not any(the_form_refuses(row) or the_database_refuses(row) for row in good)
    now = timezone.now()
    bad = [
        AccessRule(effect="deny"),
        AccessRule(room=csgo, namespace=games, effect="deny"),
        AccessRule(room=csgo, effect="maybe"),
        AccessRule(room=csgo, effect="deny", action="fly"),
        AccessRule(room=csgo, effect="deny", subject="user"),
        AccessRule(room=csgo, effect="deny", subject="group", user=alice),
        AccessRule(room=csgo, effect="deny", subject="everyone", user=alice),
        AccessRule(room=csgo, effect="deny", subject="user", user=alice, group=crew),
        AccessRule(room=csgo, effect="deny", starts_at=now + 2 * DAY, ends_at=now + DAY),
        AccessRule(room=csgo, effect="deny", ends_at=now - DAY),
    ]
    assert all(the_form_refuses(row) for row in bad)
    assert all(the_database_refuses(row) for row in bad)


@pytest.mark.parametrize("kind", [Ban, Mute])
def test_a_ban_and_a_mute_concern_one_in_one_place_until_later(
    games: Namespace, csgo: Room, kind: type[Ban] | type[Mute]
) -> None:
    alice = User.objects.create_user("alice")
    now = timezone.now()
    good = [
        kind(user=alice),
        kind(namespace=games, guest_id="g1", expires_at=now + DAY),
        kind(room=csgo, network="192.0.2.7"),
        kind(room=csgo, network="2001:db8::/64", guests_only=False),
    ]
    assert not any(the_form_refuses(row) or the_database_refuses(row) for row in good)
    bad = [
        kind(),
        kind(user=alice, guest_id="g1"),
        kind(user=alice, network="192.0.2.0/24"),
        kind(user=alice, namespace=games, room=csgo),
        kind(user=alice, expires_at=now - DAY),
        kind(network="localhost"),
        kind(network="192.0.2.0/33"),
        kind(network="300.0.2.0/24"),
        kind(network="2001:db8::/129"),
    ]
    assert all(the_form_refuses(row) for row in bad)
    assert all(the_database_refuses(row) for row in bad)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("192.0.2.7", "192.0.2.7/32"),
        (" 192.0.2.7/24 ", "192.0.2.0/24"),
        ("2001:DB8:0::1", "2001:db8::1/128"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::/0", "::/0"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:db8:1:2:3:4:5:6/127", "2001:db8:1:2:3:4:5:6/127"),
    ],
)
def test_a_network_has_one_form(typed: str, kept: str) -> None:
    assert parse_network(typed) == ip_network(kept)
    ban = Ban.objects.create(network=typed)
    ban.refresh_from_db()
    assert ban.network == kept
    assert ban.as_sanction().network == ip_network(kept)
    assert Ban.objects.filter(network=typed).exists()


def test_an_invitation_is_found_by_its_token_which_is_not_kept(csgo: Room) -> None:
    invitation, token = Invitation.objects.issue(csgo, label="for Ada", max_uses=3)
    assert len(token) >= 22
    invitation.refresh_from_db()
    assert token not in {str(value) for value in vars(invitation).values()}
    assert invitation.digest == token_digest(token)
    assert token.startswith(invitation.hint)


def test_an_invitation_that_says_nonsense_is_refused(csgo: Room) -> None:
    past = timezone.now() - DAY
    for fields in ({"max_uses": 0}, {"role": "king"}, {"expires_at": past}):
        with pytest.raises(ValidationError):
            Invitation.objects.issue(csgo, **fields)
        assert the_database_refuses(Invitation(room=csgo, digest="d", **fields))
    assert the_database_refuses(Invitation(room=csgo, digest="d", max_uses=1, uses=2))


def test_invitations_that_still_hold_are_found(csgo: Room) -> None:
    now = timezone.now()
    fresh, _token = Invitation.objects.issue(csgo)
    Invitation.objects.issue(csgo, revoked_at=now)
    Invitation.objects.issue(csgo, expires_at=now + DAY)
    used, _token = Invitation.objects.issue(csgo, uses=1)
    assert set(Invitation.objects.standing(now + 2 * DAY)) == {fresh, used}
    assert set(Invitation.objects.standing(now + 2 * DAY).with_uses_left()) == {fresh}


def test_a_user_blocks_another_once_and_never_themselves() -> None:
    alice, bob = User.objects.create_user("alice"), User.objects.create_user("bob")
    assert not the_database_refuses(Block(blocker=alice, blocked=bob))
    assert the_database_refuses(Block(blocker=alice, blocked=bob))
    assert not the_database_refuses(Block(blocker=bob, blocked=alice))
    assert the_database_refuses(Block(blocker=bob, blocked=bob))


def test_a_room_of_two_is_nowhere_in_the_registry(games: Namespace, csgo: Room) -> None:
    hidden = Room.everywhere.create(namespace=games, name="x", pair="3:7")
    assert list(Room.objects.all()) == [csgo]
    assert list(games.rooms.all()) == [csgo]
    with pytest.raises(IntegrityError), transaction.atomic():
        Room.everywhere.create(namespace=games, name="y", pair="3:7")
    games.delete()
    assert not Room.everywhere.filter(pk=hidden.pk).exists()
