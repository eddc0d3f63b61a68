"""Acting on a selection of sockets: on one process, and on two that share a Redis."""

import asyncio
import secrets
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, ClassVar, TypeVar

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import override_settings
from django.urls import URLPattern, path

from realtime.adapters.channel_layer import ChannelLayerAdapter
from realtime.exceptions import AckTimeout, UsageError
from realtime.namespaces import remote
from realtime.namespaces.broadcast import of
from realtime.namespaces.identity import Identity
from realtime.namespaces.running import find_process
from realtime.server import RealtimeApplication
from realtime.transports.base import Scope
from tests.conformance.check_namespaces import Check
from tests.helpers import services
from tests.helpers.door_clients import DoorClient, Heard, connected
from tests.helpers.scattering import scattering
from tests.helpers.serving import serving
from tests.helpers.waiting import DEADLINE_S, until

Result = TypeVar("Result")
KINDS = ["one process", pytest.param("two processes", marks=pytest.mark.redis)]


class Chooser(Check):
    """The conformance server's namespace, which also hears other processes."""

    told: ClassVar[list[tuple[str, tuple[Any, ...]]]] = []

    @classmethod
    async def server_event(cls, namespace: str, event: str, *args: Any) -> Any:
        if event == "fail":
            raise ValueError("a fault of ours")
        cls.told.append((event, args))
        return [namespace, event, *args]


ROUTES: list[URLPattern] = [path("check", Chooser.as_asgi()), path("else", Chooser.as_asgi())]


async def somebody(scope: Scope, auth: dict[str, Any]) -> Identity:
    """Sign in who gives a user's id."""
    del scope
    if "user" in auth:
        return Identity(User(pk=auth["user"], username="x"), name=f"user {auth['user']}")
    name = str(auth.get("name"))
    return Identity(AnonymousUser(), name=name, guest_id=name)


OPTIONS: dict[str, Any] = {"authenticators": [f"{__name__}.somebody"], "joins_per_s": 0}


