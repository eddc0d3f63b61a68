"""What the room events declare is what they do."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from django.core.cache import cache
from django.test import override_settings

from realtime.exceptions import Refused
from realtime.namespaces.declared import Refusal
from realtime.namespaces.payloads import convert
from rooms import answers
from rooms.announcing import Announcer
from rooms.consumers import RoomNamespace
from tests.rooms.people import make_namespace, make_room
from tests.rooms.sockets import Client, serving

pytestmark = pytest.mark.django_db(transaction=True)

# DESIGN section 6, as far as it is built.
HEARD = {
    "err", "identity", "kicked", "membersChanged", "message", "newUser", "success", "typing",
    "userLeft", "welcome",
}  # fmt: skip
SENT = {"history", "joinRoom", "leaveRoom", "members", "message", "rooms", "typing"}


class Games(RoomNamespace):
    """Declares for itself, so that all it emits is checked."""

    emits = {"note": str}


@pytest.fixture(autouse=True)
def _registry() -> Iterator[None]:
    namespace = make_namespace(title="Games", welcome="Hello")
    make_room("csgo", namespace=namespace)
    make_room("secret", namespace=namespace, access="password", password="s")
    with override_settings(DEBUG=True):
        yield
    cache.clear()


def of_its_type(event: str, answer: Any) -> Any:
    """Return an answer that is what its handler declares, or fail."""
    declared = Games.handlers[event].answer
    kind = answers.Joined if event == "joinRoom" else declared
    assert convert(answer, kind, 0) is not None
    assert msgspec.json.schema_components([kind])
    return answer


def test_everything_that_is_there_is_declared() -> None:
    assert set(RoomNamespace.handlers) == SENT
    assert set(RoomNamespace.declared.types) == HEARD
    for name in SENT:
        assert RoomNamespace.handlers[name].codes is not None, name


async def test_all_that_is_heard_and_answered_is_as_declared() -> None:
    async with serving(Games) as site:
        alice = await site.connect("/ws/games/?name=Alice")
        bob = await site.connect("/ws/games/?name=Bob")
        of_its_type("joinRoom", await alice.call("joinRoom", {"room": "csgo"}))
        await bob.call("joinRoom", "csgo")
        said = {"room": "csgo", "text": "a", "data": {"x": [1]}, "nonce": "n"}
        of_its_type("message", await alice.call("message", said))
        of_its_type("typing", await alice.call("typing", "csgo"))
        of_its_type("joinRoom", await alice.call("joinRoom", {"room": "csgo", "since": 0}))
        of_its_type("history", await alice.call("history", "csgo"))
        of_its_type("rooms", await alice.call("rooms"))
        of_its_type("members", await alice.call("members", "csgo"))
        await denied(bob, "joinRoom", {"room": "secret", "password": "wrong"})
        await denied(bob, "joinRoom", "nowhere")
        await denied(bob, "leaveRoom", "nowhere")
        await denied(bob, "message", {"room": "nowhere", "text": "a"})
        await denied(bob, "typing", 7)
        of_its_type("leaveRoom", await alice.call("leaveRoom", "csgo"))
        heard = [name for name, _args in await bob.all_heard()]
        # Each of them passed the check: what does not is never sent.
        assert heard == [
            "success", "newUser", "message", "typing", "err", "err", "userLeft",
        ]  # fmt: skip


async def denied(client: Client, event: str, request: Any) -> None:
    """Be refused for a code that the event declares."""
    answer = await client.call(event, request)
    convert(answer, Refusal, 0)
    engine = ("bad_request", "busy", "internal", "rate_limited")
    assert answer["code"] in (*engine, *(Games.handlers[event].codes or ())), answer
    assert answer["code"] != "internal"


async def test_large_rooms_and_withheld_ones_are_told_as_declared() -> None:
    async with serving(Games) as site:
        client = await site.connect()
        await client.call("joinRoom", "csgo")
        await client.all_heard()
        announcer = Announcer()
        user = {"id": "7", "name": "Alice"}
        await announcer.left(
            "/games", "csgo", user, members=9, sockets=1, socket_id=None, announce_max=2
        )
        assert await client.hear() == ("membersChanged", [{"room": "csgo", "members": 9}])
        await announcer.stop()


async def test_a_refusal_may_carry_whatever_section_6_names() -> None:
    refused = Refused(
        "muted", "No", room="a", field="b", retry_after=1.5, until="c", attempts_left=1,
        reason="d", ref="e",
    )  # fmt: skip
    assert convert(refused.answer(), Refusal, 0) == refused.answer()
