"""What the sockets of a test see of its database, and the test of theirs."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import TestCase, TransactionTestCase, override_settings

from realtime.exceptions import Refused, UsageError
from realtime.namespaces.broadcast import of
from realtime.namespaces.database import in_database
from realtime.namespaces.running import serving_process
from realtime.testing import WaitFailed, connect, connect_sync, serving_sync
from realtime.testing.client import Client
from tests.testing.arena import Lobby, add_group, application

enter = partial(connect, "/lobby", application=application)
enter_sync = partial(connect_sync, "/lobby", application=application)
Connect = Callable[..., AbstractAsyncContextManager[Client]]


def make_user(name: str = "alice") -> Any:
    return get_user_model().objects.create_user(name, password="secret")


class SynchronousClaims:
    """What holds in a synchronous test, inside of a transaction or not."""

    def test_a_socket_sees_what_the_test_stored(self) -> None:
        Group.objects.create(name="players")
        with enter_sync() as socket:
            assert socket.call("groups") == ["players"]
            assert socket.call("groups in a thread") == ["players"]
            Group.objects.create(name="referees")
            assert socket.call("groups") == ["players", "referees"]

    def test_the_test_sees_what_a_socket_stored_and_its_hooks_run(self) -> None:
        with enter_sync() as socket:
            socket.call("add group", "players")
            assert Group.objects.filter(name="players").exists()
            assert socket.receive("group added") == "players"
            socket.expect_nothing("group added")

    def test_a_user_is_signed_in(self) -> None:
        alice = make_user()
        for door in ("socket.io", "plain"):
            with enter_sync(user=alice, door=door) as socket:
                assert socket.receive("welcome") == "Hello, alice!"
                assert socket.call("who")["user"] == str(alice.pk)

    def test_a_browsers_cookies_sign_in(self) -> None:
        self.client.force_login(make_user())  # type: ignore[attr-defined]
        cookies = self.client.cookies  # type: ignore[attr-defined]
        with enter_sync(cookies=cookies, transport="polling") as socket:
            assert socket.receive("welcome") == "Hello, alice!"

    def test_a_handler_may_wait_for_the_loop(self) -> None:
        with enter_sync() as socket, enter_sync():
            assert socket.call("count us") == 2

    def test_the_test_may_wait_for_sockets_that_use_the_database(self) -> None:
        with enter_sync() as socket:

            async def count() -> int:
                return await in_database(Group.objects.count)

            socket.on_call("question", count)
            assert of("/lobby").call("question", timeout_s=5).responses == [0]

    def test_a_refusal_and_a_deadline_are_raised(self) -> None:
        with enter_sync(deadline_s=0.5) as socket:
            with pytest.raises(Refused, match="Not here"):
                socket.call("refuse")
            with pytest.raises(WaitFailed, match="waited for the event 'moved'"):
                socket.receive("moved")
        with pytest.raises(Refused, match="Not you"), enter_sync(auth={"refuse": "banned"}):
            pytest.fail("it was let in")

    def test_clients_meet_and_leave(self) -> None:
        with enter_sync() as alice, enter_sync(door="plain") as bob:
            alice.call("join", "csgo")
            bob.emit("move", {"room": "csgo", "to": "e4"})
            assert alice.receive("moved")[0] == {"room": "csgo", "to": "e4"}
            with alice.connect("/quiet") as quiet:
                assert quiet.call("echo", 1) == 1
            bob.drop()
            assert bob.disconnected() == "transport close"
            assert len(Lobby.gone) == 1
            assert [heard.event for heard in alice.heard()] == ["welcome"]
        assert len(Lobby.gone) == 2
        assert serving_process() is None

    def test_an_application_can_be_kept(self) -> None:
        with serving_sync(application):
            process = serving_process()
            assert process is not None
            with enter_sync():
                assert serving_process() is process
            assert serving_process() is process
        assert serving_process() is None


class TestInATransaction(SynchronousClaims, TestCase):
    def test_what_the_test_leaves_to_the_commit_waits_for_it(self) -> None:
        with enter_sync() as socket:
            add_group("players")
            socket.expect_nothing("group added")
            with self.captureOnCommitCallbacks(execute=True):
                add_group("referees")
            assert socket.receive("group added") == "referees"

    def test_it_is_in_one(self) -> None:
        assert connection.in_atomic_block
        with enter_sync() as socket:
            socket.call("add group", "players")
        assert connection.in_atomic_block


class TestWithCommits(SynchronousClaims, TransactionTestCase):
    def test_what_is_emitted_leaves_on_commit(self) -> None:
        with enter_sync() as socket:
            with transaction.atomic():
                of("/lobby").emit("said", 1)
                socket.expect_nothing("said")
            assert socket.receive("said") == 1


class AsynchronousClaims:
    """What holds in an asynchronous test of Django's own classes."""

    async def test_a_socket_sees_what_the_test_stored(self) -> None:
        await Group.objects.acreate(name="players")
        async with enter() as socket:
            assert await socket.call("groups") == ["players"]
            assert await socket.call("groups in a thread") == ["players"]
            await socket.call("add group", "referees")
            assert await socket.receive("group added") == "referees"
            assert await Group.objects.filter(name="referees").aexists()
            assert await socket.call("count us") == 1

    async def test_a_view_that_the_test_asks_sees_it_too(self) -> None:
        response = await self.async_client.get("/accounts/login/")  # type: ignore[attr-defined]
        assert response.status_code == 200


