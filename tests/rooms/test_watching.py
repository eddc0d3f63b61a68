"""Whoever waits for a version waits for no more looks than it takes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from realtime.exceptions import Refused
from rooms.watching import Watch
from tests.helpers.waiting import turns, until

pytestmark = pytest.mark.django_db(transaction=True)


class Held(Watch):
    """A watch whose looks, once they have read the versions, wait for the test."""

    def __init__(self) -> None:
        super().__init__({}, lambda _: None, recheck_s=60)
        self.looks = 0
        self.failures = 0
        self.may_go_on = asyncio.Event()

    async def _settle(self, owed: set[str], *, may_remember: bool) -> dict[str, int]:
        self.looks += 1
        await self.may_go_on.wait()
        if self.failures:
            self.failures -= 1
            raise OSError("no database")
        return await super()._settle(owed, may_remember=may_remember)


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    now = {"/games": 1}
    monkeypatch.setattr("rooms.watching.read_versions", lambda: dict(now))
    monkeypatch.setattr("rooms.watching.LOOK_EVERY_S", 3_600.0)
    return now


@pytest.fixture
async def watch(versions: dict[str, int]) -> AsyncIterator[Held]:
    """A watch that has begun to look at the second version and waits."""
    held = Held()
    await held.start()
    versions["/games"] = 2
    held.wake()
    await until(lambda: held.looks == 1)
    yield held
    held.may_go_on.set()
    await held.stop()


async def test_a_look_that_is_under_way_is_enough(watch: Held) -> None:
    waiting = asyncio.create_task(watch.catch_up("/games", 2))
    await turns()
    assert not waiting.done()
    watch.may_go_on.set()
    await waiting
    assert watch.looks == 1
    await watch.catch_up("/games", 2)
    assert watch.looks == 1


async def test_a_look_that_began_too_early_is_followed_by_another(
    watch: Held, versions: dict[str, int]
) -> None:
    versions["/games"] = 3
    waiting = asyncio.create_task(watch.catch_up("/games", 3))
    await turns()
    watch.may_go_on.set()
    await waiting
    assert watch.looks == 2


async def test_a_look_that_fails_fails_nobody_who_came_after_it_began(watch: Held) -> None:
    watch.failures = 1
    waiting = asyncio.create_task(watch.catch_up("/games", 2))
    await turns()
    watch.may_go_on.set()
    await waiting
    assert watch.looks == 2


async def test_whoever_waits_as_the_process_ends_is_told(watch: Held) -> None:
    waiting = asyncio.create_task(watch.catch_up("/games", 2))
    await turns()
    await watch.stop()
    with pytest.raises(Refused, match="busy"):
        await waiting
    with pytest.raises(Refused):
        await watch.catch_up("/games", 2)
