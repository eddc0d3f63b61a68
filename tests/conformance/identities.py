"""Everybody is let in, and nobody is asked for a name: the fixture has no database."""

from typing import Any

from django.contrib.auth.models import AnonymousUser

from realtime.namespaces.guests import new_guest_id
from realtime.namespaces.identity import Identity
from realtime.transports.base import Scope


async def anybody(scope: Scope, auth: dict[str, Any]) -> Identity:
    """Let in as a new guest."""
    del scope, auth
    return Identity(AnonymousUser(), name="Guest", guest_id=new_guest_id())