class Site:
    """One process of the site: an application on the test's loop, or on a loop of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.application: RealtimeApplication | None = None
        self._stack = AsyncExitStack()
        self._thread: threading.Thread | None = None

    @asynccontextmanager
    async def serve(self, *, apart: bool) -> AsyncIterator["Site"]:
        """Serve the routes until the block ends."""
        if apart:
            self.loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._run_loop, name="other process")
            self._thread.start()
        try:
            await self.run(self._start())
            yield self
        finally:
            await self.run(self._stack.aclose())
            if self._thread is not None:
                self.loop.call_soon_threadsafe(self.loop.stop)
                self._thread.join(DEADLINE_S)

    async def run(self, running: Coroutine[Any, Any, Result]) -> Result:
        """Run something on this process."""
        if self._thread is None:
            return await running
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(running, self.loop))

    async def connect(self, name: str, *, namespace: str = "/check", **auth: Any) -> "Person":
        """Let somebody in, who has heard ``hello``."""
        return await self.run(self._connect(name, namespace, auth))

    def _run_loop(self) -> None:
        self.loop.run_forever()
        # Here, since the layer has the loop run once more as it closes.
        self.loop.close()

    async def _connect(self, name: str, namespace: str, auth: dict[str, Any]) -> "Person":
        assert self.application is not None
        client = await self._stack.enter_async_context(
            connected(self.application, "socket.io", namespace, auth={"name": name, **auth})
        )
        assert (await client.heard()).event == "hello"
        return Person(self, client)

    async def _start(self) -> None:
        self.application = await self._stack.enter_async_context(serving(ROUTES, **OPTIONS))


class Person:
    """A client of one of the processes."""

    def __init__(self, site: Site, client: DoorClient) -> None:
        self.site = site
        self.client = client
        self.sid = client.sid

    async def call(self, event: str, *args: Any) -> Any:
        """Return the first value of an ack."""
        values = await self.site.run(self.client.call(event, *args))
        return values[0] if len(values) == 1 else values

    async def next(self) -> Any:
        return await self.site.run(self.client.next())

    async def answer(self, *args: Any) -> None:
        """Answer the question that comes next."""
        heard = await self.next()
        assert isinstance(heard, Heard), heard
        assert heard.ack_id is not None
        self.site.loop.call_soon_threadsafe(self.client.answer, heard.ack_id, *args)

    async def said(self) -> list[Any]:
        """Return what was said up to a barrier, which everybody hears through the same way."""
        mark = secrets.token_hex(4)
        # From the near process, as what tests say: one process's broadcasts arrive in order.
        await of("/check").to(self.sid).aemit("mark", mark)
        heard: list[Any] = []
        while (event := await self.next()) != Heard("mark", [mark]):
            heard.append(event.args[0])
        return heard


class World:
    """The two ends of a site: with one process they are the same."""

    def __init__(self, near: Site, far: Site) -> None:
        self.near = near
        self.far = far

    @property
    def is_one(self) -> bool:
        return self.near is self.far


async def know_each_other(site: Site) -> None:
    process = find_process()
    assert process is not None
    adapter = process.adapter
    assert isinstance(adapter, ChannelLayerAdapter)
    await until(lambda: adapter._peers.living(site.loop.time()))


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    Chooser.told.clear()
    if request.param == "one process":
        async with Site().serve(apart=False) as site:
            yield World(site, site)
        return
    redis = {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [services.REDIS_URL], "prefix": f"test-{secrets.token_hex(6)}"},
    }
    with override_settings(CHANNEL_LAYERS={"default": redis}):
        async with Site().serve(apart=False) as near, Site().serve(apart=True) as far:
            for site in (near, far):
                await site.run(know_each_other(site))
            yield World(near, far)


async def test_sockets_are_found_wherever_they_are(world: World) -> None:
    ann, bob = await world.near.connect("ann"), await world.far.connect("bob", extra=[1, None])
    stranger = await world.far.connect("stranger", namespace="/else")
    await ann.call("join", "room")
    await bob.call("join", "room")
    await bob.call("join", "own")
    await stranger.call("join", "room")
    assert await ann.call("names", "room") == ["ann", "bob"]
    assert await ann.call("count", "own") == 1
    assert await ann.call("count", bob.sid) == 1
    assert await ann.call("count", "nobody") == 0
    found = {each.id: each for each in await of("/check").afetch_sockets()}
    assert set(found) == {ann.sid, bob.sid}
    him = found[bob.sid]
    assert (him.namespace, him.rooms) == ("/check", frozenset({"room", "own"}))
    assert him.person == {"id": "guest:bob", "name": "bob"}
    assert him.data == {"name": "bob"}
    assert him.handshake["auth"] == {"name": "bob", "extra": [1, None]}
    assert him.handshake["address"] == "127.0.0.1"
    assert him.handshake["transport"] == "websocket"


async def test_a_selection_joins_and_leaves(world: World) -> None:
    ann, bob = await world.near.connect("ann"), await world.far.connect("bob")
    for person in (ann, bob):
        await person.call("join", "here")
    await ann.call("pull", "here", "there")
    assert await ann.call("rooms") == sorted(["here", "there", ann.sid])
    assert await bob.call("rooms") == sorted(["here", "there", bob.sid])
    await of("/check").in_("there").aemit("said", 1)
    assert [await ann.said(), await bob.said()] == [[1], [1]]
    await ann.call("push-out", "there")
    assert await bob.call("rooms") == sorted(["here", bob.sid])
    await of("/check").in_("here").except_(ann.sid).asockets_join("a", "b")
    assert await bob.call("rooms") == sorted(["a", "b", "here", bob.sid])
    assert await ann.call("rooms") == sorted(["here", ann.sid])
    await of("/check").in_("a").asockets_leave("a", "b", "unknown")
    assert await bob.call("rooms") == sorted(["here", bob.sid])


async def test_a_selection_is_disconnected(world: World) -> None:
    ann, bob = await world.near.connect("ann"), await world.far.connect("bob")
    far = await world.far.connect("cy")
    for person in (ann, bob):
        await person.call("join", "room")
    await far.call("kick-room", "room")
    for person in (ann, bob):
        assert await person.site.run(person.client.ended()) == (None, None)
    assert await far.call("count", "room") == 0
    await of("/check").to(far.sid).adisconnect_sockets(close=True)
    assert await far.site.run(far.client.ended()) == (None, None)
    assert await far.site.run(far.client.ended()) == (None, 1000)


async def test_everybody_is_asked(world: World) -> None:
    ann, bob = await world.near.connect("ann"), await world.far.connect("bob")
    asker = await world.far.connect("asker")
    for person in (ann, bob):
        await person.call("join", "room")
    asking = asyncio.create_task(asker.call("ask-room", "room", 4_000))
    await ann.answer({"from": "ann"}, "second")
    await bob.answer()
    how, answers = await asking
    assert how == "all"
    assert sorted(answers, key=str) == [None, {"from": "ann"}]


async def test_who_does_not_answer_in_time_is_left_out(world: World) -> None:
    ann, bob = await world.near.connect("ann"), await world.far.connect("bob")
    asker = await world.far.connect("asker")
    for person in (ann, bob):
        await person.call("join", "room")
    asking = asyncio.create_task(asker.call("ask-room", "room", 400))
    await ann.answer("yes")
    assert await asking == ["partial", ["yes"]]
    await bob.answer("too late")
    assert await asker.call("ask-room", "nobody", 4_000) == ["all", []]


async def test_one_who_leaves_is_not_waited_for(world: World) -> None:
    ann, bob = await world.near.connect("ann"), await world.far.connect("bob")
    await bob.call("join", "room")
    asking = asyncio.create_task(ann.call("ask-room", "room", 60_000))
    assert (await bob.next()).event == "question"
    bob.site.loop.call_soon_threadsafe(bob.client.leave_namespace)
    assert await asking == ["partial", []]


async def test_answers_may_be_anything(world: World) -> None:
    ann, bob = await world.near.connect("ann"), await world.far.connect("bob")
    await bob.call("join", "room")
    odd = [2**63, -(2**63), 2**64, 2**100, 1.5, "ä\x00", {"": [None, True]}]
    asking = asyncio.create_task(ann.call("ask-room", "room", 4_000))
    await bob.answer(odd)
    assert await asking == ["all", [odd]]


async def test_found_sockets_can_be_dealt_with(world: World) -> None:
    bob = await world.far.connect("bob")
    await world.near.connect("ann")
    (him,) = await of("/check").to(bob.sid).afetch_sockets()
    await him.join("a", "b")
    assert await bob.call("rooms") == sorted(["a", "b", bob.sid])
    await him.leave("a")
    assert await bob.call("rooms") == sorted(["b", bob.sid])
    await him.emit("said", "to you alone")
    assert await bob.said() == ["to you alone"]
    asking = asyncio.create_task(him.call("question", timeout_s=4))
    await bob.answer(1)
    assert await asking == 1
    with pytest.raises(AckTimeout, match="question"):
        await him.call("question", timeout_s=0.1)
    assert (await bob.next()).event == "question"
    await him.disconnect()
    assert await bob.site.run(bob.client.ended()) == (None, None)
    assert await of("/check").to(bob.sid).afetch_sockets() == []


async def test_operators_are_values(world: World) -> None:
    ann, bob = await world.near.connect("ann"), await world.far.connect("bob")
    await ann.call("join", "a")
    await bob.call("join", "a")
    await bob.call("join", "b")
    room = of("/check").in_("a")
    without = room.except_("b")
    await room.aemit("said", 1)
    await without.aemit("said", 2)
    await room.to("b").aemit("said", 3)
    await room.in_(["a", "b"]).aemit("said", 4)
    await room.aemit("said", 5)
    assert await ann.said() == [1, 2, 3, 4, 5]
    assert await bob.said() == [1, 3, 4, 5]


async def test_local_stays_on_its_process(world: World) -> None:
    ann, bob = await world.near.connect("ann"), await world.far.connect("bob")
    await of("/check").local.aemit("said", "near")
    assert await ann.said() == ["near"]
    assert await bob.said() == (["near"] if world.is_one else [])


async def test_a_users_sockets_hear_what_is_for_them(world: World) -> None:
    near = await world.near.connect("a", user=7)
    far = await world.far.connect("b", user=7)
    other = await world.far.connect("c", user=8)
    await of("/check").user(User(pk=7)).aemit("said", 1)
    await of("/check").user(7).except_(near.sid).aemit("said", 2)
    await of("/check").user(7, 8).volatile.aemit("said", 3)
    assert await near.said() == [1, 3]
    assert await far.said() == [1, 2, 3]
    assert await other.said() == [3]
    assert len(await of("/check").user(7).afetch_sockets()) == 2


async def test_servers_talk_among_themselves(world: World) -> None:
    bob = await world.far.connect("bob")
    answers = await of("/check").aserver_side_call("sync", 1, {"a": None}, timeout_s=5)
    assert answers.is_complete
    await of("/check").aserver_side_emit("told")
    if world.is_one:
        assert (answers.responses, Chooser.told) == ([], [])
    else:
        assert answers.responses == [["/check", "sync", 1, {"a": None}]]
        assert Chooser.told == [("sync", (1, {"a": None})), ("told", ())]
    assert await bob.said() == []


async def test_another_servers_fault_is_told_of(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    answers = await of("/check").aserver_side_call("fail", timeout_s=1)
    assert answers.responses == []
    assert answers.is_complete is world.is_one
    assert ("request failed" in caplog.text) is not world.is_one


@pytest.mark.parametrize(
    "act",
    [
        lambda: of("/check").afetch_sockets(),
        lambda: of("/check").in_("one").asockets_join("two"),
        lambda: of("/check").in_("one").adisconnect_sockets(),
        lambda: of("/check").aserver_side_emit("hello"),
    ],
)
async def test_a_process_that_does_not_answer_is_told_of(
    act: Callable[[], Awaitable[object]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with scattering(ROUTES) as scattered:
        ids = {process.id for process in await scattered.processes()}
        await act()
        assert "not every process answered" not in caplog.text
        monkeypatch.setattr(remote, "REQUEST_TIMEOUT_S", 0.05)
        scattered.layer.fault = "loses"
        await act()
        scattered.layer.fault = ""
    (record,) = [each for each in caplog.records if each.msg == "not every process answered"]
    assert {vars(record)["missing"]} < ids


async def test_a_room_is_asked_by_several_at_once(world: World) -> None:
    people = [await site.connect(str(index)) for index, site in enumerate([world.near, world.far])]
    for person in people:
        await person.call("join", "room")
    askers = [await world.near.connect("x"), await world.far.connect("y")]
    asking = [asyncio.create_task(asker.call("ask-room", "room", 4_000)) for asker in askers]
    for person in people:
        for _ in askers:
            await person.answer(1)
    assert [await each for each in asking] == [["all", [1, 1]]] * 2


async def test_synchronous_code_does_the_same() -> None:
    async with Site().serve(apart=False) as site:
        bob = await site.connect("bob")

        def act() -> None:
            (him,) = of("/check").fetch_sockets()
            assert him.id == bob.sid
            of("/check").sockets_join("a", "b")
            of("/check").in_("a").sockets_leave("b")
            assert of("/check").fetch_sockets()[0].rooms == {"a"}
            assert of("/check").call("question", timeout_s=4).responses == ["yes"]
            of("/check").server_side_emit("nobody else")
            of("/check").disconnect_sockets()
            assert of("/check").fetch_sockets() == []

        acting = asyncio.create_task(asyncio.to_thread(act))
        await bob.answer("yes")
        assert await bob.client.ended() == (None, None)
        await acting
        with pytest.raises(UsageError, match="afetch_sockets"):
            of("/check").fetch_sockets()


async def test_a_process_without_sockets_and_without_redis_reaches_nobody() -> None:
    alone = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    with (
        override_settings(CHANNEL_LAYERS={"default": alone}),
        pytest.raises(UsageError, match="REDIS_URL"),
    ):
        await of("/check").afetch_sockets()


@pytest.mark.redis
async def test_a_process_without_sockets_reaches_those_that_have_some() -> None:
    redis = {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [services.REDIS_URL], "prefix": f"test-{secrets.token_hex(6)}"},
    }
    with override_settings(CHANNEL_LAYERS={"default": redis}):
        async with Site().serve(apart=True) as far:
            bob = await far.connect("bob")
            (him,) = await of("/check").afetch_sockets()
            assert him.id == bob.sid
            await of("/check").asockets_join("room")
            assert await bob.call("rooms") == sorted(["room", bob.sid])


@pytest.mark.parametrize("wrong", ["check", ""])
def test_a_namespace_starts_with_a_slash(wrong: str) -> None:
    with pytest.raises(UsageError, match="slash"):
        of(wrong)
