import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.utils.translation import gettext_lazy, override
from pytest_django import Settings

from realtime.exceptions import UsageError
from realtime.namespaces.broadcast import of
from realtime.namespaces.running import serving_process
from realtime.namespaces.tickets import issue_ticket
from realtime.server import RealtimeApplication
from tests.helpers.door_clients import DoorClient, Heard, connected
from tests.helpers.serving import serving
from tests.helpers.shared_layer import SharedLayer
from tests.namespaces.lab import ROUTES, Lab


async def heard_by(*clients: DoorClient) -> list[list[Any]]:
    """Return what each client has heard by now; a barrier proves that nothing else comes."""
    collected = []
    for client in clients:
        client.emit("back", "barrier")
        mine: list[Any] = []
        while (heard := await client.heard()) != Heard("back", ["barrier"]):
            assert heard.event == "said"
            mine.append(*heard.args)
        collected.append(mine)
    return collected


async def test_each_selection_reaches_those_it_names(
    application: RealtimeApplication, door: str
) -> None:
    async with (
        connected(application, door, "/lab") as a,
        connected(application, "socket.io", "/lab") as b,
        connected(application, "plain", "/lab") as c,
        connected(application, door, "/") as elsewhere,
    ):
        for client, rooms in ((a, ["one", "two"]), (b, ["one"]), (c, ["two"])):
            for room in rooms:
                await client.call("join", room)
        await elsewhere.call("join", "one")
        expected: list[tuple[dict[str, Any], str]] = [
            ({}, "bc"),
            ({"to": "one"}, "b"),
            ({"in": "one"}, "ab"),
            ({"to": ["one", "two"]}, "bc"),
            ({"in": ["one", "two"]}, "abc"),
            ({"in": "one", "except": "two"}, "b"),
            ({"in": ["one", "two"], "except": b.sid}, "ac"),
            ({"in": "one", "except": ["one"]}, ""),
            ({"except": "two"}, "b"),
            ({"to": c.sid}, "c"),
            ({"in": a.sid}, "a"),
            ({"to": a.sid}, ""),
            ({"to": [b.sid, "two"]}, "bc"),
            ({"in": "nobody here"}, ""),
            ({"to": "one", "volatile": True}, "b"),
        ]
        for how, receivers in expected:
            await a.call("say", how | {"text": "x"})
            heard = await heard_by(a, b, c, elsewhere)
            assert heard == [["x"] * (name in receivers) for name in "abc"] + [[]], how


async def test_a_room_named_like_a_socket_does_not_take_what_is_for_it(
    application: RealtimeApplication,
) -> None:
    async with (
        connected(application, "plain", "/lab") as sender,
        connected(application, "plain", "/lab") as victim,
        connected(application, "plain", "/lab") as thief,
    ):
        await thief.call("join", victim.sid)
        await sender.call("say", {"to": victim.sid, "text": "for the victim"})
        (heard,) = await heard_by(victim)
        assert heard == ["for the victim"]


async def test_who_left_hears_nothing_more(application: RealtimeApplication, door: str) -> None:
    async with (
        connected(application, door, "/lab") as a,
        connected(application, door, "/lab") as b,
    ):
        assert await b.call("join", "one") == [["one"]]
        assert await b.call("join", "one") == [["one"]]
        await a.call("say", {"to": "one", "text": 1})
        assert await b.call("leave", "one") == [[]]
        assert await b.call("leave", "one") == [[]]
        await a.call("say", {"to": "one", "text": 2})
        assert await heard_by(b) == [[1]]


async def test_operators_are_values_that_can_be_used_again() -> None:
    base = of("/lab").in_("one")
    assert base.to("two").rooms == ("one", "two")
    assert base.except_("x", ["y"]).excepted == ("x", "y")
    assert base.volatile.is_volatile
    assert base.local.is_local
    assert base.user(7, "7", 8).users == ("7", "8")
    assert (base.rooms, base.excepted, base.users, base.is_volatile) == (("one",), (), (), False)
    assert base.in_("one", ["one", "three"]).rooms == ("one", "three")


def test_a_namespace_is_written_with_its_slash() -> None:
    with pytest.raises(UsageError, match='of\\("/games"\\)'):
        of("games")


async def test_aemit_reaches_the_sockets_of_this_loop(
    application: RealtimeApplication, door: str
) -> None:
    async with connected(application, door, "/lab") as client:
        await client.call("join", "one")
        await of("/lab").in_("one").aemit("said", 1)
        await of("/lab").aemit("said", 2)
        await of("/lab").in_(client.sid).aemit("said", 3)
        await of("/lab").except_(client.sid).aemit("said", 4)
        await of("/").aemit("said", 5)
        assert await heard_by(client) == [[1, 2, 3]]


async def test_a_thread_may_emit_without_opening_a_database_connection(
    application: RealtimeApplication,
) -> None:
    async with connected(application, "plain", "/lab") as client:
        await asyncio.to_thread(of("/lab").emit, "said", "from a thread")
        assert await client.heard() == Heard("said", ["from a thread"])


