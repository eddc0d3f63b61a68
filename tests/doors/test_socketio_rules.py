"""Socket.IO over both transports: what a packet does, and what a breach ends."""

import asyncio
import json
from typing import Any

import pytest
from django.urls import path

from realtime.exceptions import Refused
from realtime.server import RealtimeApplication
from tests.helpers.clock import MovedClock
from tests.helpers.engine_links import EngineLink, barrier, engine, join
from tests.helpers.serving import serving
from tests.helpers.waiting import turns, until
from tests.namespaces.lab import ROUTES, Lab


async def said(link: EngineLink, *packets: str | bytes, parts: int = 1) -> list[str | bytes]:
    """Send packets and return the next ones."""
    await link.send(*packets)
    return [await link.packet() for _ in range(parts)]


def placeholder(number: Any) -> str:
    return f'{{"_placeholder":true,"num":{json.dumps(number)}}}'


async def test_connect_is_answered_with_the_public_id(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, transport) as link:
        for namespace, sent in (("", "40"), ("/lab,", "40/lab,{}"), ("/all,", "40/all")):
            (text,) = await said(link, sent)
            assert str(text).startswith(f'40{namespace}{{"sid":"')
            ids = json.loads(str(text)[2 + len(namespace) :])
            assert list(ids) == ["sid"]
            assert ids["sid"] != link.handshake["sid"]


async def test_what_connect_emits_follows_the_answer(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, transport) as link:
        packets = await said(link, '40/lab,{"greet":{"b":1,"a":"ä"}}', parts=3)
        assert str(packets[0]).startswith("40/lab,")
        assert packets[1:] == ['42/lab,["hello",{"b":1,"a":"ä"}]', '42/lab,["hello again"]']


@pytest.mark.parametrize(
    ("packet", "answer"),
    [
        ("40/nope", '44/nope,{"message":"Invalid namespace"}'),
        ("40/nope,", '44/nope,{"message":"Invalid namespace"}'),
        ('40/nope,{"a":1}', '44/nope,{"message":"Invalid namespace"}'),
        ("40/lab?x=1,", '44/lab?x=1,{"message":"Invalid namespace"}'),
        ("40/lab/,", '44/lab/,{"message":"Invalid namespace"}'),
        (
            '40/lab,{"refuse":"forbidden"}',
            '44/lab,{"message":"You may not.","data":{"code":"forbidden","hint":"ask"}}',
        ),
    ],
)
async def test_a_refused_namespace_leaves_the_connection(
    application: RealtimeApplication, transport: str, packet: str, answer: str
) -> None:
    async with engine(application, transport) as link:
        assert await said(link, packet) == [answer]
        assert await said(link, packet) == [answer]
        assert set(await join(link, "/lab")) == {"sid"}


async def test_acks_carry_the_clients_id_and_any_number_of_values(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, transport) as link:
        await join(link)
        await join(link, "/lab")
        assert await said(link, '420["echo",1,null,{"a":[]}]') == ['430[1,null,{"a":[]}]']
        assert await said(link, '42/lab,9007199254740991["nothing"]') == [
            "43/lab,9007199254740991[]"
        ]
        assert await said(link, '42/lab,7["one"]') == ['43/lab,7[{"ok":true}]']


async def test_the_servers_ack_ids_count_from_nought_in_each_namespace(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, transport) as link:
        for namespace in ("/lab", "/all"):
            await join(link, namespace)
            for number in range(2):
                question = await said(link, f'42{namespace},5["ask me",5]')
                assert question == [f'42{namespace},{number}["question",1]']
                answer = await said(link, f'43{namespace},{number}["yes",2]')
                assert answer == [f'43{namespace},5[["answer",["yes",2]]]']


@pytest.mark.parametrize(
    "packet", ["43/lab,0[1]", "43/lab,12[]", "43/lab,[1]", "43/lab,", "43/lab,0"]
)
async def test_an_answer_to_nothing_is_harmless(
    application: RealtimeApplication, transport: str, packet: str
) -> None:
    async with engine(application, transport) as link:
        await join(link, "/lab")
        await link.send(packet, packet)
        assert await barrier(link, "/lab") == []


