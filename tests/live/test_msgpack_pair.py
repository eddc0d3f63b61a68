"""Two processes whose Socket.IO packets are written by the official msgpack parser."""

from collections.abc import Iterator

import pytest

from tests.helpers.live_clients import Caller, Client, PlainClient, PythonClient
from tests.helpers.live_server import LiveServer
from tests.helpers.postgres import empty_database
from tests.live.together import Pair, running_pair

pytestmark = [pytest.mark.postgres, pytest.mark.redis]


class MsgpackClient(PythonClient):
    """python-socketio's own client with its msgpack packets."""

    serializer = "msgpack"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with (
        empty_database() as database,
        running_pair(tmp_path_factory.mktemp("pair"), database, REALTIME_PARSER="msgpack") as pair,
    ):
        yield pair


async def come(server: LiveServer, room: str, kind: type[Client], *transports: str) -> Client:
    assert issubclass(kind, PlainClient | PythonClient)
    client = await kind.connect(Caller(server.url, "/live", transports=transports))
    await client.hear("welcome")
    await client.hear("identity")
    assert (await client.ask("joinRoom", room))["ok"]
    await client.hear("success")
    await client.hear("newUser")
    return client


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_what_one_says_is_heard_on_the_other_over_each_door(
    pair: Pair, transport: str
) -> None:
    room = pair.room()
    here = await come(pair.a, room, MsgpackClient, transport)
    there = await come(pair.b, room, MsgpackClient, "polling", "websocket")
    plain = await come(pair.b, room, PlainClient)
    for client in (here, here, there):
        await client.hear("newUser")
    text = "Grüße, 世界 \U0001f30d"
    ack = await here.ask("message", {"room": room, "text": text})
    for client in (here, there, plain):
        heard = await client.hear_one("message")
        assert (heard["id"], heard["offset"], heard["text"]) == (ack["id"], 1, text)
    # An application's bytes, emitted by a process that serves nobody.
    content = {"bytes": b"\x00\xff", "n": 2**40}
    code = f"""
from realtime.namespaces.broadcast import of
of("/live").in_(room).emit("blob", {content!r})
"""
    pair.clerk.do("shell", code=code, room=room)
    for client in (here, there):
        assert await client.hear_one("blob") == content
    for client in (here, there, plain):
        await client.close()
