"""The door with the msgpack parser, over both transports."""

from collections.abc import AsyncIterator
from typing import Any

import msgpack  # type: ignore[import-untyped]
import pytest

from realtime.namespaces.broadcast import of
from realtime.server import RealtimeApplication
from tests.helpers.door_clients import Heard, connected
from tests.helpers.engine_links import EngineLink, engine
from tests.helpers.serving import serving
from tests.helpers.waiting import until
from tests.namespaces.lab import ROUTES, Lab


@pytest.fixture
async def application() -> AsyncIterator[RealtimeApplication]:
    async with serving(ROUTES, parser="msgpack") as served:
        yield served


def pack(kind: int, namespace: str = "/lab", **fields: Any) -> bytes:
    packed: bytes = msgpack.packb({"type": kind, "nsp": namespace, **fields})
    return packed


async def record(link: EngineLink) -> Any:
    data = await link.packet()
    assert isinstance(data, bytes)
    return msgpack.unpackb(data)


async def enter(link: EngineLink) -> str:
    await link.send(pack(0))
    answer = await record(link)
    assert (answer["type"], answer["nsp"], set(answer["data"])) == (0, "/lab", {"sid"})
    sid: str = answer["data"]["sid"]
    return sid


async def test_events_and_acks_carry_bytes_in_place(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, transport) as link:
        sid = await enter(link)
        await link.send(pack(2, data=["echo", b"\x01", {"x": [None, b""]}], id=5))
        answer = {"type": 3, "nsp": "/lab", "data": [b"\x01", {"x": [None, b""]}], "id": 5}
        assert await record(link) == answer
        await link.send(pack(2, data=["ask me", 5], id=6))
        assert await record(link) == {"type": 2, "nsp": "/lab", "data": ["question", 1], "id": 0}
        await link.send(pack(3, data=[b"yes"], id=0))
        assert (await record(link))["data"] == [["answer", b"yes"]]
        await of("/lab").to(sid).aemit("said", b"\xff")
        assert await record(link) == {"type": 2, "nsp": "/lab", "data": ["said", b"\xff"]}
        await link.send(pack(1))
        await until(lambda: Lab.ended)
        assert Lab.ended[0][0] == "client namespace disconnect"


async def test_refusals_are_the_same(application: RealtimeApplication, transport: str) -> None:
    async with engine(application, transport) as link:
        await link.send(pack(0, "/nope"))
        nope = {"type": 4, "nsp": "/nope", "data": {"message": "Invalid namespace"}}
        assert await record(link) == nope
        await link.send(pack(0, data={"refuse": "forbidden"}))
        assert (await record(link))["data"]["data"] == {"code": "forbidden", "hint": "ask"}
        await enter(link)


@pytest.mark.parametrize(
    "packet",
    ["40/lab,", '42/lab,["echo"]', b"\xc1", pack(5, data=["e"]), pack(2, data=["connect"])],
)
async def test_what_cannot_be_read_ends_the_session(
    application: RealtimeApplication, transport: str, packet: str | bytes
) -> None:
    async with engine(application, transport) as link:
        await enter(link)
        await link.break_rules(packet)
        assert await link.rest() == []
        await until(lambda: Lab.ended)
        assert Lab.ended[0][0] == "parse error"


async def test_a_room_is_heard_on_both_doors(application: RealtimeApplication) -> None:
    async with (
        engine(application, "websocket") as link,
        connected(application, "plain", "/lab") as plain,
    ):
        await enter(link)
        await link.send(pack(2, data=["say", {"text": b"\x01\x02"}]))
        assert await plain.heard() == Heard("said", ["AQI="])
        # Larger than any double: clients of this parser hear what JavaScript makes of it.
        plain.socket.send(f'{{"event":"say","args":[{{"text":1{"0" * 400}}}]}}')
        assert (await record(link))["data"] == ["said", float("inf")]


async def test_the_state_of_a_connection_is_recovered(transport: str) -> None:
    async with serving(ROUTES, parser="msgpack", recovery_s=60) as application:
        async with engine(application, transport) as link:
            await link.send(pack(0))
            ids = (await record(link))["data"]
            assert set(ids) == {"sid", "pid"}
            await link.send(pack(2, data=["back", b"\x01"]))
            _name, data, offset = (await record(link))["data"]
            assert data == b"\x01"
            Lab.live[ids["sid"]].socket.drop_connection()
            await until(lambda: Lab.ended)
        await of("/lab").aemit("said", 1)
        async with engine(application, transport) as link:
            await link.send(pack(0, data={"pid": ids["pid"], "offset": offset}))
            assert (await record(link))["data"][:2] == ["said", 1]
            assert await record(link) == {"type": 0, "nsp": "/lab", "data": ids}
