"""``manage.py who``, ``drain`` and ``tail`` on two processes that share PostgreSQL and Redis."""

import asyncio
import json
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.helpers.live_browser import Browser
from tests.helpers.live_clients import Caller, Client, PlainClient, PythonClient
from tests.helpers.live_server import Clerk, LiveServer
from tests.helpers.postgres import empty_database
from tests.helpers.services import REDIS_URL, ROOT
from tests.helpers.waiting import until

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

TOKEN = "a-token-of-the-tests"
NAMESPACE = "/live"
PASSWORD = f"canary{secrets.token_hex(8)}"
TEXT = f"canary{secrets.token_hex(8)}"
WITHIN_S = 20.0


class Pair:
    """Two servers, and who may sign in: ``ann``, and ``boss`` of the staff."""

    def __init__(self, servers: list[LiveServer]) -> None:
        self.a, self.b = servers

    async def manage(self, *arguments: str) -> str:
        """Run a command; clients go on answering pings meanwhile."""
        return await asyncio.to_thread(self.a.manage, *arguments)

    async def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """Run a command with ``--json`` and return its lines."""
        return [json.loads(line) for line in (await self.manage(*arguments, "--json")).splitlines()]

    async def complaint(self, *arguments: str) -> str:
        """Run a command that fails, and return what it says."""
        done = await asyncio.to_thread(self.a.try_to_manage, *arguments)
        assert done.returncode == 1, done
        return done.stderr


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with empty_database() as url:
        yield url


@contextmanager
def two_servers(folder: Path, database: str) -> Iterator[Pair]:
    shared = {
        "DATABASE_URL": database,
        "REDIS_URL": REDIS_URL,
        "REDIS_PREFIX": f"commands-{secrets.token_hex(6)}",
        "SECRET_KEY": "a-key-of-the-tests",
        "ALLOWED_HOSTS": "127.0.0.1",
        "REALTIME_METRICS_TOKEN": TOKEN,
        "REALTIME_DRAIN_S": "1",
    }
    servers = [
        LiveServer(
            folder,
            name=f"server-{kind}",
            command=["serve", "--server", kind, "--host", "127.0.0.1", "--port", "{port}"],
            environment=shared,
        )
        for kind in ("daphne", "uvicorn")
    ]
    servers[0].manage("migrate", "--verbosity", "0")
    for server in servers:
        server.start()
    try:
        yield Pair(servers)
    finally:
        for server in servers:
            server.end()
    for server in servers:
        assert server.trouble() == []


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Pair]:
    with two_servers(tmp_path_factory.mktemp("commands"), database) as pair:
        clerk = Clerk(pair.a.environment)
        clerk.do("namespace", path=NAMESPACE, title="Live", welcome="Hi")
        for name in ("ann", "ben"):
            clerk.do("user", name=name)
        clerk.do("user", name="boss", is_staff=True)
        clerk.do("room", namespace=NAMESPACE, name="csgo")
        clerk.do("room", namespace=NAMESPACE, name="locked", access="password", password=PASSWORD)
        clerk.stop()
        yield pair


async def come(server: LiveServer, kind: type[Client] = PlainClient, name: str = "") -> Client:
    assert issubclass(kind, PlainClient | PythonClient)
    cookies = Browser(server.url).sign_in(name).cookie_header if name else {}
    client = await kind.connect(Caller(server.url, NAMESPACE, {}, cookies))
    await client.hear("welcome")
    client.me = await client.hear_one("identity")
    return client


class Tail:
    """``manage.py tail`` as it runs; its lines so far."""

    def __init__(self, pair: Pair, folder: Path, *arguments: str) -> None:
        self._out, self._err = folder / "tail.out", folder / "tail.err"
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "tail", *arguments],
                cwd=ROOT,
                env=pair.a.environment | {"PYTHONUNBUFFERED": "1"},
                stdout=out,
                stderr=err,
            )

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def said(self) -> str:
        return self._err.read_text()

    @property
    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    async def looks(self) -> None:
        """Wait until it looks at both processes."""
        await until(lambda: self.said.count("Looking at process") == 2, within_s=WITHIN_S)

    async def sees(self, **about: Any) -> dict[str, Any]:
        """Wait for an entry that says this."""
        found: list[dict[str, Any]] = []

        def has_come() -> bool:
            found[:] = [each for each in self.entries if about.items() <= each.items()]
            return bool(found)

        await until(has_come, within_s=WITHIN_S)
        return found[0]

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(how)
        return self.process.wait(WITHIN_S)


