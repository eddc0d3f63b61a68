"""What an invitation's token is worth, and its use: spent once a person, never too often.

Part of a join's transaction, in the pool. Source: DESIGN section 7, "Grants" and "Races".
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import F, Q

from rooms.models import Grant, Invitation, Membership
from rooms.models.invitations import token_digest
from rooms.models.people import GrantVia
from rooms.people import Person
from rooms.policy_values import Grant as GrantValue
from rooms.policy_values import Proof
from rooms.ranks import role_rank

# No token of ours is longer; whatever else it is, it is not hashed.
TOKEN_MAX = 200


@dataclass(slots=True)
class Invitations:
    """The invitations that some joins bring along, and who has used them before."""

    _by_token: dict[str, Invitation] = field(default_factory=dict)
    _used_by: dict[tuple[int, str], Grant] = field(default_factory=dict)

    @classmethod
    def read(cls, tokens: Iterable[str | None], persons: Collection[Person]) -> "Invitations":
        """Find the invitations of these tokens, and the grants that they left these persons."""
        digests = digests_of(tokens)
        if not digests:
            return cls()
        rows = {row.digest: row for row in Invitation.objects.filter(digest__in=digests.values())}
        found = {token: rows[digest] for token, digest in digests.items() if digest in rows}
        invitations = cls(found)
        invitations._read_grants({row.pk for row in rows.values()}, persons)
        return invitations

    def lock(self) -> None:
        """Read the invitations again as they are now, locked until the transaction ends.

        In the order of their keys, so that two who lock the same wait and never deadlock.
        """
        pks = {row.pk for row in self._by_token.values()}
        locked = {
            row.pk: row
            for row in Invitation.objects.select_for_update().filter(pk__in=pks).order_by("pk")
        }
        self._by_token = {
            token: locked[row.pk] for token, row in self._by_token.items() if row.pk in locked
        }

    def refresh_grants(self, persons: Collection[Person]) -> None:
        """Read once more, under the lock, who has used them."""
        self._read_grants({row.pk for row in self._by_token.values()}, persons)

    def proof(self, token: str | None, room_id: int, person: Person, now: datetime) -> Proof:
        """Say what a token proves in a room: right only while it stands and has a use left."""
        if token is None:
            return Proof.ABSENT
        row = self._by_token.get(token)
        if row is None or row.room_id != room_id or row.revoked_at is not None:
            return Proof.WRONG
        if row.expires_at is not None and row.expires_at <= now:
            return Proof.WRONG
        is_used_up = row.max_uses is not None and row.uses >= row.max_uses
        if is_used_up and (row.pk, person.key) not in self._used_by:
            return Proof.WRONG
        return Proof.RIGHT

    def redeem(self, token: str, person: Person) -> tuple[str | None, GrantValue]:
        """Leave a grant, and a signed-in user the membership; give the role there is then.

        Call it only where ``proof`` said right, under the lock.
        """
        row = self._by_token[token]
        held = self._used_by.get((row.pk, person.key))
        if held is None:
            Invitation.objects.filter(pk=row.pk).update(uses=F("uses") + 1)
            row.uses += 1
            self._used_by[row.pk, person.key] = Grant.objects.create(
                room_id=row.room_id,
                user_id=person.user_id,
                guest_id=person.guest_id or "",
                via=GrantVia.INVITATION,
                invitation=row,
            )
        elif held.revoked_at is not None:
            # Somebody who was kicked comes back with what let them in: no further use.
            held.revoked_at = None
            held.save(update_fields=["revoked_at"])
        role = make_member(row, person.user_id) if person.user_id is not None else None
        pk = self._used_by[row.pk, person.key].pk
        return role, GrantValue(id=str(pk), expires_at=row.expires_at)

    def _read_grants(self, invitation_ids: set[int], persons: Collection[Person]) -> None:
        user_ids = {person.user_id for person in persons if person.user_id is not None}
        guest_ids = {person.guest_id for person in persons if person.guest_id is not None}
        grants = Grant.objects.filter(
            Q(user_id__in=user_ids) | Q(guest_id__in=guest_ids), invitation_id__in=invitation_ids
        )
        keys = {(person.user_id or "", person.guest_id or ""): person.key for person in persons}
        self._used_by = {
            (grant.invitation_id, keys[_holder(grant)]): grant
            for grant in grants
            if grant.invitation_id is not None and _holder(grant) in keys
        }


def digests_of(tokens: Iterable[str | None]) -> dict[str, str]:
    """Give what each token is found by; one that cannot be ours has nothing."""
    return {token: token_digest(token) for token in tokens if token and len(token) <= TOKEN_MAX}


def _holder(grant: Grant) -> tuple[str, str]:
    return (str(grant.user_id) if grant.user_id is not None else "", grant.guest_id)


def make_member(invitation: Invitation, user_id: str) -> str:
    """Give the user the invitation's role, unless they have more already."""
    membership, is_new = Membership.objects.get_or_create(
        room_id=invitation.room_id, user_id=user_id, defaults={"role": invitation.role}
    )
    if not is_new and role_rank(invitation.role) > role_rank(membership.role):
        membership.role = invitation.role
        membership.save(update_fields=["role"])
    return membership.role
