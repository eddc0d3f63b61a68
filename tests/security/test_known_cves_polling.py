"""Known faults of other servers, held against long-polling and binary packets.

One test for each, its id in the name. See also docs/reference/conformance.md.
"""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from realtime.server import RealtimeApplication
from tests.helpers.asgi_http import HttpClient
from tests.helpers.engine_links import TRANSPORTS, PollingLink, barrier, engine, join, polling
from tests.helpers.serving import serving
from tests.helpers.waiting import turns, until
from tests.namespaces import lab
from tests.namespaces.lab import ROUTES, Lab

MIB = 1024 * 1024
UNKNOWN_SID = {"code": 1, "message": "Session ID unknown"}
OPTIONS = {"events_per_s": 0, "max_sessions_per_address": 0}


@pytest.fixture(autouse=True)
def _fresh_lab() -> None:
    lab.reset()


@pytest.fixture
async def application() -> AsyncIterator[RealtimeApplication]:
    async with serving(ROUTES, **OPTIONS) as served:
        yield served


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


class Memory:
    """What Python has allocated since the block began, at most."""

    def __enter__(self) -> "Memory":
        gc.collect()
        tracemalloc.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        tracemalloc.stop()

    @property
    def peak(self) -> int:
        return tracemalloc.get_traced_memory()[1]

    @property
    def now(self) -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]


@pytest.mark.parametrize("count", ["11", "1000000", "9" * 400])
async def test_cve_2026_33151_a_packet_may_not_announce_many_attachments(
    application: RealtimeApplication, transport: str, count: str
) -> None:
    async with engine(application, transport) as link:
        await join(link)
        with Memory() as memory:
            await link.break_rules(f'45{count}-["echo"]')
            assert await link.rest() == []
            assert memory.peak < MIB


async def test_cve_2026_33151_the_most_attachments_are_an_option(transport: str) -> None:
    async with (
        serving(ROUTES, max_attachments=1) as application,
        engine(application, transport) as link,
    ):
        await join(link)
        await link.send('451-0["echo",{"_placeholder":true,"num":0}]', b"x")
        await link.packet()
        assert await link.packet() == b"x"
        await link.break_rules('452-["echo"]')
        assert await link.rest() == []


async def test_cve_2026_69185_packets_without_attachments_keep_nothing(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, transport) as link:
        await join(link)
        await link.send(*['450-["nothing",{}]'] * 100)
        await barrier(link)
        with Memory() as memory:
            for _ in range(10):
                await link.send(*['450-["nothing",{}]'] * 900)
                await barrier(link)
            assert memory.now < MIB
        await link.break_rules('450-["echo",{"_placeholder":true,"num":0}]')
        assert await link.rest() == []


async def test_cve_2026_69185_a_packet_of_nothing_is_harmless(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, transport) as link:
        await join(link)
        await link.send(*["450-"] * 900)
        assert await barrier(link) == []


async def test_cve_2026_48804_attachments_do_not_pile_up(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, transport) as link:
        await join(link)
        sent = '452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'
        await link.send(sent, b"x" * 1_000)
        await link.break_rules('42["echo"]')
        assert await link.rest() == []
        await until(lambda: Lab.ended)
        assert Lab.ended[0][0] == "parse error"


@pytest.mark.parametrize(
    "number",
    ["-1", "1", "1e9", '"0"', '"__proto__"', '"constructor"', "true", "0.0", "null", "[]", "{}"],
)
async def test_cve_2022_2421_a_placeholder_names_an_attachment(
    application: RealtimeApplication, transport: str, number: str
) -> None:
    async with engine(application, transport) as link:
        await join(link)
        await link.break_rules(f'451-["echo",{{"_placeholder":true,"num":{number}}}]', b"x")
        assert await link.rest() == []


async def test_cve_2022_2421_a_placeholder_without_a_number_is_refused(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, transport) as link:
        await join(link)
        await link.break_rules('451-["echo",{"_placeholder":true}]', b"x")
        assert await link.rest() == []


async def test_cve_2022_2421_a_placeholder_in_a_text_packet_is_data(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, transport) as link:
        await join(link)
        event = '["back",{"_placeholder":true,"num":0}]'
        await link.send(f"42{event}")
        assert await link.packet() == f"42{event}"


@pytest.mark.parametrize(
    ("event", "is_breach"),
    [
        ("[]", True),
        ("[null]", True),
        ("[{}]", True),
        ('[{"toString":"x"}]', True),
        ('[["a"]]', True),
        ('["connect"]', True),
        ('["disconnect"]', True),
        ("[1]", False),
        ('["__class__"]', False),
        ('["__init__"]', False),
        ('["toString"]', False),
        ('["dispatch_event"]', False),
        ('["connect\\u0000"]', False),
    ],
)
async def test_cve_2024_38355_cve_2023_32695_odd_event_names_hurt_nobody_else(
    application: RealtimeApplication, transport: str, event: str, is_breach: bool
) -> None:
    async with (
        engine(application, transport) as link,
        engine(application, transport) as bystander,
    ):
        await join(bystander)
        await join(link)
        if is_breach:
            await link.break_rules(f"42{event}")
            assert await link.rest() == []
        else:
            await link.send(f"421{event}")
            assert '"unknown_event"' in str(await link.packet())
        assert await barrier(bystander) == []


