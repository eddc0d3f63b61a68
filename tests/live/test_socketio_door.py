"""Socket.IO over WebSocket, packet by packet (DESIGN section 5, as far as it is there)."""

import asyncio
import json

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.helpers.live_browser import Browser
from tests.helpers.live_clients import DEADLINE_S, Caller, ConnectRefusedError, PythonClient
from tests.helpers.node_client import NodeProgram
from tests.helpers.services import ROOT
from tests.live.conftest import WELCOME, Site, Visitors
from tests.live.test_people import draw_ticket

# What no server of this protocol would let pass; each ends the session.
MALFORMED_PACKETS = [
    "",
    "9",
    "x",
    "4",
    "4x",
    "49",
    "42{}",
    "42[]",
    "42[1",
    '42["a"',
    '42/live,["a"]',
    "41/live,extra",
    '451-["a",{"_placeholder":true,"num":0}]' + "x",
    "42[" + "[" * 40 + "]" * 40 + "]",
    '42["connect"]',
]


async def open_session(site: Site, query: str = "") -> ClientConnection:
    url = site.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket" + query
    return await connect(url, compression=None, proxy=None)


async def read(socket: ClientConnection) -> str:
    async with asyncio.timeout(DEADLINE_S):
        packet = await socket.recv()
    assert isinstance(packet, str)
    return packet


async def read_farewell(socket: ClientConnection) -> None:
    """Read until the connection ends; nothing but a close or a DISCONNECT may come before."""
    while True:
        assert await read(socket) in {"1", "41"}


async def test_the_handshake_says_what_the_protocol_says(site: Site) -> None:
    async with await open_session(site) as socket:
        packet = await read(socket)
        assert packet[0] == "0"
        handshake = json.loads(packet[1:])
        assert len(handshake.pop("sid")) >= 20
        assert handshake == {
            "upgrades": [],
            "pingInterval": 25_000,
            "pingTimeout": 20_000,
            "maxPayload": 1_000_000,
        }


async def test_several_namespaces_share_a_session(site: Site) -> None:
    async with await open_session(site) as socket:
        await read(socket)
        await socket.send("40/live,")
        connected = await read(socket)
        assert connected.startswith('40/live,{"sid":"')
        assert (await read(socket)).startswith('42/live,["welcome",')
        identity = json.loads((await read(socket)).removeprefix("42/live,"))
        await socket.send("40")
        assert (await read(socket)).startswith('40{"sid":"')
        assert (await read(socket)).startswith('42["welcome",')
        other = json.loads((await read(socket)).removeprefix("42"))
        assert other[1]["user"] == identity[1]["user"]
        await socket.send('420["echo","x"]')
        assert await read(socket) == '430["x"]'
        await socket.send("41/live,")
        await socket.send('421["echo","still here"]')
        assert await read(socket) == '431["still here"]'


async def test_an_unknown_namespace_has_no_data(site: Site, visitors: Visitors) -> None:
    async with await open_session(site) as socket:
        await read(socket)
        for namespace in ("/nowhere", "/live/deeper", "/LIVE", "/live/"):
            await socket.send(f"40{namespace},")
            assert await read(socket) == f'44{namespace},{{"message":"Invalid namespace"}}'
        await socket.send("40/live,")
        assert (await read(socket)).startswith("40/live,")
    with pytest.raises(ConnectRefusedError) as refused:
        await visitors.connect("/nowhere")
    assert refused.value.message in {"Invalid namespace", "/nowhere"} or refused.value.close_code


async def test_every_other_refusal_has_a_code(site: Site) -> None:
    async with await open_session(site) as socket:
        await read(socket)
        await socket.send('40/live,{"ticket":"forged"}')
        refusal = json.loads((await read(socket)).removeprefix("44/live,"))
        assert set(refusal) == {"message", "data"}
        assert refusal["data"] == {"code": "invalid_ticket"}
        await socket.send("40/live,")
        assert (await read(socket)).startswith("40/live,")


@pytest.mark.parametrize("packet", MALFORMED_PACKETS)
async def test_a_malformed_packet_ends_its_session_alone(site: Site, packet: str) -> None:
    async with await open_session(site) as other, await open_session(site) as socket:
        for each in (other, socket):
            await read(each)
            await each.send("40")
            for _greeting in range(3):
                await read(each)
        await socket.send(packet)
        with pytest.raises(ConnectionClosed):
            await read_farewell(socket)
        await other.send('421["echo","fine"]')
        assert await read(other) == '431["fine"]'


async def test_an_event_before_connect_ends_the_session(site: Site) -> None:
    async with await open_session(site) as socket:
        await read(socket)
        await socket.send('42["echo","x"]')
        with pytest.raises(ConnectionClosed):
            await read(socket)