@pytest.fixture
def tails(pair: Pair, tmp_path: Path) -> Iterator[Any]:
    begun: list[Tail] = []

    def begin(*arguments: str) -> Tail:
        folder = tmp_path / str(len(begun))
        folder.mkdir()
        begun.append(Tail(pair, folder, *arguments))
        return begun[-1]

    yield begin
    for tail in begun:
        if tail.process.poll() is None:
            tail.end(signal.SIGKILL)


def taps(server: LiveServer) -> float:
    text = Browser(server.url).get("/metrics", Authorization=f"Bearer {TOKEN}").text
    return next(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "roomkey_taps"
    )


async def act(client: Client) -> None:
    """Do what is to be seen, with secrets in it."""
    wrong = {"room": "locked", "password": f"{PASSWORD}wrong"}
    assert (await client.ask("joinRoom", wrong))["code"] == "wrong_password"
    assert (await client.ask("joinRoom", {"room": "locked", "password": PASSWORD}))["ok"]
    assert (await client.ask("joinRoom", "csgo"))["ok"]
    assert (await client.ask("message", {"room": "csgo", "text": TEXT}))["ok"]


@pytest.mark.parametrize(("kind", "name"), [(PlainClient, "ann"), (PythonClient, "ben")])
async def test_tail_shows_a_persons_packets_and_decisions_from_both_processes(
    pair: Pair, tails: Any, kind: type[Client], name: str
) -> None:
    first = await come(pair.a, kind, name)
    tail = tails("--user", name, "--as", "boss", "--json")
    await tail.looks()
    second = await come(pair.b, kind, name)
    await act(first)
    await tail.sees(way="in", event="message")
    await tail.sees(way="note", kind="connected", socket=second.sid)
    denied = await tail.sees(way="note", kind="join denied", room="locked")
    assert denied["code"] == "wrong_password"
    assert len(denied["ref"]) == 8
    assert denied["rule"]
    sent = await tail.sees(way="in", event="message", socket=first.sid)
    assert sent["args"] == [{"room": "csgo", "text": f"«{len(TEXT)} characters»"}]
    heard = await tail.sees(way="out", event="message", socket=first.sid)
    assert heard["args"][0]["room"] == "csgo"
    assert heard["dropped"] is False
    ack = await tail.sees(way="out", kind="ack", socket=first.sid)
    assert ack["args"][0]["ok"] is False
    await second.close()
    await tail.sees(way="note", kind="disconnected", socket=second.sid)
    assert {each["process"] for each in tail.entries} == {
        each["process"] for each in await pair.rows("drain")
    }
    assert {each["user"] for each in tail.entries} == {first.me["user"]["id"]}
    # No secret and no text is among it; the ids of guests and tickets are hidden by key.
    for secret in (PASSWORD, TEXT):
        assert secret not in tail.out
    assert tail.end() == 0
    assert "Traceback" not in tail.said
    ref = tail.said.partition("Recorded as ")[2][:8]
    clerk = Clerk(pair.a.environment)
    assert clerk.do("act", ref=ref) == ["tail", "boss", name]
    clerk.stop()
    await until(lambda: taps(pair.a) == taps(pair.b) == 0, within_s=WITHIN_S)
    await first.close()


async def test_tail_of_a_room_shows_a_broadcast_once_and_texts_when_asked(
    pair: Pair, tails: Any
) -> None:
    tail = tails("--room", f"{NAMESPACE}/csgo", "--texts", "--json")
    await tail.looks()
    clients = [await come(pair.a), await come(pair.a), await come(pair.b, PythonClient)]
    for client in clients:
        await client.ask("joinRoom", "csgo")
        await client.ask("joinRoom", {"room": "locked", "password": PASSWORD})
    await clients[0].ask("message", {"room": "csgo", "text": TEXT})
    here = await tail.sees(way="out", event="message", sockets=2)
    there = await tail.sees(way="out", event="message", sockets=1)
    assert here["process"] != there["process"]
    assert here["args"][0]["text"] == TEXT
    assert (await tail.sees(way="note", kind="room joined", socket=clients[2].sid))[
        "room"
    ] == "csgo"
    assert "locked" not in tail.out
    assert PASSWORD not in tail.out
    for client in clients:
        await client.close()


