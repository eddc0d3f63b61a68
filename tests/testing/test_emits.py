"""What ``captured_emits`` lists."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, TestCase, TransactionTestCase, override_settings
from django.urls import path

from project.urls import urlpatterns as project_urls
from realtime.exceptions import UsageError
from realtime.namespaces.broadcast import of
from realtime.testing import Emit, captured_emits, connect, connect_sync
from tests.testing.arena import Move, add_group, application

Capture = Callable[[], Any]
enter_sync = partial(connect_sync, "/lobby", application=application)
enter = partial(connect, "/lobby", application=application)


def add(_request: HttpRequest, name: str) -> HttpResponse:
    """Store a group, in a transaction."""
    of("/lobby").emit("adding")
    add_group(name)
    return HttpResponse()


async def add_later(_request: HttpRequest, name: str) -> HttpResponse:
    """Emit from a coroutine."""
    await of("/lobby").aemit("adding", name)
    return HttpResponse()


urlpatterns = [
    path("add/<str:name>", add),
    path("later/<str:name>", add_later),
    # The project's middleware and templates name its own pages.
    *project_urls,
]
ADDED = [Emit("/lobby", "adding"), Emit("/lobby", "group added", ("players",))]


def test_it_lists_to_whom_and_what(captured_emits: Capture) -> None:
    bob = get_user_model()(pk=7)
    with captured_emits() as emits:
        of("/lobby").in_("csgo", "bt1").except_("vip").volatile.emit("moved", Move("csgo", "e4"))
        of("/lobby").user(bob).local.emit("file", b"\x00", {"deep": [b"\x01"]})
    assert emits == [
        Emit(
            "/lobby",
            "moved",
            ({"room": "csgo", "to": "e4"},),
            rooms=("csgo", "bt1"),
            excepted=("vip",),
            volatile=True,
        ),
        Emit("/lobby", "file", (b"\x00", {"deep": [b"\x01"]}), users=("7",), local=True),
    ]


@override_settings(CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}})
def test_without_it_a_process_without_sockets_is_told_of_the_layer() -> None:
    with captured_emits():
        of("/lobby").emit("said")
    with pytest.raises(UsageError, match="REDIS_URL"):
        of("/lobby").emit("said")


def test_what_cannot_be_said_is_refused_as_ever() -> None:
    with captured_emits() as emits, pytest.raises(UsageError, match="reserved"):
        of("/lobby").emit("connect")
    assert emits == []


@override_settings(ROOT_URLCONF=__name__)
class TestInATransaction(TestCase):
    def test_hooks_run_at_the_end_of_the_block(self) -> None:
        with captured_emits() as emits:
            self.client.get("/add/players")
            assert emits == []
        assert emits == ADDED

    def test_a_hook_runs_once(self) -> None:
        with captured_emits() as outer:
            with captured_emits() as inner:
                add_group("players")
            add_group("referees")
        assert [emit.args for emit in inner] == [("players",)]
        assert [emit.args for emit in outer] == [("players",), ("referees",)]

    def test_hooks_from_before_are_not_its_own(self) -> None:
        add_group("players")
        with captured_emits() as emits:
            pass
        assert emits == []

    def test_what_is_rolled_back_never_leaves(self) -> None:
        with captured_emits() as emits, transaction.atomic():
            add_group("players")
            transaction.set_rollback(True)
        assert emits == []

    def test_a_block_that_fails_runs_no_hooks(self) -> None:
        capture = captured_emits()
        emits = capture.__enter__()
        add_group("players")
        capture.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
        assert emits == []

    def test_connected_sockets_hear_it_too(self) -> None:
        with enter_sync() as socket:
            with captured_emits() as emits:
                self.client.get("/add/players")
            assert emits == ADDED
            assert socket.receive("group added") == "players"

    def test_what_a_handler_causes_is_listed(self) -> None:
        with enter_sync() as socket, captured_emits() as emits:
            socket.call("add group", "players")
        assert emits == ADDED[1:]

    async def test_coroutines_write_async_with(self) -> None:
        with pytest.raises(UsageError, match="async with captured_emits"), captured_emits():
            pytest.fail("it began")
        async with captured_emits() as emits:
            await self.async_client.get("/add/players")
            await self.async_client.get("/later/bob")
        assert emits == [Emit("/lobby", "adding", ("bob",)), *ADDED]


@override_settings(ROOT_URLCONF=__name__)
class TestWithCommits(TransactionTestCase):
    def test_what_is_committed_is_listed_at_once(self) -> None:
        with captured_emits() as emits:
            self.client.get("/add/players")
            assert emits == ADDED


@pytest.mark.django_db
def test_a_view_under_pytest(captured_emits: Capture, client: Client, settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    with captured_emits() as emits:
        client.get("/add/players")
    assert emits == ADDED


@pytest.mark.django_db
async def test_a_view_asked_by_a_coroutine_of_pytest(
    captured_emits: Capture, realtime_connect: Any, async_client: AsyncClient, settings: Any
) -> None:
    settings.ROOT_URLCONF = __name__
    async with captured_emits() as emits:
        await async_client.get("/add/players")
        async with realtime_connect("/lobby", application=application) as socket:
            assert await socket.call("groups") == ["players"]
    assert emits == ADDED
    assert await Group.objects.acount() == 1
