"""The official JavaScript client under Node, as a ``Client``; one program serves many tests.

The program is ``tests/live/js/client.mjs``. It outlives the event loops of the tests, so that a
thread reads what it says.
"""

import asyncio
import json
import subprocess
import threading
from contextlib import suppress
from itertools import count
from typing import Any

from tests.helpers.live_clients import DEADLINE_S, Caller, Client, ConnectRefusedError
from tests.helpers.services import ROOT

PROGRAM = ROOT / "tests" / "live" / "js" / "client.mjs"


class NodeProgram:
    """The running program: commands go in, and what happens goes to the socket concerned."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", str(PROGRAM)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._clients: dict[int, NodeClient] = {}
        self._numbers = count()
        self._reader = threading.Thread(target=self._read, name="node")
        self._reader.start()

    async def connect(self, caller: Caller) -> "NodeClient":
        """Come in, or raise ``ConnectRefusedError``."""
        client = NodeClient(self, next(self._numbers))
        self._clients[client.number] = client
        client.command(
            "connect",
            url=caller.url,
            namespace=caller.namespace,
            auth=caller.auth,
            headers=dict(caller.headers),
            transports=caller.transports,
        )
        async with asyncio.timeout(DEADLINE_S):
            client.sid = await client.connecting
        return client

    def write(self, command: dict[str, Any]) -> None:
        """Give the program a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        """End the program: it hangs up by itself when nobody commands any more."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        code = self._process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        assert code == 0, f"the JavaScript program ended with {code}"

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._pass_on(json.loads(line))

    def _pass_on(self, fact: dict[str, Any]) -> None:
        number = fact.pop("id")
        client = self._clients.get(number)
        # A test may be over, and its loop closed, before the last of its sockets has said so.
        if client is None or client.loop.is_closed():
            return
        with suppress(RuntimeError):
            client.loop.call_soon_threadsafe(client.learn, fact)
        if fact["is"] == "closed":
            del self._clients[number]


class NodeClient(Client):
    """One socket of the official JavaScript client."""

    def __init__(self, program: NodeProgram, number: int) -> None:
        super().__init__()
        self.number = number
        self.loop = asyncio.get_running_loop()
        self.connecting: asyncio.Future[str] = self.loop.create_future()
        self._closing = asyncio.Event()
        self._program = program
        self._acks: dict[int, asyncio.Future[list[Any]]] = {}
        self._next_call = 0

    def command(self, what: str, **fields: Any) -> None:
        """Have the program do something with this socket."""
        self._program.write({"do": what, "id": self.number, **fields})

    async def tell(self, event: str, *args: Any) -> None:
        self.command("tell", event=event, args=args)

    async def ask(self, event: str, *args: Any) -> Any:
        call = self._next_call
        self._next_call += 1
        future = self._acks[call] = self.loop.create_future()
        self.command("ask", call=call, event=event, args=args)
        async with asyncio.timeout(DEADLINE_S):
            answer: list[Any] = await future
        return answer[0] if len(answer) == 1 else answer

    async def close(self) -> None:
        self.command("close")
        async with asyncio.timeout(DEADLINE_S):
            await self._closing.wait()

    def learn(self, fact: dict[str, Any]) -> None:
        """Take in something that happened to this socket."""
        match fact["is"]:
            case "connected":
                self.connecting.set_result(fact["sid"])
            case "refused":
                refused = ConnectRefusedError(fact["message"], fact["data"])
                self.connecting.set_exception(refused)
            case "event":
                self.take(fact["event"], fact["args"])
            case "ack":
                self.answered(fact["answer"])
                self._acks.pop(fact["call"]).set_result(fact["answer"])
            case "ended":
                self.take_end(fact["reason"])
            case "closed":
                self._closing.set()
