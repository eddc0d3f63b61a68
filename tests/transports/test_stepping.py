import asyncio
from types import TracebackType

import pytest

from realtime.transports.stepping import Suspended, step


async def at_once(log: list[str]) -> None:
    log.append("done")


async def waiting(future: "asyncio.Future[str]", log: list[str]) -> None:
    log.append("started")
    log.append(await future)
    await asyncio.sleep(0)
    log.append("done")


async def failing() -> None:
    raise OSError("gone")


async def test_a_call_that_does_not_wait_is_done_in_one_step() -> None:
    log: list[str] = []
    assert step(at_once(log)) is None
    assert log == ["done"]


async def test_a_call_that_waits_is_driven_on_to_its_end() -> None:
    log: list[str] = []
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    left = step(waiting(future, log))
    assert isinstance(left, Suspended)
    assert log == ["started"]
    future.set_result("result")
    await left
    assert log == ["started", "result", "done"]


async def test_what_a_call_raises_is_raised() -> None:
    with pytest.raises(OSError, match="gone"):
        step(failing())
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    left = step(waiting(future, []))
    future.set_exception(OSError("later"))
    assert left is not None
    with pytest.raises(OSError, match="later"):
        await left


async def test_cancelling_reaches_the_call() -> None:
    seen: list[type[BaseException] | None] = []

    class Watch:
        def __enter__(self) -> None:
            pass

        def __exit__(
            self,
            kind: type[BaseException] | None,
            error: BaseException | None,
            traceback: TracebackType | None,
        ) -> None:
            seen.append(kind)

    async def call() -> None:
        with Watch():
            await asyncio.get_running_loop().create_future()

    async def drive(left: Suspended) -> None:
        await left

    left = step(call())
    assert isinstance(left, Suspended)
    task = asyncio.create_task(drive(left))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == [asyncio.CancelledError]


async def test_a_future_comes_back_as_it_is_unless_it_is_done() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    assert step(future) is future
    future.set_result(None)
    assert step(future) is None


async def test_a_call_that_is_given_up_is_closed() -> None:
    log: list[str] = []
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    left = step(waiting(future, log))
    assert isinstance(left, Suspended)
    left.close()
    assert log == ["started"]
