"""Room passwords are hashed in a pool of their own."""

import asyncio
import os
import sys
import threading

import pytest
from django.contrib.auth.hashers import make_password

from realtime.exceptions import Refused
from rooms import passwords
from rooms.passwords import PasswordPool, is_right


def test_a_password_is_right_or_wrong_and_nothing_matches_no_password() -> None:
    encoded = make_password("sesame")
    assert is_right("sesame", encoded)
    assert not is_right("Sesame", encoded)
    assert not is_right("", "")
    assert not is_right("sesame", "")


async def test_a_full_queue_is_busy_and_frees_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    may_go_on = threading.Event()

    def wait_and_agree(_password: str, _encoded: str) -> bool:
        return may_go_on.wait(5)

    monkeypatch.setattr(passwords, "is_right", wait_and_agree)
    pool = PasswordPool(threads=1, queue=1)
    async with asyncio.timeout(5):
        waiting = [asyncio.create_task(pool.check("a", "b")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Refused) as refusal:
            await pool.check("a", "b")
        assert refusal.value.code == "busy"
        may_go_on.set()
        assert await asyncio.gather(*waiting) == [True, True]
        assert await pool.check("a", "b")


async def test_the_loop_goes_on_while_a_password_is_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    loop_went_on = threading.Event()

    def wait_for_the_loop(_password: str, _encoded: str) -> bool:
        return loop_went_on.wait(5)

    monkeypatch.setattr(passwords, "is_right", wait_for_the_loop)
    checking = asyncio.create_task(PasswordPool().check("a", "b"))
    await asyncio.sleep(0)
    loop_went_on.set()
    assert await checking


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere niceness is the whole process's")
async def test_a_thread_that_hashes_gives_way_to_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    monkeypatch.setattr(passwords, "is_right", lambda _password, _encoded: niceness())
    own = niceness()
    assert await PasswordPool().check("a", "b") == min(own + 10, 19)
    assert niceness() == own
