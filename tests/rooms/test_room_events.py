"""The room events of DESIGN section 6, through the plain door of a served application."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from realtime.conf import Limits, forget_options
from realtime.exceptions import Refused
from realtime.namespaces.broadcast import of
from realtime.namespaces.database import Batcher, in_database
from rooms.consumers import RoomNamespace
from rooms.joining import JoinRequest
from rooms.models import Connection, DecisionRecord, Message, Namespace, Process, Room, Seat
from rooms.policy_values import NamespacePolicy, Policy
from rooms.sending import Draft, store_draft
from rooms.services import apost_message
from tests.rooms.people import fill, join, make_guest, make_namespace, make_process, make_room
from tests.rooms.sockets import Client, eventually, serving

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _registry() -> Iterator[None]:
    """The rooms that most tests meet."""
    namespace = make_namespace(title="Games", welcome="This is the Gaming Channel!")
    make_room("csgo", namespace=namespace)
    make_room("bt1", namespace=namespace)
    yield
    forget_options()


async def test_who_connects_hears_the_welcome_alone_and_then_who_they_are() -> None:
    async with serving() as site:
        communicator = site.communicator("/ws/games/?name=Gwen")
        await communicator.connect()
        sid = (await communicator.receive_json_from())["connect"]["sid"]
        assert await communicator.receive_json_from() == {
            "event": "welcome",
            "args": ["This is the Gaming Channel!"],
        }
        identity = (await communicator.receive_json_from())["args"][0]
        assert identity["namespace"] == {"path": "/games", "title": "Games"}
        assert identity["user"]["name"] == "Gwen"
        assert identity["user"]["id"].startswith("guest:")
        assert identity["guest"]
        row = await Connection.objects.aget(pk=sid)
        assert (row.namespace, row.name, row.address) == ("/games", "Gwen", "127.0.0.1")
        await communicator.disconnect()
        await eventually(lambda: not Connection.objects.exists())


@pytest.mark.parametrize(
    ("fields", "code", "close"),
    [({"is_open": False}, "namespace_closed", 4403), ({"access": "login"}, "login_required", 4401)],
)
async def test_a_namespace_that_admits_nobody_says_why(
    fields: dict[str, Any], code: str, close: int
) -> None:
    await Namespace.objects.filter(path="/games").aupdate(**fields)
    async with serving() as site:
        communicator = site.communicator("/ws/games/")
        await communicator.connect()
        refusal = (await communicator.receive_json_from())["connect_error"]
        assert refusal["data"]["code"] == code
        assert refusal["message"]
        assert (await communicator.receive_output())["code"] == close
        assert not await Connection.objects.aexists()


async def test_a_namespace_added_while_it_runs_answers_and_others_do_not() -> None:
    async with serving() as site:
        communicator = site.communicator("/ws/news/")
        await communicator.connect()
        refusal = (await communicator.receive_json_from())["connect_error"]
        assert refusal["data"]["code"] == "unknown_namespace"
        await Namespace.objects.acreate(path="/news")
        await site.connect("/ws/news/")


async def test_the_root_answers_without_a_row_and_echoes() -> None:
    async with serving() as site:
        client = await site.connect("/ws/")
        assert await client.call("echo", {"a": [1, "😀"]}) == {"a": [1, "😀"]}
        assert await client.call("echo") is None


async def test_a_joiner_hears_success_then_new_user_and_then_the_ack() -> None:
    async with serving() as site:
        here = await site.joined()
        client = await site.connect()
        answer = await client.call("joinRoom", {"room": " csgo ", "unknown": "is ignored"})
        room = await Room.objects.aget(name="csgo")
        assert answer == {
            "ok": True,
            "room": "csgo",
            "members": 2,
            "role": None,
            "epoch": room.epoch,
            "offset": 0,
            "messages": [],
            "more": False,
            "recovered": False,
        }
        new_user = [
            "New user has been connected to the csgo Room",
            {"room": "csgo", "user": client.user, "members": 2, "sockets": 1},
        ]
        assert await client.all_heard() == [
            ("success", ["Joined Room: csgo"]),
            ("newUser", new_user),
        ]
        assert await here.all_heard() == [("newUser", new_user)]


async def test_joining_again_is_answered_and_heard_by_nobody() -> None:
    async with serving() as site:
        client, other = await site.joined(), await site.joined()
        await client.all_heard()
        await client.call("message", {"room": "csgo", "text": "hi"})
        answer = await client.call("joinRoom", {"room": "csgo", "since": 0})
        assert (answer["members"], answer["offset"], answer["recovered"]) == (2, 1, True)
        assert [name for name, _args in await client.all_heard()] == ["message"]
        assert [name for name, _args in await other.all_heard()] == ["message"]


@pytest.mark.parametrize("wants_ack", [True, False])
async def test_a_denied_join_hears_err_once_and_nobody_else_anything(wants_ack: bool) -> None:
    async with serving() as site:
        here, client = await site.joined(), await site.connect()
        # It evicts nobody, whenever the next re-check comes.
        await Room.objects.filter(name="csgo").aupdate(capacity=1)
        answer = None
        if wants_ack:
            answer = await client.call("joinRoom", "csgo")
        else:
            await client.send("joinRoom", "csgo")
        ((name, args),) = await client.all_heard()
        assert name == "err"
        assert args[0] == args[1]["message"]
        assert answer == (args[1] if wants_ack else None)
        assert (args[1]["ok"], args[1]["code"], args[1]["room"]) == (
            False,
            "room_full",
            "csgo",
        )
        assert await DecisionRecord.objects.filter(
            ref=args[1]["ref"], code=args[1]["code"]
        ).aexists()
        assert await here.all_heard() == []


async def test_a_message_is_heard_by_all_in_the_room_and_acked_as_it_was_heard() -> None:
    async with serving() as site:
        alice, bob = await site.joined(), await site.joined()
        outsider = await site.joined("bt1")
        await alice.all_heard()
        sent = {"room": "csgo", "text": " hi ", "data": {"a": [1]}, "nonce": "n1"}
        ack = await alice.call("message", sent)
        (heard,) = await bob.hear_only("message")
        assert heard == {
            "id": ack["id"],
            "room": "csgo",
            "offset": 1,
            "user": alice.user,
            "text": "hi",
            "data": {"a": [1]},
            "at": ack["at"],
            "nonce": "n1",
        }
        assert await alice.hear_only("message") == [heard]
        assert ack == {"ok": True, "id": heard["id"], "offset": 1, "at": heard["at"]}
        assert (await bob.call("history", "csgo"))["messages"] == [heard]
        assert await outsider.all_heard() == []


async def test_a_resend_is_answered_alike_and_heard_once() -> None:
    async with serving() as site:
        alice, bob = await site.joined(), await site.joined()
        await alice.all_heard()
        sent = {"room": "csgo", "text": "hi", "nonce": "n1"}
        assert await alice.call("message", sent) == await alice.call("message", sent)
        assert len(await bob.all_heard()) == 1


async def test_what_somebody_says_as_they_leave_is_heard() -> None:
    async with serving() as site:
        alice, bob = await site.joined(), await site.joined()
        await alice.send("message", {"room": "csgo", "text": "bye"})
        await alice.close()
        (said, left) = await bob.hear_only("message", "userLeft")
        assert said["text"] == "bye"
        assert left == {"room": "csgo", "user": alice.user, "members": 1, "sockets": 0}


async def test_leaving_is_heard_by_the_others_with_the_counts_that_are_left() -> None:
    async with serving() as site:
        alice, bob = await site.joined(), await site.joined()
        await alice.all_heard()
        assert await alice.call("leaveRoom", {"room": "csgo"}) == {"ok": True, "room": "csgo"}
        name, args = await bob.hear()
        assert (name, args) == (
            "userLeft",
            [
                "A user has left the csgo Room",
                {"room": "csgo", "user": alice.user, "members": 1, "sockets": 0},
            ],
        )
        await bob.call("message", {"room": "csgo", "text": "gone?"})
        assert await alice.all_heard() == []
        assert (await alice.call("joinRoom", "csgo"))["members"] == 2


async def test_tabs_of_one_guest_are_one_person_with_several_sockets() -> None:
    async with serving() as site:
        communicator = site.communicator("/ws/games/")
        await communicator.connect()
        frames = [await communicator.receive_json_from() for _ in range(3)]
        token = frames[2]["args"][0]["guest"]
        await communicator.disconnect()
        watcher = await site.joined()
        first, second = [await site.joined(where=f"/ws/games/?guest={token}") for _ in range(2)]
        counts = [
            (args[-1]["members"], args[-1]["sockets"]) for _n, args in await watcher.all_heard()
        ]
        assert counts == [(2, 1), (2, 2)]
        members = await watcher.call("members", "csgo")
        assert members["count"] == 2
        assert {"role": None, "sockets": 2, **first.user} in members["members"]
        await second.close()
        (left,) = await watcher.hear_only("userLeft")
        assert (left["members"], left["sockets"]) == (2, 1)


async def test_typing_is_heard_by_the_others_and_asks_no_database() -> None:
    async with serving() as site:
        alice, bob = await site.joined(), await site.joined()
        await alice.all_heard()
        assert await alice.call("typing", "csgo") == {"ok": True}
        assert await bob.hear_only("typing") == [{"room": "csgo", "user": alice.user}]
        assert await alice.all_heard() == []


@pytest.mark.parametrize("event", ["message", "typing", "leaveRoom", "history", "members"])
async def test_a_room_that_was_not_joined_looks_like_one_that_is_not_there(event: str) -> None:
    async with serving() as site:
        client = await site.connect()
        answers = [
            str(await client.call(event, {"room": room, "text": "x"})).replace(room, "?")
            for room in ("csgo", "nowhere")
        ]
        assert answers[0] == answers[1]
        assert "not_joined" in answers[0]


@pytest.mark.parametrize(
    ("event", "payload", "field"),
    [
        ("joinRoom", {"room": ""}, "room"),
        ("joinRoom", {"room": "x" * 101}, "room"),
        ("joinRoom", {"room": "csgo", "since": -1}, "since"),
        ("joinRoom", {"room": "csgo", "since": "1"}, "since"),
        ("joinRoom", {"room": "csgo", "since": True}, "since"),
        ("joinRoom", {"room": "csgo", "epoch": 1}, "epoch"),
        ("joinRoom", {"room": "csgo", "password": 1}, "password"),
        ("joinRoom", {}, "room"),
        ("message", {"room": "csgo"}, "text"),
        ("message", {"room": "csgo", "text": ""}, "text"),
        ("message", {"room": "csgo", "text": 5}, "text"),
        ("message", {"room": "csgo", "text": "x" * 4001}, "text"),
        ("message", {"room": "csgo", "text": "x", "data": []}, "data"),
        ("message", {"room": "csgo", "text": "x", "data": {"a": "x" * 4096}}, "data"),
        ("message", {"room": "csgo", "text": "x", "nonce": ""}, "nonce"),
        ("message", {"room": "csgo", "text": "x", "nonce": "n" * 65}, "nonce"),
        ("history", {"room": "csgo", "before": 1, "after": 1}, "before"),
        ("history", {"room": "csgo", "limit": 0}, "limit"),
        ("history", {"room": "csgo", "before": -1}, "before"),
        ("rooms", {"limit": 1.5}, "limit"),
        ("rooms", {"search": 1}, "search"),
    ],
)
async def test_a_faulty_event_names_its_field_and_the_socket_goes_on(
    event: str, payload: Any, field: str
) -> None:
    async with serving() as site:
        client = await site.joined()
        answer = await client.call(event, payload)
        assert (answer["ok"], answer["code"], answer["field"]) == (False, "bad_request", field)
        assert answer["message"]
        await client.send(event, payload)
        ((name, args),) = await client.all_heard()
        assert (name, args[1]) == ("err", answer)
        assert (await client.call("message", {"room": "csgo", "text": "still here"}))["ok"]


async def test_tries_at_a_password_are_counted_and_then_not_even_looked_at() -> None:
    await in_database(make_room, "vault", access="password", password="sesame")
    async with serving() as site:
        client = await site.connect()
        for left in (4, 3, 2, 1, 0):
            answer = await client.call("joinRoom", {"room": "vault", "password": "guess"})
            assert (answer["code"], answer["attempts_left"]) == ("wrong_password", left)
        answer = await client.call("joinRoom", {"room": "vault", "password": "sesame"})
        assert answer["code"] == "rate_limited"
        assert 0 < answer["retry_after"] <= 600
        assert await DecisionRecord.objects.filter(
            ref=answer["ref"], rule="password_tries"
        ).aexists()


async def test_a_right_password_need_not_be_given_again() -> None:
    await in_database(make_room, "vault", access="password", password="sesame")
    async with serving() as site:
        client = await site.connect()
        assert (await client.call("joinRoom", "vault"))["code"] == "password_required"
        assert (await client.call("joinRoom", {"room": "vault", "password": "sesame"}))["ok"]
        assert (await client.call("message", {"room": "vault", "text": "hi"}))["ok"]
        await client.call("leaveRoom", "vault")
        assert (await client.call("joinRoom", "vault"))["ok"]


@pytest.mark.parametrize("fields", [{"access": "members"}, {"access": "password", "password": "s"}])
async def test_a_hidden_room_answers_as_a_missing_one_to_the_last_try(
    fields: dict[str, Any],
) -> None:
    await in_database(make_room, "hidden", is_listed=False, **fields)

    def plain(answer: dict[str, Any], room: str) -> str:
        seconds = str(answer.pop("retry_after", ""))
        return str({**answer, "ref": "?"}).replace(room, "?").replace(seconds or "\0", "n")

    async with serving() as site:
        client = await site.connect()
        for password in (None, *["guess"] * 6):
            answers = []
            for room in ("hidden", "absent"):
                asked = {"room": room, **({"password": password} if password else {})}
                answers.append(plain(await client.call("joinRoom", asked), room))
            assert answers[0] == answers[1]


async def test_between_snapshot_and_live_nothing_is_lost_or_doubled() -> None:
    async with serving(QuietGames) as site:
        sender = await site.joined()
        joiners = [await site.connect() for _ in range(8)]
        reached = [asyncio.Event() for _ in joiners]

        async def talk() -> None:
            for number in range(60):
                if number % 5 == 0 and number // 5 < len(reached):
                    reached[number // 5].set()
                answer = await sender.call("message", {"room": "csgo", "text": str(number)})
                assert answer["ok"], answer

        async def listen(client: Client, may_join: asyncio.Event) -> None:
            await may_join.wait()
            answer = await client.call("joinRoom", {"room": "csgo", "since": 0})
            seen = [message["offset"] for message in answer["messages"]]
            assert seen == list(range(1, answer["offset"] + 1))
            again = await client.call("joinRoom", "csgo")
            # The last may have been said before that, and is told there alone.
            while max([again["offset"], *seen[-1:]]) < 60:
                name, args = await client.hear()
                if name == "message":
                    seen.append(args[0]["offset"])
            # What joining once more answered is told by that answer; live goes on behind it.
            gap = set(range(1, 61)) - set(seen)
            assert gap <= set(range(1, again["offset"] + 1))
            assert sorted(set(seen)) == seen

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(talk())
            for client, may_join in zip(joiners, reached, strict=True):
                tasks.create_task(listen(client, may_join))


@pytest.mark.parametrize("is_joined", [False, True])
async def test_what_a_join_has_answered_is_not_heard_again_behind_it(
    monkeypatch: pytest.MonkeyPatch, is_joined: bool
) -> None:
    room = await Room.objects.aget(name="csgo")
    submit = Batcher.submit

    async def submit_amid_a_message(batcher: Any, request: Any) -> Any:
        """Let a message be committed before the join is decided, and arrive after it."""
        if not isinstance(request, JoinRequest):
            return await submit(batcher, request)
        _room, sent = await in_database(store_draft, room.pk, Draft("csgo", "late", None))
        outcome = await submit(batcher, request)
        whom = of("/games").in_("csgo").numbered(room.epoch, sent.offset or 0)
        await whom.aemit("message", sent.shape)
        return outcome

    async with serving() as site:
        client = await (site.joined() if is_joined else site.connect())
        with monkeypatch.context() as patched:
            patched.setattr(Batcher, "submit", submit_amid_a_message)
            answer = await client.call("joinRoom", "csgo")
        assert answer["offset"] == 1
        assert [message["text"] for message in answer["messages"]] == ["late"]
        assert "message" not in [name for name, _args in await client.all_heard()]
        await client.call("message", {"room": "csgo", "text": "next"})
        assert [message["offset"] for message in await client.hear_only("message")] == [2]


class QuietGames(RoomNamespace):
    """Without limits of rate, which these tests are not about."""

    limits = Limits(events_per_s=0, joins_per_s=0, announce_max=2, max_rooms=2)


async def test_a_large_room_hears_numbers_in_place_of_names() -> None:
    async with serving(QuietGames) as site:
        first = await site.joined()
        second = await site.joined()
        third = await site.connect()
        await third.call("joinRoom", "csgo")
        names = [name for name, _args in await third.all_heard()]
        assert names[:2] == ["success", "newUser"]
        await first.hear_only("newUser")
        assert await first.hear_only("membersChanged") == [{"room": "csgo", "members": 3}]
        fourth, fifth = await site.joined(), await site.joined()
        await fifth.close()
        await fourth.close()
        (counted,) = await first.hear_only("membersChanged")
        assert counted == {"room": "csgo", "members": 3}
        await third.close()
        while (heard := await second.hear())[0] != "userLeft":
            assert heard[0] == "membersChanged"
        assert heard[1][-1]["members"] == 2


async def test_one_room_more_than_a_socket_may_have_is_denied() -> None:
    await in_database(make_room, "third")
    async with serving(QuietGames) as site:
        client = await site.joined("csgo")
        assert (await client.call("joinRoom", "bt1"))["ok"]
        answer = await client.call("joinRoom", "third")
        assert answer["code"] == "rate_limited"
        assert "retry_after" not in answer
        assert (await client.call("joinRoom", "bt1"))["ok"]
        await client.call("leaveRoom", "bt1")
        assert (await client.call("joinRoom", "third"))["ok"]


async def test_one_seat_is_taken_once_however_many_ask_at_once() -> None:
    await Room.objects.filter(name="csgo").aupdate(capacity=3)
    async with serving(QuietGames) as site:
        clients = [await site.connect() for _ in range(12)]
        answers = await asyncio.gather(*(client.call("joinRoom", "csgo") for client in clients))
        assert (
            sorted(answer.get("code", "in") for answer in answers) == ["in"] * 3 + ["room_full"] * 9
        )
        inside = next(
            client for client, answer in zip(clients, answers, strict=True) if answer["ok"]
        )
        await inside.close()
        await eventually(lambda: Seat.objects.count() == 2)
        assert (await (await site.connect()).call("joinRoom", "csgo"))["ok"]


class Hooked(RoomNamespace):
    """Notes what its hooks are told."""

    notes: list[tuple[str, ...]] = []

    async def on_join(self, room: str) -> None:
        self.notes.append(("join", room))

    async def on_leave(self, room: str) -> None:
        self.notes.append(("leave", room))

    async def on_message(self, draft: Draft) -> Draft:
        if draft.text == "bad":
            raise Refused("bad_request", "Mind your words.", field="text")
        return Draft(draft.room, draft.text.upper(), draft.author, draft.data, draft.nonce)


async def test_a_subclass_hears_of_joins_and_leaves_and_may_change_or_refuse_messages() -> None:
    Hooked.notes.clear()
    async with serving(Hooked) as site:
        client = await site.joined("csgo")
        await client.call("joinRoom", "bt1")
        await client.call("leaveRoom", "bt1")
        assert (await client.call("message", {"room": "csgo", "text": "bad"}))["field"] == "text"
        await client.call("message", {"room": "csgo", "text": "good"})
        assert (await client.call("history", "csgo"))["messages"][0]["text"] == "GOOD"
        await client.close()
        await eventually(lambda: len(Hooked.notes) == 4)
    assert Hooked.notes == [("join", "csgo"), ("join", "bt1"), ("leave", "bt1"), ("leave", "csgo")]


class Careless(RoomNamespace):
    """A hook that makes of a message what none can be."""

    async def on_message(self, draft: Draft) -> Draft:
        made: dict[str, Any] = {
            "nothing": None,
            "long": replace(draft, text="x" * 4001),
            "empty": replace(draft, text=" "),
            "nul": replace(draft, text="a\0b"),
            "elsewhere": replace(draft, room="bt1"),
            "data": replace(draft, data={"nul": "\0"}),
            "unpaired": replace(draft, data=cast("Any", 7)),
            "good": replace(draft, text=" good "),
        }
        return cast("Draft", made[draft.text])


async def test_a_hook_that_spoils_a_message_spoils_nobody_elses(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving(Careless) as site:
        careless, other = await site.joined("csgo"), await site.joined("csgo")
        for text in ("nothing", "long", "empty", "nul", "elsewhere", "data", "unpaired"):
            spoilt, good = await asyncio.gather(
                careless.call("message", {"room": "csgo", "text": text}),
                other.call("message", {"room": "csgo", "text": "good"}),
            )
            assert (spoilt.get("code"), good["ok"]) == ("internal", True), text
        history = await other.call("history", "csgo")
    assert [message["text"] for message in history["messages"]] == ["good"] * 7
    failures = [record.exc_info for record in caplog.records if record.levelname == "ERROR"]
    assert len(failures) == 7
    assert all(failure and "on_message" in str(failure[1]) for failure in failures)


class Lobbies(RoomNamespace):
    """Rooms that are not rows of ours: odd numbers are open to users, even ones to everybody."""

    async def get_policy(self, name: str) -> Policy | None:
        if not name.isdigit():
            return None
        access = "login" if int(name) % 2 else "open"
        return Policy(NamespacePolicy("/games"), name, access=access)


async def test_rooms_of_another_model_are_asked_by_its_policy_and_stored_with_ours() -> None:
    async with serving(Lobbies) as site:
        client = await site.connect()
        assert (await client.call("joinRoom", "csgo"))["code"] == "unknown_room"
        assert (await client.call("joinRoom", "7"))["code"] == "login_required"
        assert (await client.call("joinRoom", "8"))["ok"]
        assert (await client.call("message", {"room": "8", "text": "hi"}))["offset"] == 1
        assert not (await Room.objects.aget(name="8")).is_listed


async def test_rooms_are_listed_with_those_joined_and_a_closed_one_at_once() -> None:
    async with serving() as site:
        client = await site.joined("csgo")
        listed = await client.call("rooms")
        assert [(room["name"], room["joined"]) for room in listed["rooms"]] == [
            ("bt1", False),
            ("csgo", True),
        ]
        assert listed["more"] is False
        await Room.objects.filter(name="bt1").aupdate(is_open=False)
        page = await client.call("rooms", {"search": "bt", "limit": 1})
        assert [(room["code"], room["locked"]) for room in page["rooms"]] == [("room_closed", True)]
        assert (await client.call("joinRoom", "bt1"))["code"] == "room_closed"


async def test_what_the_site_posts_is_heard_in_its_place() -> None:
    async with serving() as site:
        client = await site.joined()
        room = await Room.objects.aget(name="csgo")
        shape = await apost_message(room, "from the site")
        await client.call("message", {"room": "csgo", "text": "second"})
        heard = await client.hear_only("message", "message")
        assert heard[0] == shape
        assert heard[0]["user"] is None
        assert [message["offset"] for message in heard] == [1, 2]


async def test_a_message_whose_broadcast_was_lost_is_read_and_comes_first() -> None:
    async with serving() as site:
        client = await site.joined()
        room = await Room.objects.aget(name="csgo")
        await in_database(fill, room, 2)
        await client.call("message", {"room": "csgo", "text": "third"})
        heard = await client.hear_only("message", "message", "message")
        assert [message["offset"] for message in heard] == [1, 2, 3]


async def test_the_only_server_starts_clean_and_leaves_nothing_behind() -> None:
    await in_database(make_process, "crashed")
    async with serving() as site:
        assert not await Process.objects.filter(pk="crashed").aexists()
        await site.joined()
        assert await Seat.objects.acount() == 1
    assert not await Process.objects.aexists()
    assert not await Connection.objects.aexists()


async def test_a_swept_process_is_told_of_by_name_and_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REALTIME_LEASE_S", "2")
    forget_options()
    async with serving() as site:
        client = await site.joined()
        await in_database(_leave_an_orphan)
        # Its lease is over: the next sweep, within a quarter of ours, tells.
        (left,) = await client.hear_only("userLeft")
        assert (left["user"]["name"], left["members"], left["sockets"]) == ("Orphan", 1, 0)
        await of("/games").in_("csgo").aemit("barrier")
        assert (await client.hear())[0] == "barrier"


def _leave_an_orphan() -> None:
    make_process("dead", lease_s=-1)
    join(make_guest("Orphan"), process_id="dead")


async def test_a_room_without_history_is_heard_and_forgotten() -> None:
    await Room.objects.filter(name="csgo").aupdate(history_size=0)
    async with serving() as site:
        client = await site.joined()
        ack = await client.call("message", {"room": "csgo", "text": "now"})
        assert ack["offset"] is None
        (heard,) = await client.hear_only("message")
        assert (heard["id"], heard["offset"]) == (ack["id"], None)
        history = await client.call("history", "csgo")
        assert history == {"ok": True, "epoch": None, "messages": [], "more": False}
        assert not await Message.objects.aexists()
