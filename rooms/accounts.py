"""The accounts behind sockets: whether they still stand, and what they may do everywhere.

Synchronous reads for the pool: a fixed number of queries for any number of users, as long as
their permissions come of Django's own backend. Decides nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_backends, get_user_model
from django.contrib.auth.backends import ModelBackend
from django.utils import timezone

from rooms.auth_backends import RoomBackend
from rooms.changes import find_session_model
from rooms.people import PERMISSION, Powers

# Sessions that live in a cookie can be neither looked up nor ended.
_COOKIE_SESSIONS = "django.contrib.sessions.backends.signed_cookies"


@dataclass(frozen=True, slots=True)
class Account:
    """A user who may sign in. ``auth_hash`` changes with the password; None: there is none."""

    powers: Powers
    auth_hash: str | None


def auth_hash_of(user: object) -> str | None:
    """Give what of a user changes with the password, as sessions keep it."""
    get_hash = getattr(user, "get_session_auth_hash", None)
    return get_hash() if get_hash is not None else None


def read_accounts(user_ids: Collection[str]) -> dict[str, Account]:
    """Read the accounts of these users; who is deleted or not active is missing."""
    if not user_ids:
        return {}
    users = list(
        get_user_model()._default_manager.filter(pk__in=user_ids, is_active=True)  # noqa: SLF001
    )
    groups = _read_groups(user_ids)
    moderators = _find_moderators(users)
    return {
        str(user.pk): Account(
            Powers(
                is_superuser=bool(getattr(user, "is_superuser", False)),
                may_moderate_rooms=str(user.pk) in moderators,
                group_ids=frozenset(groups.get(str(user.pk), ())),
            ),
            auth_hash_of(user),
        )
        for user in users
    }


def find_ended_sessions(session_keys: Collection[str]) -> set[str]:
    """Say which of these browser sessions are signed out, deleted or over."""
    if not session_keys or settings.SESSION_ENGINE == _COOKIE_SESSIONS:
        return set()
    model = find_session_model()
    if model is None:
        store = import_module(settings.SESSION_ENGINE).SessionStore
        return {key for key in session_keys if not store().exists(key)}
    live = model._default_manager.filter(  # noqa: SLF001 - Django's documented name
        session_key__in=session_keys, expire_date__gt=timezone.now()
    )
    return set(session_keys) - set(live.values_list("session_key", flat=True))


def _read_groups(user_ids: Collection[str]) -> dict[str, list[str]]:
    user_model = get_user_model()
    if not hasattr(user_model, "groups"):
        return {}
    found: dict[str, list[str]] = {}
    links = user_model._default_manager.filter(pk__in=user_ids, groups__isnull=False)  # noqa: SLF001
    for user_id, group_id in links.order_by().values_list("pk", "groups"):
        found.setdefault(str(user_id), []).append(str(group_id))
    return found


def _find_moderators(users: Collection[Any]) -> set[str]:
    """Ask each backend as ``user.has_perm`` does: Django's own for all at once, others by one."""
    active = {str(user.pk): user for user in users}
    found = {key for key, user in active.items() if getattr(user, "is_superuser", False)}
    for backend in get_backends():
        asked = {key: user for key, user in active.items() if key not in found}
        if not asked:
            break
        if isinstance(backend, RoomBackend):
            continue  # it speaks of one room at a time
        if isinstance(backend, ModelBackend) and _is_djangos_own(backend):
            able = backend.with_perm(PERMISSION, include_superusers=False)
            rows = able.filter(pk__in=asked).values_list("pk", flat=True)
            found.update(str(pk) for pk in rows)
        elif hasattr(backend, "has_perm"):
            found.update(key for key, user in asked.items() if user.has_perm(PERMISSION))
    return found


def _is_djangos_own(backend: object) -> bool:
    """Say whether a backend finds permissions in Django's tables and nowhere else."""
    kind = type(backend)
    methods = ("has_perm", "get_all_permissions", "get_user_permissions", "get_group_permissions")
    return hasattr(get_user_model(), "user_permissions") and all(
        getattr(kind, name) is getattr(ModelBackend, name) for name in methods
    )
