"""One of three processes dies: what it had committed is heard, and its people leave once."""

import secrets
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.helpers.live_clients import Caller, PlainClient
from tests.helpers.live_server import Clerk, LiveServer
from tests.helpers.postgres import empty_database
from tests.live.dying import LAST_WORDS
from tests.live.together import running_servers

pytestmark = [pytest.mark.postgres, pytest.mark.redis]


class Three:
    """A server that may die, and two that outlive it, on one PostgreSQL and one Redis."""

    def __init__(self, servers: list[LiveServer], clerk: Clerk) -> None:
        self.mortal, *self.others = servers
        self.clerk = clerk
        self.clients: list[PlainClient] = []

    def room(self) -> str:
        name = f"room {secrets.token_hex(4)}"
        self.clerk.do("room", namespace="/live", name=name)
        return name

    async def join(self, server: LiveServer, room: str, guest: str = "") -> PlainClient:
        """Come in, as a new guest or as one who has been here."""
        auth = {"guest": guest} if guest else {}
        client = await PlainClient.connect(Caller(server.url, "/live", auth))
        self.clients.append(client)
        await client.hear("welcome")
        client.me = await client.hear_one("identity")
        assert (await client.ask("joinRoom", room))["ok"]
        return client


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Three]:
    mortal = {"DJANGO_SETTINGS_MODULE": "tests.live.dying_settings"}
    kinds = ["uvicorn", "uvicorn", "daphne"]
    folder = tmp_path_factory.mktemp("three")
    with (
        empty_database() as database,
        running_servers(folder, database, kinds, {}, of_the_first=mortal) as (servers, clerk),
    ):
        yield Three(servers, clerk)


@pytest.fixture
async def three(site: Three) -> AsyncIterator[Three]:
    yield site
    for client in site.clients:
        await client.close()
    site.clients.clear()


async def test_what_was_committed_and_not_told_is_found_by_its_offset(three: Three) -> None:
    room = three.room()
    speaker = await three.join(three.mortal, room)
    listeners = [await three.join(server, room) for server in three.others]
    try:
        assert (await listeners[0].ask("message", {"room": room, "text": "before"}))["ok"]
        await speaker.tell("message", {"room": room, "text": LAST_WORDS})
        assert three.mortal.wait() == -signal.SIGKILL
        for listener in listeners:
            # Long before anybody sweeps: whoever died is heard to leave behind it.
            heard = await listener.hear_until("userLeft")
            said = [args[0] for name, args in heard if name == "message"]
            assert [(each["text"], each["offset"]) for each in said] == [
                ("before", 1),
                (LAST_WORDS, 2),
            ]
        assert (await listeners[1].ask("message", {"room": room, "text": "after"}))["ok"]
        for listener in listeners:
            assert (await listener.hear_one("message"))["offset"] == 3
    finally:
        three.mortal.start()


async def test_the_people_of_a_dead_process_are_heard_to_leave_once(three: Three) -> None:
    room = three.room()
    gone = [await three.join(three.mortal, room) for _ in range(3)]
    gone.append(await three.join(three.mortal, room, gone[0].me["guest"]))
    survivors = [await three.join(server, room) for server in three.others]
    # Somebody who has a tab elsewhere leaves it with one socket fewer.
    survivors.append(await three.join(three.others[0], room, gone[1].me["guest"]))
    last: PlainClient | None = None
    for _death in range(2):
        three.mortal.kill()
        three.mortal.start()
        # Both others sweep several times before a second death is found: by then a second word
        # of the first would have been said.
        last = last or await three.join(three.mortal, room)
    assert last is not None
    for survivor in survivors:
        left: Counter[str] = Counter()
        sockets: dict[str, int] = {}
        while last.me["user"]["id"] not in left:
            *_before, (_name, (_text, details)) = await survivor.hear_until("userLeft")
            left[details["user"]["id"]] += 1
            sockets[details["user"]["id"]] = details["sockets"]
        persons = {each.me["user"]["id"] for each in (*gone, last)}
        assert left == Counter(persons)
        assert sockets == dict.fromkeys(persons, 0) | {gone[1].me["user"]["id"]: 1}
        assert (await survivor.ask("members", room))["count"] == len(survivors)
