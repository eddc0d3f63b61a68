"""``user.has_perm("rooms.moderate_room", room)``: the same answer as ``decide``."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from rooms.models import AccessRule, Ban, Membership
from tests.rooms.people import make_room

pytestmark = pytest.mark.django_db

PERMISSION = "rooms.moderate_room"


def test_moderators_of_a_room_have_the_permission_there_and_nowhere_else() -> None:
    csgo, bt1 = make_room(), make_room("bt1")
    alice = get_user_model().objects.create_user("alice")
    assert not alice.has_perm(PERMISSION, csgo)
    Membership.objects.create(room=csgo, user=alice, role="moderator")
    assert alice.has_perm(PERMISSION, csgo)
    assert not alice.has_perm(PERMISSION, bt1)
    assert not alice.has_perm(PERMISSION)
    assert not alice.has_perm("rooms.change_room", csgo)


def test_the_global_permission_and_rules_count_and_a_ban_or_inactivity_ends_it() -> None:
    csgo = make_room()
    users = get_user_model().objects
    mod, ruled, gone = users.create_user("mod"), users.create_user("ruled"), users.create_user("x")
    mod.user_permissions.add(Permission.objects.get(codename="moderate_room"))
    AccessRule.objects.create(
        room=csgo, effect="allow", action="moderate", subject="user", user=ruled
    )
    gone.is_active = False
    gone.save()
    Membership.objects.create(room=csgo, user=gone, role="owner")
    assert users.get(pk=mod.pk).has_perm(PERMISSION, csgo)
    assert ruled.has_perm(PERMISSION, csgo)
    assert not gone.has_perm(PERMISSION, csgo)
    Ban.objects.create(room=csgo, user=ruled)
    assert not ruled.has_perm(PERMISSION, csgo)
