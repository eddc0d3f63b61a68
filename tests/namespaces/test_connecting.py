import asyncio
import json

import pytest
from django.urls import path

from realtime.namespaces.process import new_process_id
from realtime.server import RealtimeApplication, realtime_application
from realtime.transports.base import Receive, Scope, Send
from tests.helpers.asgi_socket import AsgiSocket
from tests.helpers.clock import MovedClock
from tests.helpers.door_clients import (
    Heard,
    Refusal,
    Said,
    SocketIoClient,
    connected,
    open_socket,
    refused,
)
from tests.helpers.serving import nothing_here, serving
from tests.helpers.waiting import until
from tests.namespaces.lab import ROUTES, Lab


async def test_the_handshake_opens_a_session(application: RealtimeApplication) -> None:
    async with open_socket(application, "socket.io") as socket:
        await socket.accepted()
        text = str(await socket.data())
        assert text[0] == "0"
        handshake = json.loads(text[1:])
        assert set(handshake) == {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}
        # Eight characters name the process, and 160 random bits are the secret.
        assert len(handshake["sid"]) == 8 + 27
        assert handshake["upgrades"] == []
        assert (handshake["pingInterval"], handshake["pingTimeout"]) == (25_000, 20_000)
        assert handshake["maxPayload"] == 1_000_000


def test_no_command_takes_a_processs_or_a_sockets_id_for_an_option() -> None:
    ids = [new_process_id() for _ in range(500)]
    assert len(set(ids)) == 500
    assert all(len(each) == 8 and each.isascii() and each.isalnum() for each in ids)


async def test_the_first_frame_of_an_accepted_socket_names_it(
    application: RealtimeApplication,
) -> None:
    async with open_socket(application, "plain", "/lab") as socket:
        await socket.accepted()
        frame = await socket.json()
        assert set(frame) == {"connect"}
        assert set(frame["connect"]) == {"sid", "namespace"}
        assert frame["connect"]["namespace"] == "/lab"


@pytest.mark.parametrize(
    ("url", "namespace"),
    [("/ws/", "/"), ("/ws", "/"), ("/ws/lab", "/lab"), ("/ws/lab/", "/lab")],
)
async def test_plain_paths_may_end_in_a_slash(
    application: RealtimeApplication, url: str, namespace: str
) -> None:
    async with AsgiSocket(application, url) as socket:
        await socket.accepted()
        assert (await socket.json())["connect"]["namespace"] == namespace


async def test_a_connect_reply_has_the_public_id_alone(application: RealtimeApplication) -> None:
    async with open_socket(application, "socket.io") as socket:
        await socket.accepted()
        sid = json.loads(str(await socket.data())[1:])["sid"]
        socket.send("40")
        reply = str(await socket.data())
        assert reply.startswith('40{"sid":"')
        assert set(json.loads(reply[2:])) == {"sid"}
        # The session's own id is a secret and no socket's id.
        assert sid not in reply


async def test_several_namespaces_share_one_session(application: RealtimeApplication) -> None:
    async with connected(application, "socket.io", "/") as main:
        lab = SocketIoClient(main.socket, "/lab")
        lab.connect()
        reply = await lab.next()
        assert isinstance(reply, Said)
        assert (reply.kind, reply.namespace) == ("connect", "/lab")
        assert reply.data["sid"] != main.sid
        assert (await lab.call("whoami"))[0]["namespace"] == "/lab"
        assert (await main.call("whoami"))[0]["namespace"] == "/"
        lab.leave_namespace()
        await until(lambda: Lab.ended)
        assert await main.call("echo", "still here") == ["still here"]


async def test_auth_belongs_to_its_namespace(application: RealtimeApplication) -> None:
    async with connected(application, "socket.io", "/", auth={"token": "a"}) as main:
        lab = SocketIoClient(main.socket, "/lab")
        lab.connect({"token": "b"})
        await lab.next()
        assert (await main.call("whoami"))[0]["auth"] == {"token": "a"}
        assert (await lab.call("whoami"))[0]["auth"] == {"token": "b"}


