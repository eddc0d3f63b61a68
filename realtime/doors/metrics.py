"""`/metrics`: Prometheus text, for those who may read it.

These are staff by their browser's session, whoever brings ``METRICS_TOKEN``, and peers in
``METRICS_NETWORKS`` whose request no proxy has forwarded. Stands before Django: a scraper needs no
allowed host and no thread, and is answered while a process drains.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from hmac import compare_digest
from http import HTTPStatus
from importlib import import_module
from ipaddress import ip_network

from realtime.conf import options
from realtime.doors.http_answers import NO_STORE, TEXT, Headers, respond
from realtime.namespaces.addresses import is_forwarded, is_peer_in
from realtime.namespaces.authenticators import django_session
from realtime.namespaces.figures import take_figures
from realtime.namespaces.running import find_process
from realtime.transports.base import AsgiApplication, Receive, Scope, Send

logger = logging.getLogger(__name__)

PATH = "/metrics"
_BEARER = b"bearer "
_FORBIDDEN = b"Metrics are for staff, for METRICS_TOKEN and for METRICS_NETWORKS.\n"
_NOT_INSTALLED = b"Metrics need the package prometheus-client: pip install 'roomkey[metrics]'\n"
_NOT_SERVING = b"This process serves no sockets yet.\n"


async def start_nothing() -> None:
    """Start nothing: whatever serves sockets has been started."""


class MetricsDoor:
    """Answer ``/metrics``, and hand everything else to the application.

    ``start`` begins to serve sockets where the server's own command has not done so.
    """

    def __init__(
        self,
        application: AsgiApplication,
        *,
        start: Callable[[], Awaitable[None]] = start_nothing,
    ) -> None:
        self._application = application
        self._start = start

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http" and scope.get("path") == PATH:
            await self._answer(scope, send)
        else:
            await self._application(scope, receive, send)

    async def _answer(self, scope: Scope, send: Send) -> None:
        is_head = scope["method"] == "HEAD"
        if not is_head and scope["method"] != "GET":
            allow: Headers = [(b"allow", b"GET, HEAD")]
            await respond(send, HTTPStatus.METHOD_NOT_ALLOWED, [*TEXT, *NO_STORE, *allow])
            return
        await self._start()
        status, headers, body = await _metrics(scope)
        await respond(send, status, [*headers, *NO_STORE], body, is_head=is_head)


async def _metrics(scope: Scope) -> tuple[HTTPStatus, Headers, bytes]:
    if not await may_read(scope):
        return HTTPStatus.FORBIDDEN, TEXT, _FORBIDDEN
    try:
        # Optional: a site without a Prometheus does without it.
        text = import_module("realtime.doors.metrics_text")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "prometheus_client":
            raise
        return HTTPStatus.NOT_IMPLEMENTED, TEXT, _NOT_INSTALLED
    process = find_process()
    if process is None:
        return HTTPStatus.SERVICE_UNAVAILABLE, TEXT, _NOT_SERVING
    figures = await take_figures(process)
    accept = _header(scope, b"accept").decode("latin-1")
    # Thousands of lines take milliseconds, which belong to the sockets.
    body, content_type = await asyncio.to_thread(text.render, figures, accept)
    return HTTPStatus.OK, [(b"content-type", content_type.encode())], body


async def may_read(scope: Scope) -> bool:
    """Say whether a request comes from somebody who may read the metrics."""
    given = options()
    token = _header(scope, b"authorization")
    if token[: len(_BEARER)].lower() == _BEARER and given.metrics_token:
        expected = given.metrics_token.encode()
        if compare_digest(token[len(_BEARER) :].strip(), expected):
            return True
    networks = tuple(ip_network(network) for network in given.metrics_networks)
    if is_peer_in(scope, networks) and not is_forwarded(scope):
        return True
    return await _is_staff(scope)


async def _is_staff(scope: Scope) -> bool:
    try:
        identity = await django_session(scope, {})
    except Exception:
        # A database that is away must not show the metrics to anybody, nor a traceback.
        logger.exception("staff could not be asked for")
        return False
    user = identity.user if identity is not None else None
    return bool(getattr(user, "is_active", False) and getattr(user, "is_staff", False))


def _header(scope: Scope, name: bytes) -> bytes:
    return next((bytes(value) for key, value in scope["headers"] if key == name), b"")
