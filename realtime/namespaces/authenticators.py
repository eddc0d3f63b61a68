"""Who is it? Authenticators that turn a request and an auth payload into an identity.

Each is ``async (scope, auth) -> Identity | None`` and may raise ``Refused``; the first identity
counts. ``REALTIME["AUTHENTICATORS"]`` names them as dotted paths, tried in order.
"""

from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth import load_backend as load_auth_backend
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import Q
from django.http.cookie import parse_cookie
from django.utils.crypto import constant_time_compare
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from realtime.conf import options
from realtime.exceptions import Refused, UsageError
from realtime.namespaces.database import in_database
from realtime.namespaces.guests import (
    GUEST_COOKIE,
    generated_name,
    new_guest_id,
    read_guest,
    read_guest_cookie,
    sign_guest,
)
from realtime.namespaces.identity import Identity
from realtime.namespaces.names import clean_guest_name
from realtime.namespaces.tickets import redeem_ticket
from realtime.transports.base import Scope

# What the sockets of one session share: the guest that they are, the ticket that they bound.
SHARED = "realtime.session"
SHARED_GUEST = "guest_id"


async def authenticate(scope: Scope, auth: dict[str, Any]) -> Identity:
    """Return who it is; raises ``Refused`` when an authenticator does, or when none knows.

    Raises ``UsageError`` for one that gives something else than an identity.
    """
    for path in options().authenticators:
        identity = await import_string(path)(scope, auth)
        if identity is None:
            continue
        if not isinstance(identity, Identity):
            raise UsageError(f"{path} gave {type(identity).__name__}, not an Identity or None")
        return _as_guest(scope, identity) if _is_nobody(identity) else identity
    raise Refused("login_required", _("Sign in to connect."))


async def ticket(scope: Scope, auth: dict[str, Any]) -> Identity | None:
    """Let in whom a ticket names; a bad one is refused, never a silent guest."""
    presented = auth.get("ticket", query_of(scope).get("ticket"))
    if presented is None:
        return None
    holder = await in_database(redeem_ticket, presented, binding=scope[SHARED]["binding"])
    identity = None
    if holder is not None:
        identity = await in_database(
            _find_user_by_hash, holder.user_id, holder.auth_hash, holder.session_key
        )
    if identity is None:
        raise Refused("invalid_ticket", _("This ticket is not valid, was used or has expired."))
    return identity


async def django_session(scope: Scope, auth: dict[str, Any]) -> Identity | None:
    """Let in whom the browser's session says; the session itself is never changed here."""
    del auth
    session_key = cookies_of(scope).get(settings.SESSION_COOKIE_NAME)
    if not session_key:
        return None
    return await in_database(_find_session_user, session_key)


async def guest(scope: Scope, auth: dict[str, Any]) -> Identity | None:
    """Let anybody in as a guest: the one of the token, of the cookie, or a new one."""
    query = query_of(scope)
    token = auth.get("guest", query.get("guest"))
    shared = scope[SHARED]
    guest_id = read_guest(token) if token is not None else None
    guest_id = guest_id or shared.get(SHARED_GUEST)
    if guest_id is None and token is None:
        guest_id = read_guest_cookie(cookies_of(scope).get(GUEST_COOKIE))
    guest_id = shared.setdefault(SHARED_GUEST, guest_id or new_guest_id())
    wish = auth.get("name", query.get("name"))
    name = generated_name(guest_id) if wish is None else await _checked_name(wish)
    return Identity(AnonymousUser(), name=name, guest_id=guest_id, guest_token=sign_guest(guest_id))


def cookies_of(scope: Scope) -> dict[str, str]:
    """Return the request's cookies, those that count."""
    for name, value in scope["headers"]:
        if name == b"cookie":
            return parse_cookie(value.decode("latin-1"))
    return {}


def session_of(scope: Scope) -> SessionBase:
    """Return the browser's Django session, read when it is first asked for something."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    session: SessionBase = store(cookies_of(scope).get(settings.SESSION_COOKIE_NAME))
    return session


def query_of(scope: Scope) -> dict[str, str]:
    """Return the query string's parameters; of a doubled one the last."""
    query = scope.get("query_string") or b""
    return dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))


def _is_nobody(identity: Identity) -> bool:
    return identity.guest_id is None and not getattr(identity.user, "is_authenticated", False)


def _as_guest(scope: Scope, identity: Identity) -> Identity:
    guest_id = scope[SHARED].setdefault(SHARED_GUEST, new_guest_id())
    return Identity(
        AnonymousUser(),
        identity.expires_at,
        name=identity.name or generated_name(guest_id),
        guest_id=guest_id,
        guest_token=sign_guest(guest_id),
    )


async def _checked_name(wish: object) -> str:
    name = clean_guest_name(wish)
    if name is None:
        raise Refused(
            "bad_request",
            _("A name has 1 to 40 characters, without control characters."),
            field="name",
        )
    if await in_database(_is_username, name):
        raise Refused("bad_request", _("That name belongs to a user."), field="name")
    return name


def _is_username(name: str) -> bool:
    model = get_user_model()
    field = model.USERNAME_FIELD
    # SQLite folds ASCII only: the common ways to write a name are asked for one by one.
    ways = {name, name.casefold(), name.lower(), name.upper(), name.title(), name.capitalize()}
    return model.objects.filter(
        Q(**{f"{field}__iexact": name}) | Q(**{f"{field}__in": ways})
    ).exists()


def _find_session_user(session_key: str) -> Identity | None:
    store = import_module(settings.SESSION_ENGINE).SessionStore
    session = store(session_key)
    user_id, backend_path = session.get(SESSION_KEY), session.get(BACKEND_SESSION_KEY)
    if user_id is None or backend_path not in settings.AUTHENTICATION_BACKENDS:
        return None
    user = load_auth_backend(backend_path).get_user(
        get_user_model()._meta.pk.to_python(user_id)  # noqa: SLF001 - Django's documented API
    )
    if user is None or not _has_auth_hash(user, session.get(HASH_SESSION_KEY, "")):
        return None
    return Identity(user, expires_at=session.get_expiry_date(), session_key=session_key)


def _find_user_by_hash(user_id: str, auth_hash: str, session_key: str | None) -> Identity | None:
    user = get_user_model().objects.filter(pk=user_id).first()
    if user is None or not user.is_active or not _has_auth_hash(user, auth_hash):
        return None
    return Identity(user, session_key=session_key)


def _has_auth_hash(user: Any, auth_hash: str) -> bool:
    """Say whether this is the hash of the user's password, by any of the secret keys."""
    if not hasattr(user, "get_session_auth_hash"):
        return True
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(auth_hash, known) for known in hashes)
