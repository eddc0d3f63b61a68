"""Children of the benchmark: bounded in time, pinned to their core, ended on any exit."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
SERVER_CORE = 0
LOAD_CORE = 1

START_TIMEOUT_S = 40.0
STOP_TIMEOUT_S = 15.0
PREPARE_TIMEOUT_S = 60.0


class RunError(Exception):
    """A child did not start, did not end in time, or failed; says what it wrote."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


@contextlib.contextmanager
def running_server(command: list[str], port: int, environment: Mapping[str, str]) -> Iterator[int]:
    """The pid of ``command``, once it answers on ``port``; it is ended when the block is left.

    Raises ``RunError`` when it ends or stays silent for 40 s. What the block raises is raised
    with the last lines that the server wrote.
    """
    with TemporaryFile("w+") as output, _started(command, environment, output) as process:
        _wait_until_listening(process, port, output)
        try:
            yield process.pid
        except RunError as error:
            raise RunError(f"{error}\nthe server wrote: {_read_tail(output)}") from None


def run_load(arguments: list[str], *, timeout_s: float) -> str:
    """Run a module on the load's core and return what it wrote to its standard output.

    Raises ``RunError`` when it fails or takes longer than ``timeout_s``.
    """
    return _run(_launched(LOAD_CORE, [sys.executable, "-m", *arguments]), {}, timeout_s)


def run_command(command: list[str], environment: Mapping[str, str]) -> None:
    """Run a short preparing command. Raises ``RunError`` when it fails or takes over a minute."""
    _run(command, environment, PREPARE_TIMEOUT_S)


def _run(command: list[str], environment: Mapping[str, str], timeout_s: float) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        raise RunError(f"not done within {timeout_s:.0f} s: {' '.join(command)}") from None
    if done.returncode != 0:
        reason = _tail(done.stderr) or f"exit code {done.returncode}"
        raise RunError(f"{reason}\nfrom: {' '.join(command)}")
    return done.stdout


def _launched(core: int, command: list[str]) -> list[str]:
    return [sys.executable, "-m", "bench.launch", str(core), *command]


@contextlib.contextmanager
def _started(
    command: list[str], environment: Mapping[str, str], output: IO[str]
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        _launched(SERVER_CORE, command),
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        # Its own process group: what it started ends with it, and Ctrl-C reaches us alone.
        start_new_session=True,
    )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM first, as an operator would; SIGKILL to the group for what is left."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_TIMEOUT_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, output: IO[str]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RunError(f"the server ended at once: {_read_tail(output)}")
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.05)
    raise RunError(f"the server did not listen within {START_TIMEOUT_S:.0f} s")


def _read_tail(output: IO[str]) -> str:
    output.seek(0)
    return _tail(output.read()) or "nothing"


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-15:])
