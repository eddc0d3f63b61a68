"""``manage.py runserver`` and ``manage.py serve``: what they serve, and how they refuse."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from realtime.servers.listening import bind, listen
from tests.servers.running import ALL, RunningServer, wait_for


def started(*arguments: str, **environment: str) -> RunningServer:
    """Start Django's command line on the small site."""
    return RunningServer(
        ["-u", "-m", "django", *arguments],
        DJANGO_SETTINGS_MODULE="tests.servers.site",
        PYTHONWARNINGS="default",
        **environment,
    )


@contextmanager
def serving(port: int, *arguments: str, **environment: str) -> Iterator[RunningServer]:
    """Start a command that serves, and wait until it answers."""
    server = started(*arguments, **environment)
    server.port = port
    try:
        wait_for(lambda: server.process.poll() is not None or _answers(server))
        yield server
    finally:
        server.clean_up()


@pytest.fixture
def port() -> int:
    """A port that was free just now."""
    (probe,) = bind("127.0.0.1", 0)
    with probe:
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("server", ALL)
def test_serve_says_where_it_serves_and_drains_at_sigterm(server: str) -> None:
    process = started("serve", "--server", server, "--port", "0")
    assert process.process.stdout is not None
    try:
        assert process.process.stdout.readline() == "start\n"
        said, _, where = process.process.stdout.readline().strip().partition(" at http://")
        assert said == f"{server} serves"
        with connect(f"ws://{where}/ws/a", compression=None) as client:
            client.send("hello")
            assert client.recv(timeout=5) == "hello"
            process.signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        code, lines, complaints = process.finish()
        assert (code, complaints) == (0, "")
        assert lines == ["drain 10", "stop 1"]
    finally:
        process.clean_up()


def test_runserver_serves_the_application_static_files_and_sockets(port: int) -> None:
    with serving(port, "runserver", "--noreload", f"127.0.0.1:{port}") as server:
        assert server.get("/") == b"fine"
        assert b"{" in server.get("/static/admin/css/base.css")
        with connect(server.url("/ws/a?ticket=secret")) as client:
            client.send('{"do": "has_frames"}')
            assert client.recv(timeout=5) == "true"
            server.signal(signal.SIGINT)
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        code, lines, complaints = server.finish()
    assert code == 0
    # Who pressed Ctrl-C does not wait for DRAIN_S.
    assert {"start", "drain 1", "stop 1"} <= set(lines)
    assert "Traceback" not in complaints
    assert "secret" not in complaints


def test_runserver_reloads_and_tells_the_sockets(port: int, tmp_path: Path) -> None:
    module = tmp_path / "watched_module.py"
    module.write_text("")
    (tmp_path / "sitecustomize.py").write_text("import watched_module\n")
    with serving(port, "runserver", f"127.0.0.1:{port}", PYTHONPATH=f"{tmp_path}:.") as server:
        with connect(server.url("/ws/a")) as client:
            client.send("hello")
            assert client.recv(timeout=5) == "hello"
            with pytest.raises(ConnectionClosed) as closed:
                _change_until_closed(module, client)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        wait_for(lambda: _answers(server))
        server.signal(signal.SIGINT)
        _, lines, complaints = server.finish()
    assert lines.count("start") == 2
    assert "Traceback" not in complaints


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "192.0.2.1", "example.org"])  # noqa: S104
def test_runserver_with_debug_by_default_serves_this_machine_alone(
    host: str, settings: Settings
) -> None:
    settings.DEBUG = settings.DEBUG_BY_DEFAULT = True
    with pytest.raises(CommandError) as refused:
        call_command("runserver", "--noreload", f"{host}:0")
    said = str(refused.value)
    assert said.startswith("DEBUG is on only because neither DEBUG nor SECRET_KEY is set")
    assert host.strip("[]") in said
    assert "set DEBUG=1" in said


def test_runserver_with_debug_said_serves_any_address(port: int) -> None:
    with serving(port, "runserver", "--noreload", f"0.0.0.0:{port}", DEBUG="1") as server:
        assert server.get("/") == b"fine"


@pytest.mark.parametrize(
    "command",
    [
        ("runserver", "--noreload", "127.0.0.1:{}"),
        ("runserver", "127.0.0.1:{}"),
        ("serve", "--port", "{}"),
    ],
)
def test_a_port_in_use_is_one_line(command: tuple[str, ...]) -> None:
    (taken,) = bind("127.0.0.1", 0)
    with taken:
        listen([taken])
        port = taken.getsockname()[1]
        process = started(*(part.format(port) for part in command))
        code, _, complaints = process.finish()
    assert code == 1
    assert f"Port {port} of 127.0.0.1 is in use" in complaints
    assert "Traceback" not in complaints


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--host", "no-such-host.invalid"], "'no-such-host.invalid' is not the name or address"),
        (["--host", "192.0.2.1"], "'192.0.2.1' is not an address of this machine"),
        (["--port", "65536"], "'65536' is not a port number"),
        (["--port", "http"], "'http' is not a port number"),
        (["--server", "apache"], "invalid choice: 'apache'"),
    ],
)
def test_serve_refuses_what_it_cannot_do(arguments: list[str], problem: str) -> None:
    with pytest.raises(CommandError, match=problem):
        call_command("serve", *arguments)


@pytest.mark.parametrize("name", ["uvicorn", "granian"])
def test_serve_says_which_server_is_missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, f"realtime.servers.{name}", raising=False)
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(CommandError, match=f"{name} is not installed here.*pip install {name}"):
        call_command("serve", "--server", name)


def _change_until_closed(module: Path, client: ClientConnection) -> None:
    # The reloader notices changes only from its first look on, some time after the start.
    for number in range(20):
        module.write_text(f"changed = {number}\n")
        with suppress(TimeoutError):
            client.recv(timeout=1)


def _answers(server: RunningServer) -> bool:
    try:
        return server.get("/") == b"fine"
    except OSError:
        return False