class TestAsyncInATransaction(AsynchronousClaims, TestCase):
    pass


class TestAsyncWithCommits(AsynchronousClaims, TransactionTestCase):
    pass


@pytest.fixture
def players() -> Group:
    return Group.objects.create(name="players")


@pytest.mark.django_db
async def test_a_coroutine_of_pytest_shares_what_its_fixtures_stored(players: Group) -> None:
    async with enter() as socket:
        assert await socket.call("groups") == [players.name]
        await socket.call("add group", "referees")
        assert await socket.receive("group added") == "referees"
        # The test's own queries, too, while somebody is connected.
        assert await Group.objects.acount() == 2


@pytest.mark.django_db
@pytest.mark.parametrize("turn", [1, 2])
async def test_nothing_is_left_in_the_database(realtime_connect: Connect, turn: int) -> None:
    assert await Group.objects.acount() == 0
    await Group.objects.acreate(name=f"turn {turn}")
    async with realtime_connect("/lobby", application=application) as socket:
        assert await socket.call("groups") == [f"turn {turn}"]
    assert await Group.objects.acount() == 1


@pytest.mark.django_db(transaction=True)
async def test_a_coroutine_may_commit(realtime_connect: Connect) -> None:
    user = await get_user_model().objects.acreate(username="bob")
    async with realtime_connect("/lobby", user=user, application=application) as socket:
        assert await socket.receive("welcome") == "Hello, bob!"
        await socket.call("add group", "players")
        assert await socket.receive("group added") == "players"


@pytest.mark.django_db
def test_the_fixture_gives_a_synchronous_test_its_own(
    realtime_connect: Callable[..., Any], players: Group
) -> None:
    with realtime_connect("/lobby", application=application) as socket:
        assert socket.call("groups") == [players.name]


@pytest.mark.django_db
def test_without_tickets_a_user_comes_with_a_session() -> None:
    authenticators = ["realtime.namespaces.authenticators.django_session"]
    with (
        override_settings(REALTIME={"AUTHENTICATORS": authenticators}),
        enter_sync(user=make_user()) as socket,
    ):
        assert socket.receive("welcome") == "Hello, alice!"


@pytest.mark.django_db
def test_a_failing_unit_leaves_no_hooks(players: Group) -> None:
    with enter_sync() as socket:
        with pytest.raises(Refused) as refused:
            socket.call("add group", players.name)
        assert refused.value.code == "internal"
        socket.expect_nothing("group added")


async def test_a_coroutine_is_told_to_use_the_other_one() -> None:
    with pytest.raises(UsageError, match="async with connect"), enter_sync():
        pytest.fail("it was let in")