@pytest.mark.parametrize("name", ["disconnect", "connect", "newListener"])
async def test_reserved_names_are_never_sent(application: RealtimeApplication, name: str) -> None:
    with pytest.raises(UsageError, match="reserved"):
        await of("/lab").aemit(name)


@pytest.mark.parametrize("name", [7, None, ("said",)])
async def test_a_name_that_is_no_text_is_never_sent(
    application: RealtimeApplication, name: Any
) -> None:
    with pytest.raises(UsageError, match="name is a text"):
        await of("/lab").aemit(name)


async def test_what_json_cannot_say_is_refused_at_the_call(
    application: RealtimeApplication,
) -> None:
    with pytest.raises(UsageError, match="not JSON"):
        await of("/lab").aemit("said", object())


async def test_emit_in_a_running_loop_names_aemit(application: RealtimeApplication) -> None:
    with pytest.raises(UsageError, match="aemit"):
        of("/lab").emit("said")


async def test_lazy_translations_are_text_in_the_language_of_the_moment(
    application: RealtimeApplication, door: str
) -> None:
    async with connected(application, door, "/lab") as client:
        with override("de"):
            await of("/lab").aemit("said", {"title": gettext_lazy("Yes"), "data": b"\x01"})
        heard = await client.heard()
        assert heard.args[0]["title"] == "Ja"


def in_a_thread(work: Callable[[], None]) -> "asyncio.Future[None]":
    return asyncio.get_running_loop().run_in_executor(None, work)


@pytest.mark.django_db(transaction=True)
async def test_inside_a_transaction_an_event_leaves_on_commit(
    application: RealtimeApplication, door: str
) -> None:
    loop = asyncio.get_running_loop()
    async with connected(application, door, "/lab") as client:

        def barrier() -> list[Any]:
            return asyncio.run_coroutine_threadsafe(heard_by(client), loop).result(5)[0]

        def work() -> None:
            with transaction.atomic():
                of("/lab").emit("said", "committed")
                assert barrier() == []
            assert barrier() == ["committed"]

        await in_a_thread(_closing(work))


@pytest.mark.django_db(transaction=True)
async def test_what_is_rolled_back_was_never_sent(application: RealtimeApplication) -> None:
    async with connected(application, "plain", "/lab") as client:

        def work() -> None:
            with transaction.atomic():
                of("/lab").emit("said", "rolled back")
                transaction.set_rollback(True)
            with transaction.atomic():
                of("/lab").emit("said", "outer")
                with transaction.atomic():
                    of("/lab").emit("said", "inner")
                    transaction.set_rollback(True)

        await in_a_thread(_closing(work))
        assert await heard_by(client) == [["outer"]]


def _closing(work: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    return run


@pytest.mark.django_db(transaction=True)
async def test_user_reaches_every_socket_of_that_user(application: RealtimeApplication) -> None:
    users = get_user_model().objects
    alice = await users.acreate(username="alice")
    bob = await users.acreate(username="bob")
    async with (
        connected(application, "plain", "/lab", query=f"ticket={issue_ticket(alice)}") as a,
        connected(application, "socket.io", "/lab", auth={"ticket": issue_ticket(alice)}) as a2,
        connected(application, "plain", "/lab", query=f"ticket={issue_ticket(bob)}") as b,
        connected(application, "plain", "/lab") as guest,
    ):
        await of("/lab").user(alice).aemit("said", 1)
        await of("/lab").user(alice, bob).except_(a.sid).aemit("said", 2)
        await of("/lab").user(Lab.live[b.sid].identity).aemit("said", 3)
        await of("/lab").user(str(alice.pk)).aemit("said", 4)
        assert await heard_by(a, a2, b, guest) == [[1, 4], [1, 2, 4], [2, 3], []]
        with pytest.raises(UsageError, match="guest"):
            of("/lab").user(Lab.live[guest.sid].identity)


def test_a_process_without_sockets_names_the_missing_layer() -> None:
    assert serving_process() is None
    with pytest.raises(UsageError, match="REDIS_URL"):
        of("/lab").emit("said")


def test_what_is_for_this_process_alone_never_leaves_one_without_sockets(
    settings: Settings,
) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "tests.helpers.shared_layer.SharedLayer"}}
    layer = get_channel_layer()
    assert isinstance(layer, SharedLayer)
    of("/lab").local.emit("said")
    assert layer.sent == 0
    of("/lab").emit("said")
    assert layer.sent == 1


async def test_a_process_that_has_stopped_serves_no_sockets() -> None:
    async with serving(ROUTES):
        assert serving_process() is not None
    with pytest.raises(UsageError, match="REDIS_URL"):
        await of("/lab").aemit("said")


async def test_volatile_events_miss_a_socket_that_does_not_keep_up(
    application: RealtimeApplication, door: str
) -> None:
    async with connected(application, door, "/lab") as client:
        client.socket.pause()
        await of("/lab").aemit("said", 0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await of("/lab").volatile.aemit("said", "dropped")
        await of("/lab").aemit("said", 1)
        client.socket.resume()
        assert await heard_by(client) == [[0, 1]]
