"""A Redis of a test's own, to be stopped, paused and started again; it stores nothing."""

import shutil
import signal
import socket
import subprocess
import time
from types import TracebackType
from typing import Self

START_S = 10.0
NOTHING_KEPT = ("--save", "", "--appendonly", "no")


class RedisServer:
    """One ``redis-server`` on a port of 127.0.0.1. Use it as a context."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"redis://127.0.0.1:{port}"
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def is_installed() -> bool:
        """Say whether there is a ``redis-server`` to start."""
        return shutil.which("redis-server") is not None

    def start(self) -> None:
        """Start it, empty, and return once it answers."""
        self._process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", *NOTHING_KEPT],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_S
        while not self._answers():
            assert self._process.poll() is None, f"redis-server ended at once on {self.port}"
            assert time.monotonic() < deadline, f"redis-server does not answer on {self.port}"
            time.sleep(0.02)

    def stop(self) -> None:
        """End it; what it knew is gone."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait(START_S)
            self._process = None

    def pause(self) -> None:
        """Let it keep its connections and answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                probe.sendall(b"PING\r\n")
                return probe.recv(16).startswith(b"+PONG")
        except OSError:
            return False
