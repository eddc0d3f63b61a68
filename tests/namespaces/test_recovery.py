"""Connection state recovery: its wire form, and that it asks permission again."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.urls import URLPattern, path

from realtime.conf import options
from realtime.namespaces import recovery
from realtime.namespaces.broadcast import of
from realtime.namespaces.identity import Identity
from realtime.namespaces.recovery import Ghost, Offsets, RecoveryStore, Sent
from realtime.protocol.wire_message import WireMessage
from realtime.server import RealtimeApplication
from realtime.transports.base import Scope
from tests.helpers.clock import MovedClock
from tests.helpers.door_clients import Heard, connected
from tests.helpers.engine_links import (
    TRANSPORTS,
    EngineLink,
    PollingLink,
    WebSocketLink,
    barrier,
    engine,
    join,
)
from tests.helpers.serving import serving
from tests.helpers.waiting import turns, until
from tests.namespaces.lab import Lab

RECOVERY_S = 60.0


class Recoverable(Lab):
    """Says whether it was recovered; lets nobody back into ``withheld`` rooms."""

    withheld: ClassVar[set[str]] = set()

    async def connect(self, auth: dict[str, Any]) -> None:
        await super().connect(auth)
        if auth.get("greet"):
            await self.emit("recovered", self.recovered, dict(self.data), sorted(auth))

    async def rejoin(self, room: str) -> bool:
        if room not in self.withheld:
            return await super().rejoin(room)
        await self.emit("kicked", room)
        return False


ROUTES: list[URLPattern] = [path("lab", Recoverable.as_asgi()), path("other", Lab.as_asgi())]


async def somebody(scope: Scope, auth: dict[str, Any]) -> Identity:
    """Take everybody for who they say they are."""
    del scope
    name = auth.get("as", "alice")
    if isinstance(name, int):
        return Identity(User(pk=name, username=f"user {name}"), name=f"user {name}")
    return Identity(AnonymousUser(), name=name, guest_id=name)


OPTIONS: dict[str, Any] = {
    "recovery_s": RECOVERY_S,
    "authenticators": [f"{__name__}.somebody"],
}


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def application() -> AsyncIterator[RealtimeApplication]:
    async with serving(ROUTES, **OPTIONS) as served:
        yield served


@pytest.fixture(autouse=True)
def _let_everybody_back() -> Iterator[None]:
    yield
    Recoverable.withheld.clear()


def parse(packet: str | bytes) -> list[Any]:
    """Return an event's name and arguments; the offset is the last one."""
    assert isinstance(packet, str)
    assert packet.startswith("42/lab,["), packet
    content: list[Any] = json.loads(packet[7:])
    return content


async def events(link: EngineLink, *, namespace: str = "/lab") -> list[list[Any]]:
    """Return the events that have come by now."""
    return [parse(packet) for packet in await barrier(link, namespace)]


async def lose(link: EngineLink) -> None:
    """Break the connection as a network does, and wait until the server knows."""
    count = len(Lab.ended)
    if isinstance(link, WebSocketLink):
        link.socket.drop()
    else:
        assert isinstance(link, PollingLink)
        poll = link.begin_poll()
        await turns()
        poll.hang_up()
    await until(lambda: len(Lab.ended) > count)


class Visit:
    """What a client knows of a connection that broke."""

    def __init__(self, ids: dict[str, str], offset: str) -> None:
        self.ids = ids
        self.sid = ids["sid"]
        self.auth: dict[str, Any] = {"pid": ids["pid"], "offset": offset}


async def visit(
    application: RealtimeApplication,
    transport: str = "websocket",
    *rooms: str,
    auth: dict[str, Any] | None = None,
) -> Visit:
    """Connect, join rooms, hear one event, and lose the connection."""
    async with engine(application, transport) as link:
        ids = await join(link, "/lab", auth)
        for room in rooms:
            await link.send(f'42/lab,1["join","{room}"]')
            await link.packet()
        await link.send('42/lab,["back","heard"]')
        offset = parse(await link.packet())[-1]
        await lose(link)
    return Visit(ids, offset)


