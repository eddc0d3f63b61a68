"""Guests: the ids of people who are not signed in, and the tokens that prove them.

A token is the id with a signature; it does not expire. The same form stands in the pages' cookie.
"""

import secrets

from django.core.signing import BadSignature, Signer

GUEST_COOKIE = "roomkey_guest"
# The cookie is kept as long as browsers keep any.
GUEST_COOKIE_AGE_S = 400 * 24 * 3600
_GUEST_ID_BYTES = 12
_MAX_TOKEN = 200


def new_guest_id() -> str:
    """Return an id that nobody has: 96 random bits."""
    return secrets.token_urlsafe(_GUEST_ID_BYTES)


def sign_guest(guest_id: str) -> str:
    """Return the token that proves an id."""
    return _signer().sign(guest_id)


def read_guest(token: object) -> str | None:
    """Return the id that a token proves, or None for one that we did not sign."""
    if not isinstance(token, str) or len(token) > _MAX_TOKEN:
        return None
    try:
        return _signer().unsign(token)
    except BadSignature:
        return None


def new_guest_cookie() -> str:
    """Return a value for ``GUEST_COOKIE``; set it HttpOnly and SameSite=Lax."""
    return sign_guest(new_guest_id())


def read_guest_cookie(value: str | None) -> str | None:
    """Return the guest id of a cookie's value, or None."""
    return read_guest(value)


def generated_name(guest_id: str) -> str:
    """Return the name of a guest who chose none; always the same for one id."""
    letters = "".join(character for character in guest_id if character.isalnum())
    return f"Guest {letters[:4].upper()}"


def _signer() -> Signer:
    return Signer(salt="realtime.guest")