async def test_path_converters_fill_the_scope(application: RealtimeApplication, door: str) -> None:
    async with connected(application, door, "/team/7/red-team") as client:
        (me,) = await client.call("whoami")
        assert me["kwargs"] == {"number": 7, "name": "red-team"}
        assert me["namespace"] == "/team/7/red-team"


@pytest.mark.parametrize(
    "namespace",
    ["/nowhere", "/Lab", "/team/x/red", "/team/7", "/lab/lab", "/lab%2f", "/../lab", "/l\u0430b"],
)
async def test_an_unknown_namespace_is_refused(
    application: RealtimeApplication, door: str, namespace: str
) -> None:
    refusal = await refused(application, door, namespace)
    if door == "plain":
        assert refusal == Refusal("Invalid namespace", {"code": "unknown_namespace"}, 4404)
    else:
        assert refusal == Refusal("Invalid namespace", None)


async def test_namespaces_with_a_query_or_a_last_slash_are_others(
    application: RealtimeApplication,
) -> None:
    for namespace in ("/lab/", "/lab?x=1", "/" + "x" * 500):
        assert await refused(application, "socket.io", namespace) == Refusal(
            "Invalid namespace", None
        )


async def test_a_refused_socket_io_client_may_ask_again(application: RealtimeApplication) -> None:
    async with connected(application, "socket.io", "/") as main:
        lab = SocketIoClient(main.socket, "/lab")
        lab.connect({"refuse": "forbidden"})
        assert await lab.next() == Said(
            "connect_error",
            {"message": "You may not.", "data": {"code": "forbidden", "hint": "ask"}},
            "/lab",
        )
        lab.connect()
        reply = await lab.next()
        assert isinstance(reply, Said)
        assert reply.kind == "connect"


class Refusing(Lab):
    async def connect(self, auth: dict[str, object]) -> None:
        query = self.scope["query_string"].decode()
        await super().connect({"refuse": query} if query != "fail" else {"fail": True})


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        ("bad_request", 4400),
        ("login_required", 4401),
        ("invalid_ticket", 4401),
        ("rate_limited", 4429),
        ("forbidden", 4403),
        ("banned", 4403),
        ("anything_else", 4403),
    ],
)
async def test_plain_refusals_close_with_their_codes(refusal: str, code: int) -> None:
    async with serving([path("", Refusing.as_asgi())]) as application:
        assert await refused(application, "plain", "/", query=refusal) == Refusal(
            "You may not.", {"code": refusal, "hint": "ask"}, code
        )


async def test_a_connect_that_fails_is_refused_and_logged(
    application: RealtimeApplication, caplog: pytest.LogCaptureFixture
) -> None:
    refusal = await refused(application, "socket.io", "/", auth={"fail": True})
    assert refusal.data == {"code": "internal"}
    (record,) = [each for each in caplog.records if each.levelname == "ERROR"]
    assert "connect fails" in str(record.exc_info)
    assert "fails" not in refusal.message


async def test_what_connect_emits_follows_the_connect_reply(
    application: RealtimeApplication,
) -> None:
    async with connected(application, "socket.io", "/lab", auth={"greet": "you"}) as client:
        assert await client.next() == Heard("hello", ["you"])
        assert await client.next() == Heard("hello again", [])


async def test_a_broadcast_during_connect_arrives_after_the_reply(
    application: RealtimeApplication,
) -> None:
    Lab.gates["door"] = asyncio.Event()
    async with (
        connected(application, "plain", "/lab") as other,
        open_socket(application, "socket.io", "/lab") as socket,
    ):
        await socket.accepted()
        await socket.data()
        socket.send('40/lab,{"gate":"door"}')
        process = await application.lifecycle.process()
        await until(lambda: len(process.sockets) == 2)
        await other.call("say", {"text": "early"})
        Lab.gates["door"].set()
        assert str(await socket.data()).startswith("40/lab,")
        assert await socket.data() == '42/lab,["said","early"]'


async def test_a_second_connect_to_a_joined_namespace_ends_the_session(
    application: RealtimeApplication,
) -> None:
    async with connected(application, "socket.io", "/lab") as client:
        client.socket.send("40/lab,")
        assert await client.ended() == (None, 1000)


