"""Opening clients: ``async with connect("/lobby", user=alice) as socket``, and without async."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from http.cookies import Morsel
from importlib import import_module
from typing import Any, Literal, TypeAlias

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from realtime.exceptions import UsageError
from realtime.namespaces.identity import User
from realtime.namespaces.tickets import issue_ticket
from realtime.testing.client import Client
from realtime.testing.engine_clients import PollingEngine, WebSocketEngine
from realtime.testing.heard import DEADLINE_S, WaitFailed
from realtime.testing.in_process import Origin
from realtime.testing.links import Link
from realtime.testing.plain_link import PlainLink
from realtime.testing.running import Running, forget_applications, running_application
from realtime.testing.socketio_codecs import codec_of
from realtime.testing.socketio_link import SocketIoLink
from realtime.testing.sync_client import SyncClient, SyncLoop

Door: TypeAlias = Literal["socket.io", "plain"]
Transport: TypeAlias = Literal["websocket", "polling", "upgrade"]
Cookies: TypeAlias = Mapping[str, str | Morsel[str]]

_DOORS = ("socket.io", "plain")
_TRANSPORTS = ("websocket", "polling", "upgrade")
_TICKETS = "realtime.namespaces.authenticators.ticket"


@asynccontextmanager
async def connect(
    namespace: str = "/",
    *,
    user: User | None = None,
    auth: Mapping[str, Any] | None = None,
    door: Door = "socket.io",
    transport: Transport = "websocket",
    headers: Mapping[str, str] | None = None,
    cookies: Cookies | None = None,
    query: Mapping[str, str] | None = None,
    address: str = "127.0.0.1",
    application: object = None,
    deadline_s: float = DEADLINE_S,
) -> AsyncIterator[Client]:
    """Open a socket to an application in this process; it leaves at the end of the block.

    ``user`` is signed in by a ticket, or by a browser session where tickets are not taken; without
    one the socket is a guest's. ``auth`` is CONNECT's payload; on the plain door it goes into the
    query. ``upgrade`` begins with polling and has gone over when the block begins.
    ``application`` is what ``realtime_application()`` returned, by default ``ASGI_APPLICATION``.
    Raises ``Refused`` when the server refuses: its code, message and data; ``handshake_refused``
    with the ``status`` if there was only an HTTP answer.
    """
    _check(namespace, door, transport)
    async with running_application(application) as running:
        whole_auth = dict(auth or {})
        whole_cookies = {
            name: value.value if isinstance(value, Morsel) else value
            for name, value in (cookies or {}).items()
        }
        if user is not None:
            await _sign_in(running, user, whole_auth, whole_cookies)
        origin = Origin(_header_lines(headers or {}, whole_cookies), address)
        way = _Way(door, transport, origin, query or {}, deadline_s)
        async with _opened(running, way) as (link, engine):
            running.remember_auth(link, whole_auth)
            client = Client(running, link, namespace, deadline_s)
            await client.enter(whole_auth)
            try:
                if transport == "upgrade" and engine is not None:
                    await client.upgrade(engine)
                yield client
            finally:
                await client.disconnect()


@contextmanager
def connect_sync(
    namespace: str = "/",
    *,
    user: User | None = None,
    auth: Mapping[str, Any] | None = None,
    door: Door = "socket.io",
    transport: Transport = "websocket",
    headers: Mapping[str, str] | None = None,
    cookies: Cookies | None = None,
    query: Mapping[str, str] | None = None,
    address: str = "127.0.0.1",
    application: object = None,
    deadline_s: float = DEADLINE_S,
) -> Iterator[SyncClient]:
    """Do what ``connect`` does, for tests without async: the same arguments, the same errors.

    The application runs in a thread of its own, its database work in the test's thread, whenever
    that waits for a client.
    """
    with SyncLoop.of_this_thread() as loop:
        opening = connect(
            namespace,
            user=user,
            auth=auth,
            door=door,
            transport=transport,
            headers=headers,
            cookies=cookies,
            query=query,
            address=address,
            application=application,
            deadline_s=deadline_s,
        )
        with loop.entered(_on_executor(application, loop, opening)) as client:
            yield SyncClient(loop, client)


@asynccontextmanager
async def serving(application: object = None) -> AsyncIterator[None]:
    """Keep an application up from client to client; else each first client starts it anew."""
    async with running_application(application):
        yield


@contextmanager
def serving_sync(application: object = None) -> Iterator[None]:
    """Do what ``serving`` does, for tests without async."""
    with (
        SyncLoop.of_this_thread() as loop,
        loop.entered(running_application(application, loop.executor)),
    ):
        yield


def require_all_left() -> None:
    """Leave what a test has not left, and raise ``AssertionError`` if there was anything."""
    loop = SyncLoop.find()
    if loop is not None:
        loop.leave_all()
    if forget_applications() or loop is not None:
        raise AssertionError("a client was not left: open each in a with block")


@asynccontextmanager
async def _on_executor(
    application: object, loop: SyncLoop, opening: AbstractAsyncContextManager[Client]
) -> AsyncIterator[Client]:
    async with running_application(application, loop.executor), opening as client:
        yield client


@dataclass(frozen=True, slots=True)
class _Way:
    door: Door
    transport: Transport
    origin: Origin
    query: Mapping[str, str]
    deadline_s: float


@asynccontextmanager
async def _opened(running: Running, way: _Way) -> AsyncIterator[tuple[Link, PollingEngine | None]]:
    try:
        async with asyncio.timeout(way.deadline_s):
            link, polling = await _open_link(running, way)
    except TimeoutError:
        raise WaitFailed(f"waited for the handshake, for {way.deadline_s:g} s in vain") from None
    try:
        yield link, polling
    finally:
        await link.close()


async def _open_link(running: Running, way: _Way) -> tuple[Link, PollingEngine | None]:
    application = running.application
    options = running.process.options
    if way.door == "plain":
        return PlainLink(application, way.origin, options.ws_prefix, way.query), None
    path = options.socketio_path
    codec = codec_of(options)
    if way.transport == "websocket":
        engine = await WebSocketEngine.open(application, way.origin, path, way.query)
        return SocketIoLink(engine, codec), None
    polling = await PollingEngine.open(application, way.origin, path, way.query)
    return SocketIoLink(polling, codec), polling


async def _sign_in(
    running: Running, user: User, auth: dict[str, Any], cookies: dict[str, str]
) -> None:
    if _TICKETS in running.process.options.authenticators:
        auth["ticket"] = await running.process.database.run(issue_ticket, user)
    else:
        session_key = await running.process.database.run(_make_session, user)
        cookies[settings.SESSION_COOKIE_NAME] = session_key


def _make_session(user: Any) -> str:  # noqa: ANN401 - any user model
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    # As django.contrib.auth.login() writes it.
    session[SESSION_KEY] = type(user)._meta.pk.value_to_string(user)  # noqa: SLF001
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)


def _header_lines(
    headers: Mapping[str, str], cookies: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    lines = tuple(headers.items())
    if cookies:
        lines += (("cookie", "; ".join(f"{name}={value}" for name, value in cookies.items())),)
    return lines


def _check(namespace: str, door: str, transport: str) -> None:
    if not namespace.startswith("/"):
        raise UsageError(f'a namespace starts with a slash: connect("/{namespace}")')
    if door not in _DOORS:
        raise UsageError(f"there is no door {door!r}: say one of {', '.join(_DOORS)}")
    if transport not in _TRANSPORTS:
        raise UsageError(f"no transport {transport!r}: say one of {', '.join(_TRANSPORTS)}")
    if door == "plain" and transport != "websocket":
        raise UsageError("the plain door has no transport but websocket")