async def come_back(link: EngineLink, auth: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Send CONNECT; return the events before the server's CONNECT, and that."""
    await link.send(f"40/lab,{json.dumps(auth)}")
    missed = []
    while not str(packet := await link.packet()).startswith("40/lab,"):
        missed.append(parse(packet))
    return missed, json.loads(str(packet)[7:])


async def test_connect_brings_a_secret_and_events_a_rising_offset(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, transport) as link:
        ids = await join(link, "/lab")
        assert set(ids) == {"sid", "pid"}
        assert ids["sid"] != ids["pid"]
        assert link.handshake["sid"] not in ids.values()
        await link.send('42/lab,["back"]', '42/lab,["back",1]', '42/lab,["back","x"]')
        found = [parse(await link.packet()) for _ in range(3)]
        assert [each[:-1] for each in found] == [["back"], ["back", 1], ["back", "x"]]
        offsets = [each[-1] for each in found]
        assert all(isinstance(offset, str) for offset in offsets)
        assert offsets == sorted(set(offsets))


async def test_an_event_with_bytes_has_its_offset_last(application: RealtimeApplication) -> None:
    async with engine(application, "websocket") as link:
        await join(link, "/lab")
        await link.send('451-/lab,["back",{"_placeholder":true,"num":0}]', b"\x01")
        text = str(await link.packet())
        assert text.startswith('451-/lab,["back",{"_placeholder":true,"num":0},"')
        assert await link.packet() == b"\x01"


async def test_questions_and_volatile_events_have_no_offset(
    application: RealtimeApplication,
) -> None:
    async with engine(application, "websocket") as link:
        sid = (await join(link, "/lab"))["sid"]
        await link.send('42/lab,["ask me",5]')
        assert await link.packet() == '42/lab,0["question",1]'
        await Lab.live[sid].emit("soft", 1, volatile=True)
        assert await link.packet() == '42/lab,["soft",1]'
        await of("/lab").volatile.aemit("soft", 2)
        assert await link.packet() == '42/lab,["soft",2]'


async def test_without_the_setting_nothing_is_added(transport: str) -> None:
    async with (
        serving(ROUTES, **OPTIONS | {"recovery_s": 0}) as application,
        engine(application, transport) as link,
    ):
        # Whoever was here before the setting changed may still ask.
        assert set(await join(link, "/lab", {"pid": "x", "offset": "y"})) == {"sid"}
        await link.send('42/lab,["back",1]')
        assert await link.packet() == '42/lab,["back",1]'
        await of("/lab").aemit("back", 2)
        assert await link.packet() == '42/lab,["back",2]'


async def test_the_plain_door_is_untouched(application: RealtimeApplication) -> None:
    async with (
        connected(application, "plain", "/lab") as client,
        connected(application, "socket.io", "/lab") as other,
    ):
        client.emit("back", 1)
        assert await client.heard() == Heard("back", [1])
        await of("/lab").aemit("back", 2)
        assert await client.heard() == Heard("back", [2])
        assert len((await other.heard()).args) == 2


async def test_what_was_missed_comes_before_connect_with_its_own_offsets(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, "websocket") as witness:
        await join(witness, "/lab")
        was = await visit(application, transport, "a", "b")
        await of("/lab").in_("a").aemit("said", 1)
        await of("/lab").in_("c").aemit("said", "in another room")
        await of("/lab").aemit("said", 2)
        await of("/other").aemit("said", "in another namespace")
        await of("/lab").in_("b").except_("a").aemit("said", "not for those in a")
        await of("/lab").except_(was.sid).aemit("said", "not for it")
        await of("/lab").in_(["c", was.sid]).aemit("said", 3)
        await of("/lab").in_("a").volatile.aemit("said", "softly")
        others = {tuple(event[:2]): event[2] for event in await events(witness) if len(event) == 3}
        async with engine(application, transport) as link:
            missed, ids = await come_back(link, was.auth | {"greet": "hi"})
            assert [event[:2] for event in missed] == [["said", 1], ["said", 2], ["said", 3]]
            assert missed[1][2] == others["said", 2]
            assert missed[0][2] < missed[1][2] < missed[2][2]
            assert ids == was.ids
            greetings = [event[:-1] for event in await events(link)]
            assert greetings == [
                ["hello", "hi"],
                ["hello again"],
                ["recovered", True, {}, ["greet"]],
            ]
            assert Lab.live[was.sid].rooms == {"a", "b"}
            await of("/lab").in_("b").to(was.sid).aemit("said", "once")
            assert [event[:2] for event in await events(link)] == [["said", "once"]]


async def test_data_comes_back(application: RealtimeApplication) -> None:
    async with engine(application, "websocket") as link:
        ids = await join(link, "/lab")
        Lab.live[ids["sid"]].data["score"] = 7
        await link.send('42/lab,["back"]')
        offset = parse(await link.packet())[-1]
        await lose(link)
    async with engine(application, "websocket") as link:
        missed, back = await come_back(link, {"pid": ids["pid"], "offset": offset, "greet": "x"})
        assert (missed, back) == ([], ids)
        assert ["recovered", True, {"score": 7}, ["greet"]] in [
            event[:-1] for event in await events(link)
        ]


async def test_one_may_come_back_again_and_again(application: RealtimeApplication) -> None:
    was = await visit(application, "websocket", "room")
    for number in range(3):
        await of("/lab").in_("room").aemit("said", number)
        async with engine(application, "websocket") as link:
            missed, ids = await come_back(link, was.auth)
            assert ([event[:2] for event in missed], ids) == ([["said", number]], was.ids)
            was.auth["offset"] = missed[-1][-1]
            await lose(link)


async def test_the_second_use_of_a_secret_is_a_fresh_socket(
    application: RealtimeApplication,
) -> None:
    was = await visit(application, "websocket", "room")
    await of("/lab").in_("room").aemit("said", 1)
    async with engine(application, "websocket") as first, engine(application, "polling") as second:
        assert (await come_back(first, was.auth))[1] == was.ids
        missed, ids = await come_back(second, was.auth)
        assert missed == []
        assert not set(ids.values()) & set(was.ids.values())


async def test_of_two_who_come_back_at_once_one_is_fresh(
    application: RealtimeApplication,
) -> None:
    was = await visit(application, "websocket", "room")
    Lab.gates["door"] = asyncio.Event()
    auth = json.dumps(was.auth | {"gate": "door"})
    async with (
        engine(application, "websocket") as first,
        engine(application, "websocket") as second,
    ):
        await first.send(f"40/lab,{auth}")
        await second.send(f"40/lab,{auth}")
        await turns(20)
        Lab.gates["door"].set()
        ids = [json.loads(str(await link.packet())[7:]) for link in (first, second)]
        assert [found["sid"] == was.sid for found in ids] == [True, False]
        await of("/lab").in_("room").aemit("said", 1)
        assert len(await events(first)) == 1
        assert await events(second) == []


REFUSED: list[dict[str, Any]] = [
    {"pid": "x"},
    {"pid": 7},
    {"pid": None},
    {"offset": ""},
    {"offset": "zzzz"},
    {"offset": "0"},
    {"offset": 7},
    {"offset": None},
    {"offset": ["x"]},
    {"as": "mallory"},
    {"as": 7},
]


@pytest.mark.parametrize("change", REFUSED, ids=str)
async def test_who_asks_wrongly_gets_a_fresh_socket_and_nothing_of_the_old(
    application: RealtimeApplication, change: dict[str, Any]
) -> None:
    was = await visit(application, "websocket", "room")
    await of("/lab").in_("room").aemit("said", "a secret")
    async with engine(application, "websocket") as link:
        missed, ids = await come_back(link, was.auth | {"greet": "x"} | change)
        assert missed == []
        assert set(ids) == {"sid", "pid"}
        assert not set(ids.values()) & set(was.ids.values())
        said = [event[:2] for event in await events(link)]
        assert ["recovered", False] in said
        assert Lab.live[ids["sid"]].rooms == frozenset()


async def test_an_offset_is_needed(application: RealtimeApplication) -> None:
    was = await visit(application)
    del was.auth["offset"]
    async with engine(application, "websocket") as link:
        assert (await come_back(link, was.auth))[1]["sid"] != was.sid


async def test_another_namespace_does_not_recover_it(application: RealtimeApplication) -> None:
    was = await visit(application)
    async with engine(application, "websocket") as link:
        ids = await join(link, "/other", was.auth)
        assert not set(ids.values()) & set(was.ids.values())


async def test_who_is_refused_now_gets_nothing_of_it_then_either(
    application: RealtimeApplication, transport: str
) -> None:
    was = await visit(application, transport, "room")
    await of("/lab").in_("room").aemit("said", "a secret")
    async with engine(application, transport) as link:
        await link.send(f"40/lab,{json.dumps(was.auth | {'refuse': 'banned'})}")
        answer = '44/lab,{"message":"You may not.","data":{"code":"banned","hint":"ask"}}'
        assert await link.packet() == answer
        missed, ids = await come_back(link, was.auth)
        assert missed == []
        assert ids["sid"] != was.sid


async def test_a_withheld_rooms_events_are_left_out_and_kicked_follows(
    application: RealtimeApplication, transport: str
) -> None:
    was = await visit(application, transport, "open", "shut")
    Recoverable.withheld.add("shut")
    await of("/lab").in_("shut").aemit("said", "a secret")
    await of("/lab").in_("open").aemit("said", 1)
    await of("/lab").in_(["open", "shut"]).aemit("said", 2)
    async with engine(application, transport) as link:
        missed, ids = await come_back(link, was.auth)
        assert [event[:2] for event in missed] == [["said", 1], ["said", 2]]
        assert ids == was.ids
        assert [event[:2] for event in await events(link)] == [["kicked", "shut"]]
        assert Lab.live[was.sid].rooms == {"open"}
        await of("/lab").in_("shut").aemit("said", "a secret")
        assert await events(link) == []
        was.auth["offset"] = missed[-1][-1]
        await lose(link)
    async with engine(application, transport) as link:
        missed, ids = await come_back(link, was.auth)
        assert [event[:2] for event in missed] == [["kicked", "shut"]]


async def test_what_is_sent_while_it_is_asked_comes_once(application: RealtimeApplication) -> None:
    was = await visit(application, "websocket", "room")
    Lab.gates["door"] = asyncio.Event()
    await of("/lab").in_("room").aemit("said", 1)
    async with engine(application, "websocket") as link:
        await link.send(f"40/lab,{json.dumps(was.auth | {'gate': 'door'})}")
        await turns(20)
        await of("/lab").in_("room").aemit("said", 2)
        await of("/lab").aemit("said", 3)
        Lab.gates["door"].set()
        heard = [parse(await link.packet())[1] for _ in range(3)]
        assert str(await link.packet()).startswith("40/lab,")
        await of("/lab").in_("room").aemit("said", 4)
        heard += [event[1] for event in await events(link)]
        assert heard == [1, 2, 3, 4]


async def test_it_is_recovered_for_its_time_only(application: RealtimeApplication) -> None:
    clock = MovedClock()
    early, late = await visit(application), await visit(application)
    await clock.advance(RECOVERY_S - 1)
    async with engine(application, "websocket") as link:
        assert (await come_back(link, early.auth))[1] == early.ids
    await clock.advance(1.1)
    async with engine(application, "websocket") as link:
        assert (await come_back(link, late.auth))[1]["sid"] != late.sid


@pytest.mark.parametrize(("count", "is_recovered"), [(5, True), (6, False)])
async def test_too_many_packets_are_not_recovered(count: int, is_recovered: bool) -> None:
    async with serving(ROUTES, **OPTIONS, recovery_packets=5) as application:
        was = await visit(application)
        for number in range(count):
            await of("/lab").aemit("said", number)
        async with engine(application, "websocket") as link:
            missed, ids = await come_back(link, was.auth)
            assert [event[1] for event in missed] == list(range(count)) * is_recovered
            assert (ids == was.ids) is is_recovered


@pytest.mark.parametrize(("size", "is_recovered"), [(400, True), (600, False)])
async def test_too_many_bytes_are_not_recovered(size: int, is_recovered: bool) -> None:
    async with serving(ROUTES, **OPTIONS, recovery_bytes=1_000) as application:
        was = await visit(application)
        for _ in range(2):
            await of("/lab").aemit("said", "x" * size)
        async with engine(application, "websocket") as link:
            missed, ids = await come_back(link, was.auth)
            assert len(missed) == 2 * is_recovered
            assert (ids == was.ids) is is_recovered


async def test_what_grows_too_much_while_it_is_asked_is_begun_anew() -> None:
    async with serving(ROUTES, **OPTIONS, recovery_packets=5) as application:
        was = await visit(application)
        Lab.gates["door"] = asyncio.Event()
        async with engine(application, "websocket") as link:
            await link.send(f"40/lab,{json.dumps(was.auth | {'gate': 'door'})}")
            await turns(20)
            for number in range(6):
                await of("/lab").aemit("said", number)
            Lab.gates["door"].set()
            assert await link.rest() == []
        async with engine(application, "websocket") as link:
            assert (await come_back(link, was.auth))[1]["sid"] != was.sid


async def test_a_client_that_leaves_while_it_is_asked_may_ask_again(
    application: RealtimeApplication,
) -> None:
    was = await visit(application, "websocket", "room")
    Lab.gates["door"] = asyncio.Event()
    async with engine(application, "websocket") as link:
        assert isinstance(link, WebSocketLink)
        await link.send(f"40/lab,{json.dumps(was.auth | {'gate': 'door'})}")
        await turns(20)
        link.socket.drop()
        await turns(20)
        Lab.gates["door"].set()
    await turns(20)
    await of("/lab").in_("room").aemit("said", 1)
    async with engine(application, "websocket") as link:
        missed, ids = await come_back(link, was.auth)
        assert ([event[:2] for event in missed], ids) == ([["said", 1]], was.ids)


async def test_the_old_sockets_last_handler_ends_before_the_new_one_begins(
    application: RealtimeApplication,
) -> None:
    Lab.gates["slow"] = asyncio.Event()
    async with engine(application, "websocket") as link:
        ids = await join(link, "/lab", {"join": "room"})
        await link.send('42/lab,["back"]')
        offset = parse(await link.packet())[-1]
        await link.send('42/lab,["wait","slow"]')
        await until(lambda: Lab.started_handlers)
        assert isinstance(link, WebSocketLink)
        link.socket.drop()
        await turns(20)
    async with engine(application, "websocket") as link:
        await link.send(f"40/lab,{json.dumps({'pid': ids['pid'], 'offset': offset})}")
        await turns(20)
        assert Lab.ended == []
        await of("/lab").in_("room").aemit("said", 1)
        Lab.gates["slow"].set()
        assert parse(await link.packet())[:2] == ["said", 1]
        assert json.loads(str(await link.packet())[7:]) == ids
        assert [reason for reason, _rooms in Lab.ended] == ["transport close"]
        await of("/lab").in_("room").aemit("said", 2)
        assert [event[1] for event in await events(link)] == [2]


SAID = {"client leaves": "41/lab,", "client closes": "1"}
BREACHES = {"breach": "4nonsense", "breach of state": "40/lab,"}


async def end_by(link: EngineLink, sid: str, how: str, clock: MovedClock) -> None:
    socket = Lab.live[sid].socket
    if how in SAID:
        await link.send(SAID[how])
    elif how in BREACHES:
        await link.break_rules(BREACHES[how])
    elif how == "ping timeout":
        await clock.advance(25)
        await clock.advance(20)
    else:
        {
            "application": lambda: socket.end("disconnected"),
            "application, whole connection": socket.end_connection,
            "signed out": lambda: socket.end("signed_out"),
            "going away": lambda: socket.end("going_away"),
            "dropped": socket.drop_connection,
        }[how]()


@pytest.mark.parametrize(
    ("how", "reason", "is_recovered"),
    [
        ("client leaves", "client namespace disconnect", False),
        ("application", "server namespace disconnect", False),
        ("application, whole connection", "server namespace disconnect", False),
        ("signed out", "server namespace disconnect", False),
        ("breach", "parse error", False),
        ("client closes", "transport close", True),
        ("dropped", "forced close", True),
        ("going away", "server shutting down", True),
        ("ping timeout", "ping timeout", True),
        ("breach of state", "forced server close", True),
    ],
)
async def test_a_broken_connection_is_recovered_and_an_ended_one_is_not(
    application: RealtimeApplication, transport: str, how: str, reason: str, is_recovered: bool
) -> None:
    clock = MovedClock()
    async with engine(application, transport) as link:
        ids = await join(link, "/lab")
        await link.send('42/lab,["back"]')
        offset = parse(await link.packet())[-1]
        await end_by(link, ids["sid"], how, clock)
        await until(lambda: Lab.ended)
        assert [each[0] for each in Lab.ended] == [reason]
    async with engine(application, transport) as link:
        back = (await come_back(link, {"pid": ids["pid"], "offset": offset}))[1]
        assert (back == ids) is is_recovered


async def test_what_a_user_is_sent_meanwhile_is_missed_too(
    application: RealtimeApplication,
) -> None:
    was = await visit(application, auth={"as": 7})
    await of("/lab").user(7).aemit("said", "to 7")
    await of("/lab").user(8).aemit("said", "to 8")
    async with engine(application, "websocket") as link:
        missed, ids = await come_back(link, was.auth | {"as": 7})
        assert ([event[:2] for event in missed], ids) == ([["said", "to 7"]], was.ids)


async def test_it_fails_cleanly_in_another_process(application: RealtimeApplication) -> None:
    was = await visit(application)
    await application.lifecycle.stop()
    await application.lifecycle.start()
    async with engine(application, "websocket") as link:
        assert (await come_back(link, was.auth))[1]["sid"] != was.sid


def message(offset: str) -> WireMessage:
    made = WireMessage(f"4{offset}")
    made.offset = offset
    return made


def test_what_follows_an_offset_is_what_was_sent_behind_it() -> None:
    sent = Sent(max_packets=3, max_bytes=1_000)
    # What is held back while a room is joined is sent behind later offsets.
    first, late, early = message("1"), message("3"), message("2")
    for each in (first, late, early):
        sent.add(each)
    assert sent.after("1") == [late, early]
    assert sent.after("3") == [early]
    assert sent.after("2") == []
    assert sent.after("0") is None
    assert sent.after("4") is None


def test_the_oldest_make_room_and_the_last_one_gone_still_counts() -> None:
    sent = Sent(max_packets=2, max_bytes=1_000)
    messages = [message(str(number)) for number in range(4)]
    for each in messages:
        sent.add(each)
    assert sent.after("0") is None
    assert sent.after("1") == messages[2:]
    assert sent.after("2") == messages[3:]


def test_offsets_rise_as_texts() -> None:
    offsets = Offsets("AbCd0123")
    made = [offsets.next() for _ in range(1_000)]
    assert made == sorted(set(made))
    assert all(each.startswith("AbCd0123") for each in made)


async def test_the_number_of_ghosts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "MAX_GHOSTS", 2)
    async with serving(ROUTES, **OPTIONS):
        store = RecoveryStore(options(), "AbCd0123")
    for number in range(3):
        sent = store.new_sent()
        sent.add(message("1"))
        none: frozenset[str] = frozenset()
        store.keep(Ghost(str(number), "id", "/lab", "guest:x", none, {}, sent, None, "x"))
    found = [store.find("/lab", {"pid": str(number), "offset": "1"}) for number in range(3)]
    assert [each is not None for each in found] == [False, True, True]
    for number in range(3):
        store.forget(str(number))