@pytest.mark.parametrize("packet", ['42["e"]', "430[]", "41", '44{"message":"no"}', '42/lab,["e"]'])
async def test_packets_for_a_namespace_that_was_not_joined_end_the_session(
    application: RealtimeApplication, packet: str
) -> None:
    async with open_socket(application, "socket.io") as socket:
        await socket.accepted()
        await socket.data()
        socket.send(packet)
        assert await socket.closed() == 1000


async def test_packets_before_the_admission_end_the_session(
    application: RealtimeApplication,
) -> None:
    Lab.gates["door"] = asyncio.Event()
    async with open_socket(application, "socket.io") as socket:
        await socket.accepted()
        await socket.data()
        socket.send('40{"gate":"door"}')
        socket.send('42["echo"]')
        assert await socket.closed() == 1000
        Lab.gates["door"].set()
    assert Lab.ended == []


async def test_a_client_that_leaves_before_its_admission_was_never_there(
    application: RealtimeApplication,
) -> None:
    process = await application.lifecycle.process()
    gate = Lab.gates["door"] = asyncio.Event()
    async with open_socket(application, "socket.io") as socket:
        await socket.accepted()
        await socket.data()
        socket.send('40{"gate":"door"}')
        await until(lambda: process.sockets)
        socket.drop()
    gate.set()
    await until(lambda: not process.sockets)
    assert Lab.ended == []


async def test_a_session_that_joins_nothing_is_closed_in_time() -> None:
    async with serving(ROUTES, connect_timeout_s=20) as application:
        clock = MovedClock()
        async with open_socket(application, "socket.io") as socket:
            await socket.accepted()
            await socket.data()
            socket.send("40/nowhere,")
            await socket.data()
            await clock.advance(19.5)
            assert socket.is_served
            await clock.advance(0.5)
            assert await socket.closed() == 1000


async def test_a_session_that_joined_outlives_the_connect_timeout(
    application: RealtimeApplication,
) -> None:
    clock = MovedClock()
    async with connected(application, "socket.io") as client:
        await clock.advance(20.5)
        assert await client.call("echo", 1) == [1]


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("EIO=4", 0, "Transport unknown"),
        ("EIO=4&transport=carrier", 0, "Transport unknown"),
        ("EIO=4&transport=__proto__", 0, "Transport unknown"),
        ("EIO=4&transport=websocket&sid=nobody", 1, "Session ID unknown"),
        ("transport=websocket", 5, "Unsupported protocol version"),
        ("EIO=3&transport=websocket", 5, "Unsupported protocol version"),
        ("EIO=4&EIO=3&transport=websocket&transport=x", None, ""),
    ],
)
async def test_a_wrong_engine_request_gets_the_official_servers_words(
    application: RealtimeApplication, query: str, code: int | None, message: str
) -> None:
    async with AsgiSocket(application, "/socket.io/", query=query) as socket:
        if code is None:
            await socket.accepted()
            return
        status, body = await socket.refused()
        assert (status, json.loads(body)) == (400, {"code": code, "message": message})


async def test_a_path_that_is_not_ours_reaches_the_projects_application() -> None:
    async def existing(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        await send({"type": "websocket.accept", "path": scope["path"]})
        await send({"type": "websocket.close", "code": 4000})

    application = realtime_application(ROUTES, http=nothing_here, websocket=existing)
    async with AsgiSocket(application, "/elsewhere/") as socket:
        assert (await socket.message())["path"] == "/elsewhere/"
        assert await socket.closed() == 4000
    without = realtime_application(ROUTES, http=nothing_here)
    async with AsgiSocket(without, "/elsewhere/") as socket:
        assert await socket.closed() == 4404


async def test_events_that_come_before_the_connect_frame_are_handled_behind_it(
    application: RealtimeApplication,
) -> None:
    async with open_socket(application, "plain", "/lab") as socket:
        socket.send({"event": "echo", "args": [1], "id": 0})
        socket.send({"event": "back", "args": [2]})
        await socket.accepted()
        assert set(await socket.json()) == {"connect"}
        assert await socket.json() == {"ack": 0, "args": [1]}
        assert await socket.json() == {"event": "back", "args": [2]}
