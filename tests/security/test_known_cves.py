"""What this field was vulnerable to, one test for each id of a public advisory.

A test goes only with the feature that it is about.
"""

import ast
import asyncio
import importlib.metadata
import re
import tracemalloc
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from django.urls import path

from realtime.exceptions import ProtocolError
from realtime.namespaces.addresses import client_of
from realtime.namespaces.consumer import NamespaceConsumer
from realtime.namespaces.events import event
from realtime.namespaces.origin import Trust, judge_origin
from realtime.protocol.socket_packets import SocketPacketDecoder
from realtime.server import RealtimeApplication
from tests.helpers.asgi_socket import AsgiSocket
from tests.helpers.clock import MovedClock
from tests.helpers.door_clients import connected, open_socket
from tests.helpers.serving import serving
from tests.helpers.waiting import turns, until

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    each
    for package in ("realtime", "rooms", "project")
    for each in sorted((ROOT / package).rglob("*.py"))
]


class Echo(NamespaceConsumer):
    @event("echo")
    async def echo(self, *args: Any) -> tuple[Any, ...]:
        return args


@pytest.fixture
async def application() -> AsyncIterator[RealtimeApplication]:
    async with serving([path("", Echo.as_asgi())], events_per_s=0) as served:
        yield served


def decoder() -> SocketPacketDecoder:
    return SocketPacketDecoder(max_attachments=10, max_depth=32)


def version_of(package: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", importlib.metadata.version(package))[:3]))


@pytest.mark.parametrize("packet", ['5451000000-["x"]', '511-["x"]', "5" + "9" * 10_000 + '-["x"]'])
def test_cve_2026_33151_announced_attachments_are_capped(packet: str) -> None:
    with pytest.raises(ProtocolError):
        decoder().feed(packet)


def test_cve_2026_69185_packets_of_no_attachments_retain_nothing() -> None:
    one = decoder()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(10_000):
            packet = one.feed('50-["x"]')
            assert packet is not None
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert one._incomplete is None
    assert grown < 100_000
    with pytest.raises(ProtocolError):
        decoder().feed('50-["x",{"_placeholder":true,"num":0}]')


async def test_cve_2026_48804_text_between_attachments_ends_the_session(
    application: RealtimeApplication,
) -> None:
    async with connected(application, "socket.io") as client:
        client.socket.send('52-["echo"]')
        client.socket.send(b"one")
        client.socket.send('42["echo"]')
        assert await client.ended() == (None, 1000)


@pytest.mark.parametrize(
    "number", ["-1", "1000000000", '"0"', '"__proto__"', "true", "1.0", "null", "{}"]
)
def test_cve_2022_2421_placeholders_name_attachments_and_nothing_else(number: str) -> None:
    one = decoder()
    one.feed(f'51-["x",{{"_placeholder":true,"num":{number}}}]')
    with pytest.raises(ProtocolError):
        one.feed(b"x")
    plain = decoder().feed(f'2["x",{{"_placeholder":true,"num":{number}}}]')
    assert plain is not None
    assert plain.data[1]["_placeholder"] is True


@pytest.mark.parametrize(
    "data",
    [
        *["[]", "[null]", "[{}]", '[["a"]]', "[1]", '["connect"]', '["disconnect"]'],
        *['["__class__"]', '["toString"]', '["__proto__"]', '["dispatch_event"]'],
    ],
)
async def test_cve_2023_32695_and_cve_2024_38355_no_events_name_hurts_other_sockets(
    application: RealtimeApplication, data: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        connected(application, "socket.io") as other,
        connected(application, "socket.io") as client,
    ):
        client.socket.send(f"420{data}")
        # Answered as unknown, or the end of this one session.
        await client.socket.message()
        assert await other.call("echo", 1) == [1]
    assert not [record for record in caplog.records if record.exc_info]


async def test_cve_2026_48802_unsolicited_pongs_and_idle_handshakes_cost_no_tasks(
    application: RealtimeApplication,
) -> None:
    async with connected(application, "socket.io") as client:
        before = len(asyncio.all_tasks())
        for _ in range(10_000):
            client.socket.send("3")
        assert await client.call("echo", 1) == [1]
        assert len(asyncio.all_tasks()) == before
    sockets = [open_socket(application, "socket.io") for _ in range(100)]
    before = len(asyncio.all_tasks())
    for socket in sockets:
        await socket.__aenter__()
        await socket.accepted()
    # One task each: the request's own, which a server has anyway.
    assert len(asyncio.all_tasks()) == before + len(sockets)
    for socket in sockets:
        await socket.leave()


@pytest.mark.parametrize("kind", ["text", "binary"])
async def test_cve_2026_48809_the_payload_limit_holds_for_each_kind(
    application: RealtimeApplication, kind: str
) -> None:
    async with connected(application, "socket.io") as client:
        size = 1_000_001
        client.socket.send("4" * size if kind == "text" else b"x" * size)
        assert await client.socket.closed() == 1009


DANGEROUS = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "yaml", "jsonpickle"}