async def test_a_tail_that_dies_leaves_no_tap_behind(pair: Pair, tails: Any) -> None:
    client = await come(pair.a)
    tail = tails("--socket", client.sid)
    await until(lambda: "Looking at process" in tail.said, within_s=WITHIN_S)
    await until(lambda: taps(pair.a) == 1, within_s=WITHIN_S)
    await client.ask("joinRoom", "csgo")
    await until(lambda: '-- room joined room="csgo"' in tail.out, within_s=WITHIN_S)
    tail.end(signal.SIGKILL)
    await until(lambda: taps(pair.a) == 0, within_s=WITHIN_S)
    assert (await client.ask("leaveRoom", "csgo"))["ok"]
    await client.close()


async def test_tail_says_what_is_wrong_with_a_question(pair: Pair) -> None:
    assert "one of the arguments" in pair.a.try_to_manage("tail").stderr
    assert "There is no user 'nobody'" in await pair.complaint("tail", "--user", "nobody")
    assert "no active staff user" in await pair.complaint("tail", "--user", "ann", "--as", "ann")
    assert "such as /games/csgo" in await pair.complaint("tail", "--room", "/live")
    both = ("tail", "--room", "/live/csgo", "--namespace", "/live")
    assert "leave --namespace out" in await pair.complaint(*both)
    a_room = ("tail", "--user", "ann", "--namespace", "/live/csgo")
    assert "a room is --room" in await pair.complaint(*a_room)
    for wrong in ("-1", "nan", "soon"):
        done = await asyncio.to_thread(
            pair.a.try_to_manage, "tail", "--user", "ann", f"--seconds={wrong}"
        )
        assert f"'{wrong}' is no number of seconds" in done.stderr


async def test_tail_says_where_there_is_nothing_to_look_at(pair: Pair) -> None:
    async def said(*arguments: str) -> str:
        done = await asyncio.to_thread(pair.a.try_to_manage, "tail", *arguments, "--seconds", "1.5")
        assert done.returncode == 0, done
        return done.stderr

    ben = await come(pair.b, name="ben")
    ann, nope, nowhere = await asyncio.gather(
        said("--user", "ann"), said("--socket", "nope"), said("--room", f"{NAMESPACE}/nope")
    )
    assert "No socket matches now" in ann
    assert "No socket has this id now" in nope
    assert "no such room" in nowhere
    # A namespace is found with its slash and without.
    for words in await asyncio.gather(
        said("--user", "ben", "--namespace", NAMESPACE.strip("/")),
        said("--socket", ben.sid),
        said("--room", f"{NAMESPACE}/csgo"),
    ):
        assert "Looking at process" in words
        assert "No socket" not in words
        assert "no such room" not in words
    await ben.close()


async def test_who_finds_people_on_both_processes(pair: Pair) -> None:
    ann, guest = await come(pair.a, name="ann"), await come(pair.b)
    await guest.ask("joinRoom", "csgo")
    rows = await pair.rows("who", NAMESPACE)
    assert {row["socket"] for row in rows} >= {ann.sid, guest.sid}
    assert {row["process"] for row in await pair.rows("drain")} >= {row["process"] for row in rows}
    (row,) = await pair.rows("who", "--user", "ann")
    assert (row["person"], row["rooms"]) == (ann.me["user"]["id"], [])
    (row,) = await pair.rows("who", "--user", guest.me["user"]["id"])
    assert (row["socket"], row["rooms"], row["transport"]) == (guest.sid, ["csgo"], "websocket")
    assert await pair.rows("who", f"{NAMESPACE}/csgo", "--process", row["process"]) == [row]
    (counts,) = await pair.rows("who", f"{NAMESPACE}/csgo", "--count")
    assert counts == {"persons": 1, "sockets": 1, "processes": 1}
    assert await pair.manage("who", "--user", "boss") == ""
    assert "There is no user" in await pair.complaint("who", "--user", "nobody")
    complaint = await pair.complaint("who", "--process", "nope")
    assert "There is no process nope: there is" in complaint
    assert all(row["process"] in complaint for row in await pair.rows("drain"))
    nobody = await asyncio.to_thread(pair.a.try_to_manage, "who", "--user", "boss")
    assert "Nobody is there." in nobody.stderr
    for client in (ann, guest):
        await client.close()


