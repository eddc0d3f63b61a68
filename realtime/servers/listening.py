"""The process's sockets and file limits, prepared before a server is started.

Binding ourselves gives every server the same clear errors, before the application starts.
"""

import errno
import logging
import resource
import socket
from collections.abc import Sequence
from typing import Final

from realtime.exceptions import UsageError

logger = logging.getLogger(__name__)

# Reconnect storms come in bursts; the kernel caps this at net.core.somaxconn.
BACKLOG: Final = 2048


def bind(host: str, port: int) -> list[socket.socket]:
    """Bind every address of ``host`` without listening yet; port 0 takes a free one.

    Raises ``UsageError`` with one line for people when the host or the port cannot be had.
    """
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{host!r} is not the name or address of a host.") from error
    bound: list[socket.socket] = []
    failure: OSError | None = None
    for family, kind, protocol, _, address in dict.fromkeys(found):
        try:
            bound.append(_bind_one(family, kind, protocol, address))
        except OSError as error:
            # A name may stand for an address that this machine lacks, such as localhost's ::1.
            if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                _close(bound)
                raise UsageError(_explain(error, host, port)) from error
            failure = error
        if bound and port == 0:
            # Each address would get a port of its own.
            break
    if not bound:
        raise UsageError(_explain(failure, host, port)) from failure
    return bound


def listen(sockets: Sequence[socket.socket]) -> None:
    """Begin to take connections; raises ``UsageError`` when another process was faster."""
    for each in sockets:
        try:
            each.listen(BACKLOG)
        except OSError as error:
            host, port = each.getsockname()[:2]
            _close(sockets)
            raise UsageError(_explain(error, host, port)) from error


def describe(sockets: Sequence[socket.socket]) -> str:
    """Return the addresses as URLs, for the line that says where the server answers."""
    urls = []
    for each in sockets:
        host, port = each.getsockname()[:2]
        urls.append(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
    return " and ".join(urls)


def raise_open_files() -> int:
    """Raise the soft limit of open files to the hard one; return the limit that holds.

    One descriptor a connection: the usual 1,024 is less than one busy room.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            # macOS calls its hard limit unlimited and refuses it.
            logger.warning("the limit of open files stays", extra={"limit": soft})
            return soft
    return hard


def _bind_one(family: int, kind: int, protocol: int, address: tuple[object, ...]) -> socket.socket:
    made = socket.socket(family, kind, protocol)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def _close(sockets: Sequence[socket.socket]) -> None:
    for each in sockets:
        each.close()


def _explain(error: OSError | None, host: str, port: int) -> str:
    code = error.errno if error is not None else None
    if code == errno.EADDRINUSE:
        return (
            f"Port {port} of {host} is in use: another server runs there, or choose another port."
        )
    if code == errno.EACCES:
        return f"Port {port} of {host} needs rights that this user lacks: choose one above 1023."
    if code in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, None}:
        return f"{host!r} is not an address of this machine."
    return f"Cannot listen on port {port} of {host}: {error}."
