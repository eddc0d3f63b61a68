"""Malformed input through the whole Socket.IO door, in process, over both transports."""

import asyncio
import logging
from http import HTTPStatus
from itertools import cycle
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.urls import path

from bench.fuzz import ErrorLog, Outcome
from bench.malformed import Malformed
from realtime.doors.http_answers import TEXT, respond
from realtime.exceptions import SessionClosed
from realtime.namespaces.consumer import NamespaceConsumer
from realtime.namespaces.identity import Identity
from realtime.server import realtime_application
from realtime.testing.engine_clients import WebSocketEngine
from realtime.testing.in_process import Answer, InProcessWebSocket, Origin, request
from realtime.transports.base import AsgiApplication, Receive, Scope, Send

PATH = "/socket.io/"
TIMEOUT_S = 10.0
# A session is given so much at most before the next is tried.
PER_SESSION = 8


async def fuzz_door(count: int, seed: int, outcome: Outcome) -> None:
    """Put ``count`` inputs to an application, beside a client that must not notice."""
    routes = [path("", NamespaceConsumer.as_asgi()), path("lab", NamespaceConsumer.as_asgi())]
    application = realtime_application(routes, http=_nothing)
    log = ErrorLog(outcome)
    logging.getLogger("realtime").addHandler(log)
    malformed = Malformed(seed)
    await application.lifecycle.start()
    try:
        bystander = await WebSocketEngine.open(application, Origin(), PATH, {})
        await bystander.send(["40"])
        await bystander.receive()
        visits = cycle([_post_rubbish, _send_rubbish])
        done = 0
        while done < count:
            done += await next(visits)(application, malformed, outcome)
        await bystander.send(['420["still here"]'])
        if "unknown_event" not in str((await bystander.receive()).data):
            outcome.faults.append("somebody else's session was hurt")
        await bystander.close()
    finally:
        await application.lifecycle.stop()
        logging.getLogger("realtime").removeHandler(log)


async def _post_rubbish(
    application: AsgiApplication, malformed: Malformed, outcome: Outcome
) -> int:
    query = {"EIO": "4", "transport": "polling"}

    async def ask(method: str, body: bytes = b"") -> Answer:
        async with asyncio.timeout(TIMEOUT_S):
            scope = Origin().scope("http", PATH, query)
            return await request(application, scope, method, body)

    opening = (await ask("GET")).body.decode()
    query["sid"] = opening.partition('"sid":"')[2].partition('"')[0]
    await ask("POST", b"40\x1e40/lab,")
    # Both are admitted by then.
    await ask("GET")
    for tried in range(PER_SESSION):
        status = (await ask("POST", malformed.body())).status
        if status == HTTPStatus.OK:
            outcome.read += 1
            continue
        outcome.refused += 1
        if status != HTTPStatus.BAD_REQUEST:
            outcome.faults.append(f"a POST was answered {status}")
        return tried + 1
    await ask("POST", b"1")
    return PER_SESSION


async def _send_rubbish(
    application: AsgiApplication, malformed: Malformed, outcome: Outcome
) -> int:
    query = {"EIO": "4", "transport": "websocket"}
    socket = InProcessWebSocket(application, Origin().scope("websocket", PATH, query))
    await socket.open()
    socket.send("40")
    for _ in range(PER_SESSION):
        socket.send(malformed.message())
    # A ping from a client is what no session forgives.
    socket.send("2")
    try:
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                await socket.receive()
    except SessionClosed:
        outcome.refused += 1
    socket.leave()
    await socket.left()
    return PER_SESSION


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Stand for the project's own application."""
    del scope, receive
    await respond(send, HTTPStatus.NOT_FOUND, TEXT)


async def anybody(scope: Scope, auth: dict[str, Any]) -> Identity:
    """Let everybody in: there is no database here."""
    del scope, auth
    return Identity(AnonymousUser(), name="Guest", guest_id="anybody")
