"""What a guest brings along to the account that they sign in to: the rooms of their invitations.

The guest whom the browser's cookie proves and the user are one person, and an invitation's use is
spent once a person: without this, whoever follows a link, comes in and only then makes an account
stands outside with a link that is used up. A password they know, and give again.
"""

from collections.abc import Set

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from realtime.namespaces.guests import GUEST_COOKIE, read_guest_cookie
from rooms.inviting import make_member
from rooms.models import Grant, Invitation
from rooms.models.people import GrantVia


def connect_signing_in() -> None:
    """Listen to sign-ins, of our pages and of others."""
    user_logged_in.connect(_signed_in, dispatch_uid="rooms.signing_in")


def _signed_in(request: HttpRequest | None, user: AbstractBaseUser, **_: object) -> None:
    cookies = request.COOKIES if request is not None else {}
    guest_id = read_guest_cookie(cookies.get(GUEST_COOKIE))
    if not guest_id:
        return
    # Nearly everybody has none, and waits for no lock.
    held = Grant.objects.filter(guest_id=guest_id, via=GrantVia.INVITATION, revoked_at=None)
    invitation_ids = set(held.values_list("invitation_id", flat=True))
    if invitation_ids:
        _carry_over(guest_id, user, invitation_ids)


@transaction.atomic
def _carry_over(guest_id: str, user: AbstractBaseUser, invitation_ids: Set[int | None]) -> None:
    """Move the guest's grants to the user, and make the user what their invitations make of one.

    Moved, not copied: of one use come no two accounts.
    """
    standing = Invitation.objects.standing(timezone.now()).filter(pk__in=invitation_ids)
    # The lock that a join with the same invitation takes, in the same order.
    invitations = list(standing.select_for_update().order_by("pk"))
    by_invitation = Grant.objects.filter(via=GrantVia.INVITATION)
    used = by_invitation.filter(user_id=user.pk).values("invitation_id")
    held = by_invitation.filter(guest_id=guest_id, revoked_at=None)
    for invitation in invitations:
        grant = held.filter(invitation=invitation).exclude(invitation_id__in=used).first()
        if grant is not None:
            grant.user_id, grant.guest_id = user.pk, ""
            grant.save(update_fields=["user", "guest_id"])
            make_member(invitation, str(user.pk))