async def test_a_question_is_answered_once(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, transport) as link:
        await join(link, "/lab")
        await said(link, '42/lab,["ask me",0.01]')
        await until(lambda: not next(iter(Lab.live.values())).socket._acks)
        await link.send('43/lab,0["late"]', '43/lab,0["twice"]')
        assert await barrier(link, "/lab") == []


async def test_bytes_travel_both_ways(application: RealtimeApplication, transport: str) -> None:
    async with engine(application, transport) as link:
        await join(link)
        await join(link, "/lab")
        big = bytes(range(256)) * 256
        for head, ack in (("", "1"), ("/lab,", "12")):
            text = (
                f'{head}{ack}["echo",{placeholder(0)},{{"x":[{placeholder(1)},{placeholder(2)}]}}]'
            )
            parts: list[str | bytes] = [big, b"", b"\x00\x1e\xff"]
            answer = await said(link, f"453-{text}", *parts, parts=4)
            rest = text.removeprefix(f'{head}{ack}["echo",')
            assert answer == [f"463-{head}{ack}[{rest}", *parts]


async def test_attachments_are_numbered_in_the_order_in_which_they_stand(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, transport) as link:
        await join(link)
        sent = f'452-["back",{placeholder(1)},{placeholder(0)}]'
        answer = await said(link, sent, b"0", b"1", parts=3)
        assert answer == [f'452-["back",{placeholder(0)},{placeholder(1)}]', b"1", b"0"]


async def test_a_placeholder_in_a_text_packet_is_plain_data(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, transport) as link:
        await join(link)
        text = f'["back",{placeholder(0)},{placeholder("__proto__")}]'
        assert await said(link, f"42{text}") == [f"42{text}"]


async def test_an_event_with_no_attachments_is_a_text_packet(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, transport) as link:
        await join(link)
        assert await said(link, '450-["back",1]') == ['42["back",1]']


async def test_engine_packets_may_stand_between_attachments(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, transport) as link:
        await join(link)
        sent = f'452-["back",{placeholder(0)},{placeholder(1)}]'
        assert (await said(link, sent, b"a", "3", "6", b"b", parts=3))[1:] == [b"a", b"b"]


async def test_namespaces_share_a_session_and_nothing_else(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, transport) as link:
        ids = [(await join(link, namespace))["sid"] for namespace in ("/", "/lab", "/all")]
        assert len(set(ids)) == 3
        await said(link, '42/lab,1["join","room"]')
        assert Lab.live[ids[1]].rooms == {"room"}
        assert Lab.live[ids[0]].rooms == frozenset()
        await link.send("41/lab,")
        await until(lambda: Lab.ended)
        assert Lab.ended == [("client namespace disconnect", frozenset({"room"}))]
        assert await barrier(link) == []
        assert await barrier(link, "/all") == []


async def test_one_may_leave_a_namespace_and_come_again(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, transport) as link:
        first = await join(link)
        await link.send("41")
        await until(lambda: Lab.ended)
        assert (await join(link)) != first
        assert await barrier(link) == []


async def test_leaving_and_coming_in_one_breath_works(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, transport) as link:
        await join(link)
        (answer,) = await said(link, "41", "40")
        assert str(answer).startswith('40{"sid":"')


async def test_a_session_without_namespaces_lives_on(
    application: RealtimeApplication, transport: str
) -> None:
    clock = MovedClock()
    async with engine(application, transport) as link:
        await join(link)
        await link.send("41")
        await clock.advance(21)
        assert set(await join(link, "/lab")) == {"sid"}


