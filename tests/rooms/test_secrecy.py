"""What people bring along and say is in no line of the log."""

import logging

import pytest

from realtime.namespaces.database import in_database
from rooms.models import Invitation
from tests.rooms.people import make_room
from tests.rooms.sockets import serving

pytestmark = pytest.mark.django_db(transaction=True)

WORDS = ["canary-password", "canary-guess", "canary-text", "canary-data", "canary-private"]


async def test_no_password_token_or_message_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await in_database(make_room, "vault", access="password", password=WORDS[0])
    club = await in_database(make_room, "club", access="invitation")
    _invitation, token = await in_database(Invitation.objects.issue, club)
    async with serving() as site:
        client = await site.connect()
        answers = [
            await client.call("joinRoom", {"room": "vault", "password": WORDS[1]}),
            await client.call("joinRoom", {"room": "club", "invitation": f"{token}x"}),
            await client.call("private", {"to": "1", "text": WORDS[4]}),
            await client.call("message", {"room": "vault", "text": WORDS[2], "nonce": [WORDS[3]]}),
        ]
        assert [answer["ok"] for answer in answers] == [False] * 4
        assert (await client.call("joinRoom", {"room": "vault", "password": WORDS[0]}))["ok"]
        assert (await client.call("joinRoom", {"room": "club", "invitation": token}))["ok"]
        said = {"room": "vault", "text": WORDS[2], "data": {"a": WORDS[3]}}
        assert (await client.call("message", said))["ok"]
    lines = [logging.Formatter().format(record) + repr(vars(record)) for record in caplog.records]
    # Something was logged, or nothing is shown by this.
    assert any("joined" in line or "denied" in line for line in lines)
    assert not [line for line in lines for word in [*WORDS, token] if word in line]