@pytest.mark.parametrize("headers", [(), (("content-length", "5"),)])
async def test_cve_2020_36049_cve_2026_33034_a_body_is_read_up_to_the_limit(
    application: RealtimeApplication, headers: tuple[tuple[str, str], ...]
) -> None:
    async with polling(application, headers=headers) as link:
        await join(link)
        chunk = b"4" * 65_536
        with Memory() as memory:
            post = link.begin_post()
            for _ in range(160):
                post.feed(chunk, more=True)
            answer = await post.answer()
            assert (answer.status, answer.body) == (413, b"")
            assert post.taken_bytes <= 1_000_000 + 65_536
            assert memory.peak < 3 * 1_000_000
        assert await barrier(link) == []


@pytest.mark.parametrize(
    "body", [b"\x80\x81", b"4\xff", b"b", b"b###", b"bA", b"b\xc3\xa4", b"bA=="]
)
@pytest.mark.parametrize("content_type", ["text/plain;charset=UTF-8", "application/octet-stream"])
async def test_cve_2026_59725_a_binary_post_is_an_error_of_its_session(
    application: RealtimeApplication,
    caplog: pytest.LogCaptureFixture,
    body: bytes,
    content_type: str,
) -> None:
    async with polling(application) as link:
        await join(link)
        link.headers = (("content-type", content_type),)
        answer = await link.begin_post(body).answer()
        assert (answer.status, answer.body) == (400, b"")
        assert (await link.poll()).json == UNKNOWN_SID
    assert "Traceback" not in caplog.text


async def test_ghsa_r635_g3xr_vw7x_polls_do_not_pile_up(application: RealtimeApplication) -> None:
    async with polling(application) as link:
        await join(link)
        polls = [link.begin_poll() for _ in range(1_000)]
        await until(lambda: all(poll.is_answered for poll in polls), within_s=1)
        answers = [await poll.answer() for poll in polls]
        assert answers[0].packets == ["1"]
        assert {answer.status for answer in answers[1:]} == {400}
        assert (await link.poll()).json == UNKNOWN_SID


async def test_ghsa_gr94_w7qr_f4j3_there_is_no_webtransport(
    application: RealtimeApplication,
) -> None:
    async with HttpClient(application) as client:
        for method in ("GET", "POST", "CONNECT"):
            answer = await client.request(method, "EIO=4&transport=webtransport")
            assert answer.json == {"code": 0, "message": "Transport unknown"}


async def test_cve_2026_48802_pongs_cost_no_task(
    application: RealtimeApplication, transport: str
) -> None:
    async with engine(application, transport) as link:
        await join(link)
        before = len(asyncio.all_tasks())
        for _ in range(11):
            await link.send(*["3"] * 900)
        await barrier(link)
        assert len(asyncio.all_tasks()) <= before + 1


async def test_cve_2026_48802_a_handshake_costs_no_task(application: RealtimeApplication) -> None:
    async with HttpClient(application) as client:
        before = len(asyncio.all_tasks())
        for _ in range(1_000):
            assert (await client.request("GET", "EIO=4&transport=polling")).status == 200
        assert len(asyncio.all_tasks()) <= before
        assert len(application._sessions) == 1_000


@pytest.mark.parametrize("message", ["4" * 1_001, "4" + "\U0001f600" * 250, b"x" * 1_001])
async def test_cve_2026_48809_no_path_takes_too_large_a_message(
    transport: str, message: str | bytes
) -> None:
    async with (
        serving(ROUTES, max_payload_bytes=1_000) as application,
        engine(application, transport) as link,
    ):
        await join(link)
        if isinstance(link, PollingLink):
            assert (await link.post(message)).status == 413
        else:
            await link.send(message)
            assert await link.rest() == []


async def test_cve_2026_33033_no_form_is_parsed(application: RealtimeApplication) -> None:
    async with polling(application) as link:
        await join(link)
        headers = (("content-type", "multipart/form-data; boundary=" + "x" * 10_000),)
        post = link.client.begin("POST", link.query, b"--x\r\n" * 10_000, headers=headers)
        assert (await post.answer()).status == 415
        assert post.taken_bytes == 0


async def test_cve_2020_35681_sessions_do_not_mix(application: RealtimeApplication) -> None:
    async def talk(name: str) -> None:
        async with polling(application, headers=(("cookie", f"sessionid={name}"),)) as link:
            await join(link)
            for number in range(3):
                await link.send(f'42["back","{name}",{number}]')
                await turns(hash((name, number)) % 7)
                answer = await link.poll()
                assert answer.packets == [f'42["back","{name}",{number}]']
                assert answer.header("set-cookie") is None

    await asyncio.gather(*(talk(f"user{number}") for number in range(200)))


async def test_cve_2022_41940_cve_2022_21676_a_lost_client_ends_its_session_alone(
    application: RealtimeApplication,
) -> None:
    async with polling(application) as bystander:
        await join(bystander)
        async with polling(application) as link:
            post = link.begin_post()
            post.feed(b"40", more=True)
            await turns()
            post.hang_up()
            await post.finished()
            assert (await link.poll()).json == UNKNOWN_SID
        assert await barrier(bystander) == []
