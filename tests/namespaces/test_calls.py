from typing import Any

import pytest

from realtime.exceptions import AckTimeout
from realtime.server import RealtimeApplication
from tests.helpers.clock import MovedClock
from tests.helpers.door_clients import Answered, DoorClient, connected
from tests.helpers.waiting import turns, until
from tests.namespaces.lab import Lab


async def asked(client: DoorClient, *, timeout_s: float = 60) -> tuple[int, int]:
    """Have the server ask; return the id of our event and of its question."""
    ours = client.ask("ask me", timeout_s)
    question = await client.heard()
    assert (question.event, question.args) == ("question", [1])
    assert question.ack_id is not None
    return ours, question.ack_id


@pytest.mark.parametrize(
    ("answer", "value"), [([], None), (["a"], "a"), ([None], None), (["a", 2], ["a", 2])]
)
async def test_the_clients_answer_is_what_call_returns(
    application: RealtimeApplication, door: str, answer: list[Any], value: Any
) -> None:
    async with connected(application, door, "/lab") as client:
        ours, theirs = await asked(client)
        client.answer(theirs, *answer)
        assert await client.next() == Answered(ours, [["answer", value]])


async def test_a_client_that_does_not_answer_times_out(
    application: RealtimeApplication, door: str
) -> None:
    clock = MovedClock()
    async with connected(application, door, "/lab") as client:
        ours, theirs = await asked(client, timeout_s=5)
        await clock.advance(5.5)
        assert await client.next() == Answered(
            ours, [["timeout", "no answer to 'question' within 5 s"]]
        )
        client.answer(theirs, "late")
        assert await client.call("one") == [{"ok": True}]


async def test_forged_and_doubled_answers_are_ignored(
    application: RealtimeApplication, door: str
) -> None:
    async with (
        connected(application, door, "/lab") as client,
        connected(application, door, "/lab") as stranger,
    ):
        ours, theirs = await asked(client)
        client.answer(theirs + 1, "forged")
        stranger.answer(theirs, "stranger")
        await stranger.call("one")
        client.answer(theirs, "first")
        client.answer(theirs, "second")
        assert await client.next() == Answered(ours, [["answer", "first"]])
        assert await client.call("one") == [{"ok": True}]


async def test_the_oldest_call_fails_when_too_many_wait(
    application: RealtimeApplication,
) -> None:
    async with connected(application, "plain", "/free") as client:
        consumer = Lab.live[client.sid]
        results: list[str] = []

        async def ask(name: str) -> None:
            try:
                results.append(f"{name} {await consumer.call('question', name)}")
            except AckTimeout as error:
                results.append(f"{name} {error}")

        process = await application.lifecycle.process()
        for name in "abc":
            process.spawn(ask(name), name="ask")
            await turns()
        questions = [await client.heard() for _ in range(3)]
        assert results == ["a too many events wait for an answer"]
        for question in questions[1:]:
            assert question.ack_id is not None
            client.answer(question.ack_id, "yes")
        await until(lambda: len(results) == 3)
        assert results[1:] == ["b yes", "c yes"]
        assert len(consumer.socket._acks) == 0


async def test_calls_fail_when_the_client_leaves(application: RealtimeApplication) -> None:
    async with connected(application, "plain", "/lab") as client:
        consumer = Lab.live[client.sid]
        process = await application.lifecycle.process()
        errors: list[str] = []

        async def ask() -> None:
            with pytest.raises(AckTimeout) as error:
                await consumer.call("question")
            errors.append(str(error.value))

        process.spawn(ask(), name="ask")
        await client.heard()
    await until(lambda: errors)
    assert errors == ["the client left before it answered"]
    with pytest.raises(AckTimeout):
        await consumer.call("question")