PARSE_ERRORS: list[tuple[str, list[str | bytes]]] = [
    ("unknown type", ["47"]),
    ("no digit", ["4abc"]),
    ("empty message", ["4"]),
    ("bad JSON", ["42[1"]),
    ("behind JSON", ['42["a"]x']),
    ("NaN", ['42["a",NaN]']),
    ("object for an event", ["42{}"]),
    ("text for an event", ['42"a"']),
    ("no name", ["42[]"]),
    ("null name", ["42[null]"]),
    ("object name", ["42[{}]"]),
    ("true name", ["42[true]"]),
    ("reserved", ['42["connect"]']),
    ("reserved", ['42["disconnecting"]']),
    ("reserved", ['42["newListener"]']),
    ("reserved, binary", ['451-["disconnect"]', b"x"]),
    ("array for CONNECT", ["40/all,[]"]),
    ("text for CONNECT", ['40/all,"x"']),
    ("null for CONNECT", ["40/all,null"]),
    ("payload of DISCONNECT", ["41{}"]),
    ("object for an ack", ["431{}"]),
    ("ack id out of range", ['429007199254740992["echo"]']),
    ("text while bytes are due", [f'451-["echo",{placeholder(0)}]', '42["echo"]']),
    ("connect while bytes are due", [f'451-["echo",{placeholder(0)}]', "40/lab,"]),
    ("bytes while none are due", [b"x"]),
    ("more bytes than due", [f'451-["echo",{placeholder(0)}]', b"x", b"y"]),
    ("placeholder out of range", [f'451-["echo",{placeholder(1)}]', b"x"]),
    ("placeholder below range", [f'451-["echo",{placeholder(-1)}]', b"x"]),
    ("placeholder no number", [f'451-["echo",{placeholder("0")}]', b"x"]),
    ("placeholder a fraction", [f'451-["echo",{placeholder(0.5)}]', b"x"]),
    ("no count", ['45["echo"]']),
    ("no count, only dash", ['45-["echo"]']),
    ("count no integer", ['451.0-["echo"]']),
    ("count negative", ['45-1-["echo"]']),
    ("count in another script", ['45\u0661-["echo"]']),
    ("too many attachments", ['4511-["echo"]']),
    ("far too many", ['45999999999999-["echo"]']),
    ("nested too deep", ['42["echo",' + "[" * 40 + "]" * 40 + "]"]),
]


@pytest.mark.parametrize(("what", "packets"), PARSE_ERRORS, ids=[what for what, _ in PARSE_ERRORS])
async def test_what_cannot_be_read_ends_the_session_with_all_its_sockets(
    application: RealtimeApplication, transport: str, what: str, packets: list[str | bytes]
) -> None:
    async with (
        engine(application, transport) as link,
        engine(application, "websocket") as bystander,
    ):
        await join(bystander)
        await join(link)
        await join(link, "/lab")
        await link.break_rules(*packets)
        assert await link.rest() == [], what
        await until(lambda: len(Lab.ended) == 2)
        assert [reason for reason, _rooms in Lab.ended] == ["parse error"] * 2
        assert await barrier(bystander) == []


@pytest.mark.parametrize(
    "packet",
    [
        "40",
        '42/all,["echo"]',
        "43/all,1[]",
        "41/all,",
        '44{"message":"x"}',
        '44/all,"x"',
        '42/nope,["echo"]',
    ],
)
async def test_what_is_out_of_place_ends_the_session(
    application: RealtimeApplication, transport: str, packet: str
) -> None:
    async with engine(application, transport) as link:
        await join(link)
        await link.break_rules(packet)
        assert await link.rest() == []
        await until(lambda: Lab.ended)
        assert [reason for reason, _rooms in Lab.ended] == ["forced server close"]


@pytest.mark.parametrize("packet", ['42["echo"]', "41", "430[]", "4abc", "2"])
async def test_before_connect_nothing_else_may_come(
    application: RealtimeApplication, transport: str, packet: str
) -> None:
    async with engine(application, transport) as link:
        await link.break_rules(packet)
        assert await link.rest() == []


async def test_an_event_before_admission_ends_the_session(
    application: RealtimeApplication, transport: str
) -> None:
    Lab.gates["door"] = asyncio.Event()
    async with engine(application, transport) as link:
        await link.send('40{"gate":"door"}')
        await turns()
        await link.break_rules('42["echo"]')
        assert await link.rest() == []
        Lab.gates["door"].set()
        await turns(20)
        # Nobody ever knew of that socket.
        assert Lab.ended == []
        assert (await application.lifecycle.process()).sockets == {}


@pytest.mark.parametrize("packet", ["42", "42/lab,", "423", "431", "43"])
async def test_an_event_without_content_is_ignored(
    application: RealtimeApplication, transport: str, packet: str
) -> None:
    async with engine(application, transport) as link:
        await join(link)
        await join(link, "/lab")
        await link.send(packet)
        assert await barrier(link) == []


async def test_a_number_may_name_an_event(application: RealtimeApplication, transport: str) -> None:
    async with engine(application, transport) as link:
        await join(link)
        (answer,) = await said(link, "421[7]")
        assert json.loads(str(answer)[3:])[0]["code"] == "unknown_event"


