"""Two processes on one PostgreSQL and one Redis (DESIGN sections 6, 7 and 11)."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from tests.helpers.live_clients import DEADLINE_S, Caller, Client, PlainClient, PythonClient
from tests.helpers.live_server import LiveServer
from tests.helpers.postgres import empty_database
from tests.live.together import LEASE_S, Pair, running_pair

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

Joiner = Callable[..., Awaitable[Client]]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with (
        empty_database() as database,
        running_pair(tmp_path_factory.mktemp("pair"), database) as pair,
    ):
        yield pair


@pytest.fixture
async def join(pair: Pair) -> AsyncIterator[Joiner]:
    """Come to a server and join a room there."""
    del pair
    clients: list[Client] = []

    async def join(server: LiveServer, room: str, kind: type[Client] = PlainClient) -> Client:
        assert issubclass(kind, PlainClient | PythonClient)
        client = await kind.connect(Caller(server.url, "/live"))
        clients.append(client)
        await client.hear("welcome")
        client.me = await client.hear_one("identity")
        assert (await client.ask("joinRoom", room))["ok"]
        await client.hear("success")
        await client.hear("newUser")
        return client

    yield join
    for client in clients:
        await client.close()


async def test_who_joins_on_one_is_heard_and_counted_on_the_other(pair: Pair, join: Joiner) -> None:
    room = pair.room()
    here = await join(pair.a, room)
    there = await join(pair.b, room, PythonClient)
    text, details = await here.hear("newUser")
    assert text == f"New user has been connected to the {room} Room"
    assert details == {"room": room, "user": there.me["user"], "members": 2, "sockets": 1}
    for client in (here, there):
        assert (await client.ask("members", room))["count"] == 2
        listed = (await client.ask("rooms", {"search": room}))["rooms"]
        assert listed[0]["members"] == 2
    await there.ask("typing", room)
    assert (await here.hear_one("typing"))["user"] == there.me["user"]
    await there.ask("leaveRoom", room)
    _text, details = await here.hear("userLeft")
    assert (details["members"], details["sockets"]) == (1, 0)


async def test_a_new_role_and_what_holds_for_writing_are_told_on_both(
    pair: Pair, join: Joiner
) -> None:
    room = pair.room()
    here, silent = await join(pair.a, room), await join(pair.a, room)
    name = f"user of {room}"
    headers = {"Cookie": f"sessionid={pair.clerk.do('sign in', name=name)}"}
    there = await PlainClient.connect(Caller(pair.b.url, "/live", headers=headers))
    assert (await there.ask("joinRoom", room))["ok"]
    user = (await there.take_all())[1][1][0]["user"]
    for client in (here, there):
        assert (await client.ask("rights", room))["ok"]
    await here.hear_until("newUser")
    for client in (here, silent):
        await client.hear_until("newUser")
        await client.take_all()
    pair.clerk.do("member", namespace="/live", room=room, user=name, role="moderator")
    assert await here.hear_one("roleChanged") == {"room": room, "user": user, "role": "moderator"}
    heard = await there.hear_until("roleChanged")
    assert heard[0][0] == "rightsChanged"
    assert heard[0][1][0]["moderates"]
    pair.clerk.do("change room", namespace="/live", name=room, is_read_only=True)
    news = await here.hear_one("rightsChanged")
    assert (news["room"], news["refusal"]["code"]) == (room, "read_only")
    await there.hears_nothing()
    await silent.hears_nothing()
    await there.close()


async def test_a_message_on_one_is_heard_on_the_other(pair: Pair, join: Joiner) -> None:
    room = pair.room()
    here, there = await join(pair.a, room), await join(pair.b, room)
    await here.hear("newUser")
    ack = await here.ask("message", {"room": room, "text": "Hi", "nonce": "n"})
    heard = await there.hear_one("message")
    assert (heard["id"], heard["offset"], heard["text"]) == (ack["id"], 1, "Hi")
    # A resend through the other process is still the same message.
    again = await PlainClient.connect(Caller(pair.b.url, "/live", {"guest": here.me["guest"]}))
    await again.ask("joinRoom", room)
    resent = await again.ask("message", {"room": room, "text": "Hi", "nonce": "n"})
    await again.close()
    assert resent == ack


async def test_messages_of_both_have_one_order_without_gaps(pair: Pair, join: Joiner) -> None:
    room = pair.room()
    clients = [await join(server, room) for server in (pair.a, pair.b, pair.a, pair.b)]
    count = 40

    async def speak(client: Client, name: str) -> list[int]:
        acks = [
            await client.ask("message", {"room": room, "text": f"{name}{n}"}) for n in range(count)
        ]
        return [ack["offset"] for ack in acks]

    offsets = await asyncio.gather(speak(clients[0], "a"), speak(clients[1], "b"))
    everything = list(range(1, 2 * count + 1))
    assert sorted(offsets[0] + offsets[1]) == everything
    for client in clients:
        heard: list[int] = []
        while len(heard) < 2 * count:
            news = await client.take_all()
            heard += [args[0]["offset"] for event, args in news if event == "message"]
        assert heard == everything


async def test_a_capacity_holds_over_both(pair: Pair) -> None:
    room = pair.room(capacity=3)
    clients = [
        await PlainClient.connect(Caller(server.url, "/live"))
        for server in (pair.a, pair.b)
        for _visitor in range(4)
    ]
    answers = await asyncio.gather(*(client.ask("joinRoom", room) for client in clients))
    assert (
        sorted(answer.get("code", "joined") for answer in answers)
        == ["joined"] * 3 + ["room_full"] * 5
    )
    for client in clients:
        await client.close()


async def test_a_process_that_slept_through_its_lease_reads_the_rules_before_it_delivers(
    pair: Pair, join: Joiner
) -> None:
    room = pair.room()
    here, banned = await join(pair.a, room), await join(pair.b, room)
    stays = await join(pair.b, room)
    await here.hear("newUser")
    await here.hear("newUser")
    await banned.hear("newUser")
    pair.b.signal(signal.SIGSTOP)
    try:
        for _ in (banned, stays):
            _text, details = await here.hear("userLeft")
        assert details["members"] == 1
        pair.clerk.do("ban guest", namespace="/live", room=room, guest=banned.me["user"]["id"])
        assert (await here.ask("message", {"room": room, "text": "Not for the banned"}))["ok"]
    finally:
        pair.b.signal(signal.SIGCONT)
    assert (await banned.hear_one("kicked"))["code"] == "banned"
    # What was said meanwhile, in order, of itself as well.
    for _ in (banned, stays):
        await stays.hear("userLeft")
    assert (await stays.hear_one("message"))["text"] == "Not for the banned"
    await here.hear("message")
    # Whoever was held for gone is there again, and the room is told.
    _text, details = await here.hear("newUser")
    assert (details["user"], details["members"]) == (stays.me["user"], 2)
    await banned.ask("leaveRoom", room)
    assert "message" not in banned.log


async def test_the_members_of_a_killed_process_are_gone_within_the_lease(
    pair: Pair, join: Joiner
) -> None:
    room = pair.room()
    here = await join(pair.a, room)
    there = await join(pair.b, room)
    await here.hear("newUser")
    loop = asyncio.get_running_loop()
    pair.b.kill()
    killed_at = loop.time()
    try:
        _text, details = await here.hear("userLeft")
        assert details == {"room": room, "user": there.me["user"], "members": 1, "sockets": 0}
        assert (await here.ask("members", room))["count"] == 1
        # The lease, a quarter of it until somebody sweeps, and what a busy machine takes.
        assert loop.time() - killed_at < min(LEASE_S * 1.25 + 5, DEADLINE_S)
        # Not by a question for rooms: who asks that hears of their counts from then on.
        await here.ask("typing", room)
        assert list(here._heard) == []
        assert (await here.ask("message", {"room": room, "text": "alone"}))["ok"]
    finally:
        pair.b.start()
    await here.hear("message")
    again = await join(pair.b, room)
    await here.hear("newUser")
    await again.ask("message", {"room": room, "text": "back"})
    assert (await here.hear_one("message"))["text"] == "back"
