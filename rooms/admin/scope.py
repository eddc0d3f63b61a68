"""Which rooms somebody of the staff looks after: all of them, or those that they moderate.

The permission ``rooms.moderate_room`` opens all rooms; without it a person sees and acts on the
rooms that they moderate alone, whatever Django's own permissions they hold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.contrib import admin
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest
from django.utils import timezone

from rooms.findings import MODERATING_ROLES
from rooms.models import AccessRule, Membership, Room
from rooms.models.rules import RuleAction, RuleEffect, RuleSubject
from rooms.people import (
    PERMISSION,
    Person,
    Powers,
    Standing,
    load_powers,
    load_standings,
    subject_of,
)
from rooms.policy import decide
from rooms.policy_values import Action, Credentials, Role
from rooms.registry import FoundRoom, with_policies

_KEY = "rooms_scope"
# Of no form and no list, for nobody.
SECRET_FIELDS = frozenset({"password", "password_version", "digest"})


@dataclass(frozen=True, slots=True)
class Scope:
    """What one person of the staff looks after; ``room_ids`` counts where not ``is_everything``.

    ``owned_ids`` are the rooms among them that the person owns.
    """

    is_everything: bool
    room_ids: frozenset[int] = frozenset()
    owned_ids: frozenset[int] = frozenset()

    def has(self, room_id: int | None) -> bool:
        """Say whether a room is among them; None stands for what is wider than one room."""
        return self.is_everything or room_id in self.room_ids

    def owns(self, room_id: int | None) -> bool:
        """Say whether the person is above a room's moderators."""
        return self.is_everything or room_id in self.owned_ids

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to look after."""
        return not self.is_everything and not self.room_ids

    def keep(self, rows: QuerySet[Any], path: str = "room") -> QuerySet[Any]:
        """Keep the rows whose room, at ``path``, is among them."""
        return rows if self.is_everything else rows.filter(**{f"{path}__in": self.room_ids})

    def rooms(self) -> QuerySet[Room]:
        """Give the rooms."""
        return self.keep(Room.objects.all(), "pk")


def staff_of(request: HttpRequest) -> AbstractBaseUser:
    """Give the user who makes this request: the admin lets nobody else in."""
    user = request.user
    if not isinstance(user, AbstractBaseUser):
        raise PermissionDenied
    return user


def scope_of(request: HttpRequest) -> Scope:
    """Give the scope of whoever makes this request, read once for each request."""
    kept = vars(request).get(_KEY)
    if isinstance(kept, Scope):
        return kept
    scope = _read(request.user)
    vars(request)[_KEY] = scope
    return scope


def _read(user: Any) -> Scope:  # noqa: ANN401 - any user model's
    if not (user.is_active and user.is_staff):
        return Scope(is_everything=False)
    if user.has_perm(PERMISSION):
        return Scope(is_everything=True)
    key = str(user.pk)
    powers = load_powers(key)
    by_rule = Q(subject__in=(RuleSubject.EVERYONE, RuleSubject.AUTHENTICATED))
    by_rule |= Q(user_id=user.pk) | Q(group_id__in=powers.group_ids)
    rules = AccessRule.objects.filter(
        by_rule, effect=RuleEffect.ALLOW, action=RuleAction.MODERATE
    ).order_by()
    held = Membership.objects.filter(user_id=user.pk, role__in=MODERATING_ROLES).order_by()
    candidates = with_policies(
        Room.objects.filter(
            Q(pk__in=held.values("room_id"))
            | Q(pk__in=rules.filter(room__isnull=False).values("room_id"))
            | Q(namespace__in=rules.filter(namespace__isnull=False).values("namespace_id"))
        )
    )
    person = Person(key, user.get_username(), user_id=key)
    standings = load_standings({found.row.pk: found.policy for found in candidates}, [person])
    return _decided(person, candidates, standings, powers)


def _decided(
    person: Person,
    candidates: list[FoundRoom],
    standings: dict[tuple[int, str], Standing],
    powers: Powers,
) -> Scope:
    """Ask ``decide`` about each room that the person may turn out to moderate."""
    credentials = Credentials(now=timezone.now())
    moderated, owned = set[int](), set[int]()
    for found in candidates:
        standing = standings.get((found.row.pk, person.key), Standing())
        subject = subject_of(person, replace(standing, powers=powers))
        if not decide(found.policy, subject, Action.MODERATE, credentials).allowed:
            continue
        moderated.add(found.row.pk)
        if subject.role == Role.OWNER:
            owned.add(found.row.pk)
    return Scope(is_everything=False, room_ids=frozenset(moderated), owned_ids=frozenset(owned))


class ModeratedRows(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Rows of rooms: seen, and acted on, by those who look after their room.

    ``room_path`` leads from a row to its room. A row without one is for those who look after
    everything.
    """

    room_path = "room"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Keep the rows of the person's own rooms."""
        return scope_of(request).keep(super().get_queryset(request), self.room_path)

    def room_id_of(self, row: Any) -> int | None:  # noqa: ANN401 - a row of any model of ours
        """Give the key of a row's room."""
        room_id: int | None = row.room_id
        return room_id

    def looks_after(self, request: HttpRequest, row: Any) -> bool:  # noqa: ANN401 - as above
        """Say whether the person looks after this row, or without one after any."""
        scope = scope_of(request)
        return not scope.is_empty if row is None else scope.has(self.room_id_of(row))

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Refuse to filter by what is secret: each answer would tell one letter more of it.

        Django allows a model's own fields, whatever they are.
        """
        is_secret = lookup.partition("__")[0] in SECRET_FIELDS
        return not is_secret and super().lookup_allowed(lookup, value, request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the app to those who look after something in it."""
        return not scope_of(request).is_empty

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let those look who look after it."""
        return self.looks_after(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let those change it who look after it."""
        return self.looks_after(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let those delete it who look after it."""
        return self.looks_after(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let those add one who look after something; the form asks for one of their rooms."""
        return not scope_of(request).is_empty

    def formfield_for_foreignkey(
        self,
        db_field: Any,  # noqa: ANN401 - Django's own
        request: HttpRequest,
        **kwargs: Any,  # noqa: ANN401 - Django's own
    ) -> ModelChoiceField[Any] | None:
        """Offer the person's own rooms, and ask for one of them where they have not got all."""
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "room" and field is not None:
            field.queryset = scope_of(request).rooms()
            field.required = field.required or not scope_of(request).is_everything
        return field