@pytest.mark.parametrize("name", ["__proto__", "constructor", "error", "message", "__class__", "*"])
async def test_odd_names_are_names_of_no_event(
    application: RealtimeApplication, transport: str, name: str
) -> None:
    async with engine(application, transport) as link:
        await join(link)
        (answer,) = await said(link, f'421["{name}"]')
        assert json.loads(str(answer)[3:])[0]["code"] == "unknown_event"


@pytest.mark.parametrize("first", [None, "40/nope,", '40{"refuse":"x"}'])
async def test_a_session_that_joins_nothing_in_time_ends(
    application: RealtimeApplication, transport: str, first: str | None
) -> None:
    clock = MovedClock()
    async with engine(application, transport) as link:
        if first:
            await said(link, first)
        await clock.advance(19.9)
        await link.send("3")
        await clock.advance(0.2)
        assert await link.rest() == []


async def test_an_admission_after_the_deadline_counts(
    application: RealtimeApplication, transport: str
) -> None:
    clock = MovedClock()
    Lab.gates["door"] = asyncio.Event()
    async with engine(application, transport) as link:
        await link.send('40{"gate":"door"}')
        await turns()
        await clock.advance(20)
        Lab.gates["door"].set()
        assert str(await link.packet()).startswith("40{")
        await link.send("41")
        await until(lambda: Lab.ended)
        assert set(await join(link, "/lab")) == {"sid"}


class Undecided(Lab):
    """Takes its time to say no."""

    async def connect(self, auth: dict[str, Any]) -> None:
        await self.gates["door"].wait()
        raise Refused("forbidden", "No.")


async def test_a_session_that_is_refused_after_the_deadline_ends_too(transport: str) -> None:
    clock = MovedClock()
    Lab.gates["door"] = asyncio.Event()
    async with (
        serving([path("", Undecided.as_asgi())]) as application,
        engine(application, transport) as link,
    ):
        await link.send("40")
        await turns()
        await clock.advance(20)
        Lab.gates["door"].set()
        assert str(await link.packet()).startswith("44{")
        await clock.advance(20)
        assert set(await link.rest()) <= {"2"}


async def test_too_large_a_message_ends_a_websocket_with_1009() -> None:
    async with serving(ROUTES, max_payload_bytes=1_000) as application:
        for big in ("4" * 1_001, "4" + "ä" * 500, b"4" * 1_001):
            async with engine(application, "websocket") as link:
                await join(link)
                await link.send(big)
                message = await link.socket.message()  # type: ignore[attr-defined]
                assert (message["type"], message["code"]) == ("websocket.close", 1009)


async def test_the_heartbeat_goes_on_over_a_websocket(application: RealtimeApplication) -> None:
    clock = MovedClock()
    async with engine(application, "websocket") as link:
        await join(link)
        for _ in range(3):
            await clock.advance(25)
            assert await link.packet() == "2"
            await link.send("3")
            assert await barrier(link) == []
        await clock.advance(25)
        await clock.advance(20)
        assert await link.rest() == ["2"]
        await until(lambda: Lab.ended)
        assert Lab.ended[0][0] == "ping timeout"


@pytest.mark.parametrize("number", range(4))
async def test_events_of_a_socket_are_handled_in_order(
    application: RealtimeApplication, transport: str, number: int
) -> None:
    del number
    async with engine(application, transport) as link:
        await join(link)
        packets: list[str | bytes] = []
        for count in range(0, 30, 2):
            packets += [f'42["back",{count}]', f'451-["back",{count + 1},{placeholder(0)}]', b"x"]
        await link.send(*packets)
        heard = [text for text in [await link.packet() for _ in range(45)] if text != b"x"]
        assert [json.loads(str(text)[str(text).index("[") :])[1] for text in heard] == [*range(30)]


async def test_a_session_holds_so_many_namespaces(
    transport: str,
) -> None:
    async with (
        serving(ROUTES, max_namespaces=2) as application,
        engine(application, transport) as link,
    ):
        await join(link)
        await join(link, "/lab")
        (answer,) = await said(link, "40/all,")
        assert json.loads(str(answer)[7:])["data"] == {"code": "rate_limited"}
        await link.send("41")
        assert set(await join(link, "/all")) == {"sid"}