async def test_drain_sends_the_clients_of_one_process_away_and_ends_it_when_asked(
    tmp_path: Path, pair: Pair, database: str
) -> None:
    del pair
    with two_servers(tmp_path, database) as two:
        here, there = await come(two.a), await come(two.b)
        named = {row["socket"]: row["process"] for row in await two.rows("who")}
        doomed = named[here.sid]
        rows = {row["process"]: row for row in await two.rows("drain")}
        assert rows[doomed]["state"] == "ready"
        assert rows[doomed]["sockets"] == 1
        assert rows[doomed]["pid"]
        assert "No process nobody answers: there is" in await two.complaint("drain", "nobody")
        for act in (["--exit"], ["--wait"], ["--seconds", "1"]):
            assert "Drain which?" in await two.complaint("drain", *act)
        assert {row["state"] for row in await two.rows("drain")} == {"ready"}
        assert "No process serves on 'mars'" in await two.complaint("drain", "--host", "mars")
        (row,) = [
            each for each in await two.rows("drain", doomed, "--wait") if each["process"] == doomed
        ]
        assert (row["state"], row["connections"]) == ("draining", 0)
        assert (await here.wait_for_end())[0] == 1012
        ready = Browser(two.a.url).get("/readyz")
        assert (ready.status, ready.json()["status"]) == (503, "draining")
        assert Browser(two.b.url).get("/readyz").status == 200
        assert Browser(two.a.url).get("/healthz").status == 200
        # It goes on, and takes nobody in; then it ends as at SIGTERM.
        await asyncio.to_thread(two.b.manage, "drain", doomed, "--exit")
        assert await asyncio.to_thread(two.a.wait) == 0
        assert await there.ask("joinRoom", "csgo")
        await there.close()


async def test_kick_says_how_many_sockets_it_put_out_on_both(pair: Pair) -> None:
    clients = [await come(server, name="ann") for server in (pair.a, pair.b)]
    try:
        for client in clients:
            assert (await client.ask("joinRoom", "csgo"))["ok"]
        said = await pair.manage("kick", "ann", f"{NAMESPACE}/csgo")
        assert said.startswith("Kicked. Sockets put out: 2, in ")
        assert "Not confirmed" not in said
    finally:
        for client in clients:
            await client.close()


def test_without_redis_they_say_so_in_a_line(pair: Pair, tmp_path: Path) -> None:
    away = LiveServer(
        tmp_path, environment=pair.a.environment | {"REDIS_URL": "redis://127.0.0.1:1/0"}
    )
    for arguments in (["drain"], ["tail", "--user", "ann"]):
        done = away.try_to_manage(*arguments)
        assert done.returncode == 1
        assert "Redis does not answer" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
    done = away.try_to_manage("kick", "ann", f"{NAMESPACE}/csgo")
    assert done.returncode == 0
    assert "Not confirmed yet by" in done.stdout
    assert "Traceback" not in done.stderr


def test_on_the_in_memory_layer_they_say_what_is_missing(tmp_path: Path) -> None:
    server = LiveServer(tmp_path)
    server.manage("migrate", "--verbosity", "0")
    server.manage(
        "shell",
        "--command",
        "from django.contrib.auth.models import User; User.objects.create_user('ann')",
    )
    for arguments in (["drain"], ["tail", "--user", "ann"]):
        done = server.try_to_manage(*arguments)
        assert done.returncode == 1
        assert "set REDIS_URL" in done.stderr
        assert "Traceback" not in done.stderr
    assert server.manage("who") == ""
