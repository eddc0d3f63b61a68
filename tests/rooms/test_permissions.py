"""Rules, bans, mutes, groups and invitations at work: in joins, messages, CONNECTs and lists."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from realtime.exceptions import Refused
from rooms.arriving import Admission, Arrival, admit_arrivals
from rooms.history import Page
from rooms.joining import Denied, Joined, join_rooms
from rooms.listing import list_rooms
from rooms.models import AccessRule, Ban, Grant, Invitation, Membership, Message, Mute
from rooms.people import Person
from rooms.presence import Place
from rooms.reading import read_history, read_members
from rooms.sending import Sent, send_messages
from tests.rooms.people import (
    appoint,
    denied,
    join,
    make_guest,
    make_namespace,
    make_process,
    make_room,
    make_user,
    request_join,
    request_send,
    send,
)

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def refused(person: Person, joined: Joined, **fields: object) -> str:
    """Send one message that has to be refused, and give the code."""
    (outcome,) = send_messages([request_send(person, joined, **fields)])  # type: ignore[arg-type]
    assert isinstance(outcome, Refused), outcome
    return outcome.code


def arrive(person: Person, path: str = "/games") -> str:
    """Come into a namespace; give the code of the refusal, or an empty text."""
    make_process()
    place = Place(f"{person.key} here", "process-1", path, person, "websocket", timezone.now())
    (outcome,) = admit_arrivals([Arrival(place)])
    assert isinstance(outcome, Admission | Refused)
    return "" if isinstance(outcome, Admission) else outcome.code


# Bans and deny rules.


def test_a_ban_in_the_room_the_namespace_or_everywhere_keeps_out_whom_it_names() -> None:
    room = make_room()
    alice, bob, guest = make_user("alice"), make_user("bob"), make_guest()
    Ban.objects.create(room=room, user_id=alice.user_id, reason="spam")
    Ban.objects.create(namespace=room.namespace, guest_id=guest.guest_id or "")
    ban = Ban.objects.create(user_id=bob.user_id, expires_at=timezone.now() + HOUR)
    assert [denied(who).told.code for who in (alice, bob, guest)] == ["banned"] * 3
    assert denied(alice).told.stated_reason == "spam"
    assert denied(bob).told.until == ban.expires_at
    join(make_user("carol"))
    join(make_guest())


def test_a_ban_of_everywhere_or_the_namespace_refuses_a_connect_and_one_of_a_room_does_not() -> (
    None
):
    room = make_room()
    alice, bob, carol = make_user("alice"), make_user("bob"), make_user("carol")
    Ban.objects.create(user_id=alice.user_id)
    Ban.objects.create(namespace=room.namespace, user_id=bob.user_id)
    Ban.objects.create(room=room, user_id=carol.user_id)
    assert [arrive(who) for who in (alice, bob, carol)] == ["banned", "banned", ""]


def test_a_ban_that_is_over_and_one_that_was_lifted_keep_nobody_out() -> None:
    room = make_room()
    alice = make_user("alice")
    past = timezone.now() - HOUR
    Ban.objects.create(user_id=alice.user_id, created_at=past - HOUR, expires_at=past)
    ban = Ban.objects.create(room=room, user_id=alice.user_id)
    assert denied(alice).told.code == "banned"
    ban.delete()
    join(alice)


def test_a_change_is_felt_by_the_next_join_though_rules_are_remembered() -> None:
    room = make_room()
    alice = make_user("alice")
    join(alice)
    ban = Ban.objects.create(room=room, user_id=alice.user_id)
    assert denied(alice).told.code == "banned"
    ban.delete()
    join(alice)
    rule = AccessRule.objects.create(namespace=room.namespace, effect="deny")
    assert denied(alice).told.code == "forbidden"
    rule.delete()
    join(alice)


def test_a_deny_rule_by_group_keeps_members_of_the_group_out_of_an_open_room() -> None:
    room = make_room()
    crew = Group.objects.create(name="crew")
    AccessRule.objects.create(room=room, effect="deny", subject="group", group=crew)
    alice, bob = make_user("alice"), make_user("bob")
    crew.user_set.add(int(alice.user_id or 0))
    appoint(room, alice, "owner")
    assert denied(alice).told.code == "forbidden"
    join(bob)
    join(make_guest())


def test_a_user_who_enters_a_group_is_felt_by_the_next_join() -> None:
    room = make_room(access="groups")
    crew = Group.objects.create(name="crew")
    room.groups.add(crew)
    alice = make_user("alice")
    powers = denied(alice).powers
    crew.user_set.add(int(alice.user_id or 0))
    joined = join(alice, powers=powers)
    crew.user_set.clear()
    assert denied(alice, powers=joined.standing.powers).told.code == "forbidden"


def test_a_namespace_by_groups_lets_in_its_groups_and_whom_a_rule_admits() -> None:
    room = make_room(namespace=make_namespace(access="groups"))
    crew = Group.objects.create(name="crew")
    room.namespace.groups.add(crew)
    member, stranger, admitted = make_user("alice"), make_user("bob"), make_user("carol")
    crew.user_set.add(int(member.user_id or 0))
    AccessRule.objects.create(
        namespace=room.namespace, effect="allow", subject="user", user_id=admitted.user_id
    )
    assert [arrive(who) for who in (member, stranger, admitted)] == ["", "forbidden", ""]
    assert arrive(make_guest()) == "login_required"
    join(member)
    join(admitted)
    assert denied(stranger).told.code == "forbidden"


def test_an_allow_rule_admits_and_one_that_has_not_begun_does_not() -> None:
    room = make_room(access="members")
    now = timezone.now()
    alice, bob = make_user("alice"), make_user("bob")
    AccessRule.objects.create(room=room, effect="allow", subject="user", user_id=alice.user_id)
    AccessRule.objects.create(
        room=room, effect="allow", subject="user", user_id=bob.user_id, starts_at=now + HOUR
    )
    join(alice)
    assert denied(bob).told.code == "not_a_member"


def test_a_room_outside_of_its_hours_is_closed() -> None:
    now = timezone.now()
    make_room("early", opens_at=now + HOUR)
    make_room("late", closes_at=now - HOUR)
    make_room("now", opens_at=now - HOUR, closes_at=now + HOUR)
    assert denied(make_guest(), "early").told.code == "room_closed"
    assert denied(make_guest(), "late").told.code == "room_closed"
    join(make_guest(), "now")


# Writing.


def test_the_muted_read_but_do_not_write_whatever_their_role() -> None:
    room = make_room()
    alice, bob = make_user("alice"), make_user("bob")
    appoint(room, alice, "moderator")
    here, there = join(alice), join(bob)
    mute = Mute.objects.create(room=room, user_id=alice.user_id, reason="enough")
    assert refused(alice, here) == "muted"
    send(bob, there)
    mute.delete()
    send(alice, here)


def test_read_only_is_for_all_but_moderators_and_whom_a_rule_allows() -> None:
    room = make_room(is_read_only=True)
    mod, alice, bob = make_user("mod"), make_user("alice"), make_user("bob")
    appoint(room, mod, "moderator")
    AccessRule.objects.create(
        room=room, effect="allow", action="send", subject="user", user_id=alice.user_id
    )
    send(mod, join(mod))
    send(alice, join(alice))
    assert refused(bob, join(bob)) == "read_only"


def test_a_deny_rule_for_sending_leaves_the_person_in_the_room() -> None:
    room = make_room()
    AccessRule.objects.create(room=room, effect="deny", action="send", subject="everyone")
    guest = make_guest()
    assert refused(guest, join(guest)) == "forbidden"


def test_slow_mode_counts_between_two_messages_of_one_person() -> None:
    room = make_room(slow_mode_s=60)
    mod, guest, other = make_user("mod"), make_guest(), make_guest()
    appoint(room, mod, "moderator")
    here, there, above = join(guest), join(other), join(mod)
    send(guest, here)
    (outcome,) = send_messages([request_send(guest, here)])
    assert isinstance(outcome, Refused)
    assert outcome.code == "rate_limited"
    assert outcome.data["retry_after"] in range(50, 61)
    send(other, there)
    send(mod, above)
    send(mod, above)


def test_slow_mode_holds_in_one_batch_and_forgives_a_resend() -> None:
    make_room(slow_mode_s=60)
    guest = make_guest()
    here = join(guest)
    first, second = send_messages(
        [request_send(guest, here, nonce="a"), request_send(guest, here, nonce="b")]
    )
    assert isinstance(first, Sent)
    assert isinstance(second, Refused)
    again = send(guest, here, nonce="a")
    assert (again.message_id, again.is_new) == (first.message_id, False)
    assert Message.objects.count() == 1


# What decisions cost.


def test_a_banned_members_join_costs_two_statements_and_a_send_one_beside_its_write() -> None:
    room = make_room()
    alice, bob = make_user("alice"), make_user("bob")
    for person in (alice, bob):
        appoint(room, person, "member")
    for number in range(20):
        AccessRule.objects.create(
            room=room, effect="deny", subject="group", group=Group.objects.create(name=f"{number}")
        )
    Ban.objects.create(room=room, user_id=alice.user_id)
    powers = denied(alice).powers
    joined = join(bob)
    with CaptureQueriesContext(connection) as asking:
        join_rooms([request_join(alice, powers=powers, socket_id="none")])
    counted = [query["sql"] for query in asking if "SAVEPOINT" not in query["sql"]]
    assert len(counted) == 2
    with CaptureQueriesContext(connection) as sending:
        send(bob, joined)
    counted = [query["sql"] for query in sending if "SAVEPOINT" not in query["sql"]]
    assert [sql.split()[0] for sql in counted] == ["SELECT", "INSERT", "UPDATE"]


# Invitations.


def test_an_invitation_lets_in_once_makes_a_member_and_stands() -> None:
    room = make_room(access="invitation")
    invitation, token = Invitation.objects.issue(room, role="moderator")
    alice, bob = make_user("alice"), make_user("bob")
    assert denied(alice).told.code == "invitation_required"
    assert denied(alice, invitation="wrong").told.code == "invalid_invitation"
    joined = join(alice, invitation=token)
    assert joined.standing.role == "moderator"
    assert Membership.objects.get(room=room).role == "moderator"
    assert Grant.objects.get(room=room).invitation == invitation
    invitation.refresh_from_db()
    assert invitation.uses == 1
    join(alice)
    join(alice, invitation=token)
    invitation.refresh_from_db()
    assert invitation.uses == 1
    assert denied(bob, invitation=token).told.code == "invalid_invitation"


def test_a_guests_invitation_stands_until_it_is_revoked() -> None:
    room = make_room(access="invitation")
    invitation, token = Invitation.objects.issue(room)
    guest = make_guest()
    assert join(guest, invitation=token).standing.role is None
    join(guest)
    invitation.revoked_at = timezone.now()
    invitation.save()
    assert denied(guest).told.code == "invitation_required"
    assert denied(guest, invitation=token).told.code == "invalid_invitation"


def test_an_invitation_of_another_room_an_expired_and_a_revoked_one_let_nobody_in() -> None:
    room, other = make_room(access="invitation"), make_room("bt1", access="invitation")
    now = timezone.now()
    _row, elsewhere = Invitation.objects.issue(other)
    expired, late = Invitation.objects.issue(room, created_at=now - 2 * HOUR)
    Invitation.objects.filter(pk=expired.pk).update(expires_at=now - HOUR)
    _row, revoked = Invitation.objects.issue(room, revoked_at=now)
    for token in (elsewhere, late, revoked, "", "x" * 10_000, "\ud800"):
        assert denied(make_guest(), invitation=token).told.code == "invalid_invitation"


def test_an_invitation_for_two_is_used_by_two_of_a_batch() -> None:
    room = make_room(access="invitation")
    _invitation, token = Invitation.objects.issue(room, max_uses=2)
    outcomes = join_rooms([request_join(make_guest(), invitation=token) for _ in range(5)])
    assert [type(one) for one in outcomes] == [Joined, Joined, Denied, Denied, Denied]


def test_an_invitation_is_not_spent_where_the_room_is_full() -> None:
    room = make_room(access="invitation", capacity=1)
    invitation, token = Invitation.objects.issue(room, max_uses=5)
    join(make_guest(), invitation=token)
    assert denied(make_guest(), invitation=token).told.code == "room_full"
    invitation.refresh_from_db()
    assert invitation.uses == 1


def test_the_right_invitation_gets_into_a_hidden_room_and_a_wrong_one_learns_nothing() -> None:
    room = make_room(access="invitation", is_listed=False)
    _invitation, token = Invitation.objects.issue(room)
    outcome = denied(make_guest(), invitation="wrong")
    assert outcome.told.code == "unknown_room"
    join(make_guest(), invitation=token)


def test_a_password_grant_outlives_a_change_of_the_access_kind() -> None:
    room = make_room(access="password", password="sesame")
    guest = make_guest()
    Grant.objects.create(
        room=room,
        guest_id=guest.guest_id or "",
        via="password",
        password_version=room.password_version,
    )
    room.access = "members"
    room.save()
    join(guest)
    Grant.objects.all().revoke(timezone.now())
    assert denied(guest).told.code == "login_required"


# The list of rooms.


def test_the_list_says_what_a_join_would_and_costs_the_same_for_many() -> None:
    alice = make_user("alice")
    crew = Group.objects.create(name="crew")
    room = make_room("a", access="groups")
    room.groups.add(crew)
    crew.user_set.add(int(alice.user_id or 0))
    Ban.objects.create(room=make_room("b"), user_id=alice.user_id)
    AccessRule.objects.create(room=make_room("c"), effect="deny", subject="group", group=crew)
    hidden = make_room("d", is_listed=False)
    AccessRule.objects.create(
        room=hidden, effect="allow", action="moderate", subject="group", group=crew
    )
    make_room("e", is_listed=False)
    page = list_rooms("/games", alice, timezone.now())
    assert [(one["name"], one["code"]) for one in page.rooms] == [
        ("a", None),
        ("b", "banned"),
        ("c", "forbidden"),
        ("d", None),
    ]


# Reading.


def test_who_may_no_longer_be_in_a_room_reads_nothing_though_their_seat_is_left() -> None:
    room = make_room()
    alice = make_user("alice")
    join(alice)

    def page() -> tuple[str | None, Page]:
        return read_history(
            "/games",
            "csgo",
            alice,
            seated_in=room.pk,
            before_offset=None,
            after_offset=None,
            limit=10,
        )

    assert page()[1].messages == []
    Ban.objects.create(room=room, user_id=alice.user_id)
    with pytest.raises(Refused) as refusing:
        page()
    assert refusing.value.code == "banned"
    with pytest.raises(Refused):
        read_members("/games", "csgo", alice, seated_in=room.pk)
