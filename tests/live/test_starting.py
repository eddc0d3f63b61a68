"""How it starts, and what it refuses to start with (DESIGN section 3)."""

import asyncio
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.helpers.live_browser import Browser
from tests.helpers.live_clients import Caller, PlainClient
from tests.helpers.live_server import Clerk, LiveServer, free_port
from tests.helpers.waiting import until

KEYS = {"SECRET_KEY": "a-key-of-the-tests", "ALLOWED_HOSTS": "127.0.0.1"}
# Where each comes from; tests/project/test_wrong_options.py has the kinds.
WRONG_OPTIONS = {
    "REALTIME_EVENTS_PER_SECOND": "5",
    "REALTIME_EVENTS_PER_S": "many",
    "DEBUG": "perhaps",
    "TRUSTED_PROXIES": "everybody",
}
FOREIGN_ORIGINS = [
    ["https://evil.example"],
    ["null"],
    ["http://127.0.0.1:port"],
    ["https://a.example", "https://b.example"],
    [f"http://127.0.0.1:{free_port()}"],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("starting")


def start(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of ``manage.py`` that is expected to fail soon."""
    return LiveServer(folder, environment=environment).try_to_manage(*command)


@pytest.mark.parametrize("name", list(WRONG_OPTIONS))
def test_a_wrong_option_stops_the_start_and_is_named(folder: Path, name: str) -> None:
    address = f"127.0.0.1:{free_port()}"
    wrong = {name: WRONG_OPTIONS[name]}
    done = start(folder, "runserver", "--noreload", address, **wrong)
    assert done.returncode != 0
    assert name in done.stderr.splitlines()[-1], done.stderr


def test_serve_needs_a_key_and_hosts(folder: Path) -> None:
    for missing in ("SECRET_KEY", "ALLOWED_HOSTS"):
        given = {name: value for name, value in KEYS.items() if name != missing}
        done = start(folder, "serve", "--port", "0", **given)
        assert done.returncode != 0
        assert missing in done.stderr.splitlines()[-1], done.stderr
    both = start(folder, "serve", "--port", "0").stderr.splitlines()[-1]
    assert "SECRET_KEY" in both
    assert "ALLOWED_HOSTS" in both


def test_a_key_alone_turns_debug_off(folder: Path) -> None:
    done = start(folder, "check", SECRET_KEY="x")
    assert "ALLOWED_HOSTS" in done.stderr.splitlines()[-1]
    assert start(folder, "check", **KEYS).returncode == 0


@pytest.mark.parametrize("address", ["0.0.0.0", "[::]", "192.0.2.1"])  # noqa: S104 - refused
def test_debug_by_default_serves_this_machine_alone(folder: Path, address: str) -> None:
    done = start(folder, "runserver", "--noreload", f"{address}:{free_port()}")
    assert done.returncode != 0
    line = done.stderr.splitlines()[-1]
    assert address.strip("[]") in line
    assert "DEBUG" in line


def test_an_address_in_use_is_said_in_one_line(folder: Path) -> None:
    server = LiveServer(folder)
    with socket.create_server(("127.0.0.1", server.port)):
        done = server.try_to_manage("runserver", "--noreload", f"127.0.0.1:{server.port}")
    assert done.returncode != 0
    assert str(server.port) in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_server_whose_database_lacks_migrations_says_so_and_waits(
    tmp_path: Path,
) -> None:
    server = LiveServer(tmp_path, command=["serve", "--port", "{port}"], environment=KEYS)
    starting = asyncio.create_task(asyncio.to_thread(server.start))
    log = tmp_path / "server.log"
    try:
        await until(lambda: log.exists() and "lacks migrations" in server.log())
        await until(lambda: "serves at" in server.log())
        ready = await asyncio.to_thread(Browser(server.url).get, "/readyz")
        assert (ready.status, ready.json()["status"]) == (503, "starting")
        await asyncio.to_thread(server.manage, "migrate", "--verbosity", "0")
        await starting
    finally:
        server.stop()
    assert "run manage.py migrate" in server.log()
    assert "Traceback" not in server.log()


def test_the_demo_is_made_once_and_left_alone(folder: Path) -> None:
    server = LiveServer(folder)
    server.manage("migrate", "--verbosity", "0")
    server.manage("seed_demo")
    clerk = Clerk(server.environment)
    try:
        first = clerk.do("registry")
        clerk.do("change room", namespace="/games", name="csgo", is_open=False, title="Mine")
        server.manage("seed_demo")
        assert clerk.do("registry") == first
        assert clerk.do("read room", namespace="/games", name="csgo") == {
            "is_open": False,
            "title": "Mine",
        }
    finally:
        clerk.stop()
    games, news = first["/games"], first["/news"]
    assert {"rocket league", "csgo", "bt1"} <= {
        name for name, access in games.items() if access == "open"
    }
    assert {"open", "login", "password", "members"} <= set(games.values())
    assert news
    assert not set(news) & set(games)
    assert "/" in first


@pytest.fixture(scope="module")
def production(folder: Path) -> dict[str, str]:
    """The environment of a site without DEBUG, whose demo was made with a password."""
    database = f"sqlite:///{folder / 'production.sqlite3'}"
    environment = KEYS | {"DATABASE_URL": database}
    server = LiveServer(folder, environment=environment)
    server.manage("migrate", "--verbosity", "0")
    server.manage("seed_demo", "--password", "correct horse")
    return environment


def test_the_demo_needs_a_password_where_debug_is_off(
    folder: Path, production: dict[str, str]
) -> None:
    done = start(folder, "seed_demo", **production)
    assert done.returncode != 0
    assert "--password" in done.stderr


async def status_of(server: LiveServer, origins: list[str]) -> int:
    """Return the status with which a WebSocket of these origins is refused."""
    url = server.url.replace("http", "ws") + "/ws/games/"
    headers = [("Origin", origin) for origin in origins]
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, additional_headers=headers, proxy=None)
    return refused.value.response.status_code


@pytest.mark.parametrize("name", ["daphne", "uvicorn", "granian"])
async def test_serve_answers_the_same_on_each_server(
    folder: Path, production: dict[str, str], name: str
) -> None:
    server = LiveServer(
        folder,
        name=name,
        command=["serve", "--server", name, "--host", "127.0.0.1", "--port", "{port}"],
        environment=production | {"REALTIME_DRAIN_S": "1"},
    )
    server.start()
    try:
        visitor = Browser(server.url)
        assert visitor.get("/readyz").status == 200
        assert visitor.get("/games/csgo/").status == 200
        assert "is a person like any other" not in visitor.get("/").text
        caller = Caller(server.url, "/games")
        one, other = await PlainClient.connect(caller), await PlainClient.connect(caller)
        for client in (one, other):
            assert await client.hear("welcome") == ["This is the Gaming Channel!"]
            await client.hear("identity")
            assert (await client.ask("joinRoom", "csgo"))["ok"]
        await one.take_all()
        await other.take_all()
        await one.ask("message", {"room": "csgo", "text": "Hi"})
        assert (await other.hear_one("message"))["text"] == "Hi"
        for origin in FOREIGN_ORIGINS:
            assert await status_of(server, origin) == 403, origin
        await one.socket.send(b"binary")
        assert (await one.wait_for_end())[0] == 1003
        await other.hear("userLeft")
        server.signal(signal.SIGTERM)
        assert (await other.wait_for_end())[0] == 1012
        assert other.frames[-1] == {"disconnect": {"reason": "going_away"}}
        assert server.wait() == 0
    finally:
        server.kill()
    assert server.trouble() == []


async def test_a_crash_leaves_nobody_behind_and_loses_no_message(
    folder: Path, production: dict[str, str]
) -> None:
    server = LiveServer(
        folder,
        name="crash",
        command=["serve", "--host", "127.0.0.1", "--port", "{port}"],
        environment=production,
    )
    server.start()
    try:
        before = await PlainClient.connect(Caller(server.url, "/games"))
        await before.hear("welcome")
        me = await before.hear_one("identity")
        joined = await before.ask("joinRoom", "bt1")
        acks = [
            await before.ask("message", {"room": "bt1", "text": f"{n}", "nonce": f"{n}"})
            for n in range(5)
        ]
        server.kill()
        await before.wait_for_end()
        server.start()
        after = await PlainClient.connect(Caller(server.url, "/games", {"guest": me["guest"]}))
        rooms = (await after.ask("rooms", {"search": "bt1"}))["rooms"]
        assert rooms[0]["members"] == 0
        again = await after.ask(
            "joinRoom", {"room": "bt1", "since": joined["offset"], "epoch": joined["epoch"]}
        )
        assert again["recovered"] is True
        assert [message["id"] for message in again["messages"]] == [ack["id"] for ack in acks]
        resent = await after.ask("message", {"room": "bt1", "text": "4", "nonce": "4"})
        assert resent == acks[-1]
        await after.close()
        server.stop()
    finally:
        server.kill()
    assert server.trouble() == []