def test_cve_2025_61765_nothing_that_runs_what_it_reads_is_imported() -> None:
    assert SOURCES
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            names: set[str] = set()
            if isinstance(node, ast.Import):
                names = {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {(node.module or "").partition(".")[0]}
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec"}, source
            assert not names & DANGEROUS, source


def test_cve_2026_44545_and_44546_daphne_has_its_limits_and_reads_headers_soundly() -> None:
    assert version_of("daphne") >= (4, 2, 2)


async def test_cve_2020_35681_requests_share_no_state(application: RealtimeApplication) -> None:
    async def one(name: str) -> None:
        async with connected(application, "socket.io", auth={"label": name}) as client:
            for _ in range(3):
                await asyncio.sleep(0)
                assert await client.call("echo", name) == [name]
            consumer = (await application.lifecycle.process()).sockets[client.sid].consumer
            assert consumer.auth == {"label": name}

    async with asyncio.TaskGroup() as tasks:
        for number in range(50):
            tasks.create_task(one(f"n{number}"))


def test_cve_2026_3902_underscored_headers_are_never_addresses() -> None:
    scope = {"client": ("10.0.0.1", 1), "headers": [(b"x_forwarded_for", b"6.6.6.6")]}
    assert client_of(scope, (ip_network("10.0.0.0/8"),)).address == "10.0.0.1"


def test_cve_2026_33034_and_33033_django_is_new_enough() -> None:
    assert version_of("django") >= (5, 2, 13)


def test_cve_2021_31597_the_browsers_client_has_no_xmlhttprequest_ssl() -> None:
    lock = (ROOT / "package-lock.json").read_text()
    found = re.search(r'node_modules/xmlhttprequest-ssl": \{\s*"version": "([\d.]+)"', lock)
    # The Node build of the client still uses it: any release since the mended 1.6.1 will do.
    assert found is None or tuple(map(int, found[1].split("."))) >= (1, 6, 1)


def test_cve_2025_43859_h11_is_new_enough() -> None:
    try:
        assert version_of("h11") >= (0, 16)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("no h11 here")


async def test_ghsa_gr94_w7qr_f4j3_webtransport_is_an_unknown_transport(
    application: RealtimeApplication,
) -> None:
    query = "EIO=4&transport=webtransport"
    async with AsgiSocket(application, "/socket.io/", query=query) as socket:
        assert await socket.refused() == (400, b'{"code":0,"message":"Transport unknown"}')


@pytest.mark.parametrize("text", ["x\r\ny", "x\x1b[31m", "x\u202ey", "x\x85y"])
async def test_cve_2020_7694_what_clients_send_is_escaped_in_the_log(
    application: RealtimeApplication, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    headers = (("origin", f"http://{text}".encode().decode("latin-1")),)
    async with AsgiSocket(application, "/ws/", headers=headers) as socket:
        assert (await socket.refused())[0] == 403
    for message in caplog.messages:
        assert message.isprintable()


def test_stock_channels_an_unparsable_origin_is_no_error() -> None:
    headers = [(b"host", b"testserver"), (b"origin", b"http://[::1")]
    scope: dict[str, Any] = {"type": "websocket", "scheme": "ws", "headers": headers}
    assert judge_origin(scope).trust is Trust.REFUSED


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "1" * 5_000, "[NaN]", r'["\ud800"]', '{"event":"echo","args":[NaN]}'],
)
async def test_stock_channels_killer_json_hurts_nobody(
    application: RealtimeApplication, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        serving([path("", Echo.as_asgi())], max_frame_bytes=200_000) as roomy,
        connected(roomy, "plain") as plain,
        connected(application, "socket.io") as engine,
        connected(application, "socket.io") as other,
    ):
        plain.socket.send(text)
        await plain.next()
        assert await plain.call("echo", 1) == [1]
        engine.socket.send(f"42{text}")
        assert await engine.ended() == (None, 1000)
        assert await other.call("echo", 1) == [1]
    assert not [record for record in caplog.records if record.exc_info]


async def test_idle_half_open_sessions_end_in_time(application: RealtimeApplication) -> None:
    clock = MovedClock()
    async with open_socket(application, "socket.io") as socket:
        await socket.accepted()
        await socket.data()
        await clock.advance(20)
        assert await socket.closed() == 1000
        await turns()
        await until(lambda: not socket.is_served)