async def test_a_message_over_the_limit_closes_with_1009(site: Site) -> None:
    async with await open_session(site) as socket:
        await read(socket)
        await socket.send("40")
        for _greeting in range(3):
            await read(socket)
        await socket.send("4" + "x" * 1_000_000)
        with pytest.raises(ConnectionClosed):
            await read(socket)
        assert socket.close_code == 1009


async def test_a_seventeenth_namespace_is_refused(site: Site) -> None:
    for number in range(17):
        site.clerk.do("namespace", path=f"/n{number}", title="", welcome="")
    async with await open_session(site) as socket:
        await read(socket)
        for number in range(16):
            await socket.send(f"40/n{number},")
            assert (await read(socket)).startswith(f"40/n{number},")
            await read(socket)
            await read(socket)
        await socket.send("40/n16,")
        refusal = json.loads((await read(socket)).removeprefix("44/n16,"))
        assert refusal["data"]["code"] == "rate_limited"


@pytest.mark.node
@pytest.mark.parametrize("transports", [["polling"], ["polling", "websocket"], ["websocket"]])
async def test_stock_clients_connect_on_any_choice_of_transports(
    site: Site, node_program: NodeProgram, transports: list[str]
) -> None:
    room = site.room()
    caller = Caller(site.url, "/live", transports=transports)
    clients = [await PythonClient.connect(caller), await node_program.connect(caller)]
    for client in clients:
        assert await client.hear("welcome") == [WELCOME]
        await client.hear("identity")
        assert (await client.ask("joinRoom", room))["ok"]
    for client in clients:
        await client.take_all()
    for number in range(20):
        await clients[number % 2].tell("message", {"room": room, "text": str(number)})
    for client in clients:
        heard = [await client.hear_one("message") for _number in range(20)]
        assert [message["offset"] for message in heard] == list(range(1, 21))
        assert {message["text"] for message in heard} == {str(number) for number in range(20)}
        await client.close()


async def test_a_ticket_is_good_for_one_session_and_all_its_namespaces(site: Site) -> None:
    ticket = draw_ticket(site.browser().sign_in("alice"))
    with_ticket = json.dumps({"ticket": ticket})
    async with await open_session(site) as socket:
        await read(socket)
        for namespace in ("/live", "/other"):
            await socket.send(f"40{namespace},{with_ticket}")
            assert (await read(socket)).startswith(f'40{namespace},{{"sid"')
            await read(socket)
            assert '"alice"' in await read(socket)
        async with await open_session(site) as other:
            await read(other)
            await other.send(f"40/live,{with_ticket}")
            refusal = json.loads((await read(other)).removeprefix("44/live,"))
            assert refusal["data"] == {"code": "invalid_ticket"}


async def test_the_query_string_says_who_it_is_too(site: Site) -> None:
    ticket = draw_ticket(site.browser().sign_in("bob"))
    async with await open_session(site, f"&ticket={ticket}") as socket:
        await read(socket)
        await socket.send("40/live,")
        await read(socket)
        await read(socket)
        assert '"bob"' in await read(socket)
    async with await open_session(site, "&name=Zo%C3%AB") as socket:
        await read(socket)
        await socket.send("40/live,")
        await read(socket)
        await read(socket)
        assert '"Zoë"' in await read(socket)


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("", 0, "Transport unknown"),
        ("?EIO=4", 0, "Transport unknown"),
        ("?EIO=4&transport=carrier-pigeon", 0, "Transport unknown"),
        ("?EIO=3&transport=polling", 5, "Unsupported protocol version"),
        ("?transport=polling", 5, "Unsupported protocol version"),
        ("?EIO=4&transport=websocket", 3, "Bad request"),
        ("?EIO=4&transport=websocket&sid=unknown", 1, "Session ID unknown"),
    ],
)
def test_a_plain_request_is_told_what_is_wrong(
    site: Site, query: str, code: int, message: str
) -> None:
    answer = site.browser().get("/socket.io/" + query)
    assert (answer.status, answer.json()) == (400, {"code": code, "message": message})


def test_the_clients_files_are_the_packages(site: Site) -> None:
    browser: Browser = site.browser()
    package = ROOT / "node_modules" / "socket.io-client" / "dist"
    for name in ("socket.io.js", "socket.io.min.js", "socket.io.esm.min.js"):
        for each in (name, f"{name}.map"):
            answer = browser.get(f"/socket.io/{each}")
            assert answer.status == 200
            assert answer.body == (package / each).read_bytes()
            kind = "application/json" if each.endswith(".map") else "application/javascript"
            assert answer.headers["content-type"].startswith(kind)
            etag = answer.headers["etag"]
            again = browser.get(f"/socket.io/{each}", If_None_Match=etag)
            assert (again.status, again.body) == (304, b"")
            assert again.headers["etag"] == etag
            assert browser.get(f"/socket.io/{each}", If_None_Match='"other"').status == 200
    assert browser.get("/socket.io/../manage.py").status == 404
    assert browser.get("/socket.io/other.js").status == 404
    assert browser.get("/socket.io/socket.io.js", method="HEAD").body == b""
