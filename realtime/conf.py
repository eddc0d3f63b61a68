"""The engine's options: one frozen value made of ``settings.REALTIME`` and the environment.

Every limit, time-out and default is named here once, with its unit in its name. The environment's
``REALTIME_<NAME>`` wins over ``settings.REALTIME["<NAME>"]``; a wrong or unknown option stops the
start with a message that names it.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache, lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Final, get_origin

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

ENVIRONMENT_PREFIX: Final = "REALTIME_"
Network = IPv4Network | IPv6Network
_PARSERS = ("default", "msgpack")
_TRANSPORTS = ("polling", "websocket")


@dataclass(frozen=True, slots=True)
class Options:
    """Every option with its default; ``_s`` are seconds, ``_bytes`` bytes. 0 turns a limit off."""

    # Heartbeat: a ping each interval, an answer within the time-out.
    ping_interval_s: float = 25.0
    ping_timeout_s: float = 20.0
    # A session that joins no namespace; an upgrade that does not finish.
    connect_timeout_s: float = 20.0
    upgrade_timeout_s: float = 10.0
    # One message on the Socket.IO door; one frame on the plain door.
    max_payload_bytes: int = 1_000_000
    max_frame_bytes: int = 65_536
    max_attachments: int = 10
    max_json_depth: int = 32
    # Namespaces of one session; rooms that one socket asks for.
    max_namespaces: int = 16
    max_rooms: int = 50
    max_sessions_per_user: int = 50
    max_sessions_per_address: int = 500
    # Token buckets of one socket.
    events_per_s: float = 50.0
    events_burst: int = 100
    joins_per_s: float = 10.0
    joins_burst: int = 20
    # What waits for one socket's client; what one socket's handlers have not taken yet.
    outbox_bytes: int = 1_048_576
    outbox_messages: int = 1_000
    inbox_messages: int = 16
    ack_timeout_s: float = 20.0
    max_pending_acks: int = 256
    # Wrong passwords of one person in one room; four times as many of one address.
    password_tries: int = 5
    password_window_s: float = 600.0
    # Above this many persons a room announces counts instead of names.
    announce_max: int = 500
    # Connection state recovery; 0 s is off.
    recovery_s: float = 0.0
    recovery_packets: int = 500
    recovery_bytes: int = 1_048_576
    history_page: int = 100
    decision_days: int = 30
    # Whether joins that were let in are recorded too: a row for each.
    record_joins: bool = False
    recheck_s: float = 7.0
    # A process's claim on its connections: renewed and swept each quarter of it.
    lease_s: float = 20.0
    drain_s: float = 10.0
    database_threads: int = 4
    # Objects after which the interpreter looks for garbage, in servers that we start.
    gc_threshold: int = 20_000
    # Further origins allowed on both doors; "*" allows every one.
    allowed_origins: tuple[str, ...] = ()
    metrics_networks: tuple[str, ...] = ()
    metrics_token: str = field(default="", repr=False)
    parser: str = "default"
    transports: tuple[str, ...] = ("polling", "websocket")
    # Whether the official client's files are served, and from which folder.
    serve_client: bool = True
    client_files: str = ""
    socketio_path: str = "/socket.io/"
    ws_prefix: str = "/ws/"
    authenticators: tuple[str, ...] = (
        "realtime.namespaces.authenticators.ticket",
        "realtime.namespaces.authenticators.django_session",
        "realtime.namespaces.authenticators.guest",
    )


@dataclass(frozen=True, slots=True, init=False)
class Limits:
    """Options that one consumer class overrides: ``limits = Limits(events_per_s=200)``."""

    overrides: Mapping[str, Any]

    def __init__(self, **overrides: float) -> None:
        for name, value in overrides.items():
            _require_known(name)
            if name not in PER_CLASS:
                raise ImproperlyConfigured(f"{name} cannot be set for one consumer class")
            _parse(name, value)
        object.__setattr__(self, "overrides", dict(overrides))

    def applied_to(self, options: Options) -> Options:
        """Return the options with these in their place."""
        return replace(options, **self.overrides)


# What is decided per socket, and so may differ by the class that serves it.
PER_CLASS: Final = frozenset(
    {
        "max_rooms",
        "events_per_s",
        "events_burst",
        "joins_per_s",
        "joins_burst",
        "inbox_messages",
        "ack_timeout_s",
        "max_pending_acks",
        "password_tries",
        "password_window_s",
        "announce_max",
        "history_page",
    }
)
_POSITIVE = frozenset(
    {
        "ping_interval_s",
        "ping_timeout_s",
        "connect_timeout_s",
        "upgrade_timeout_s",
        "max_payload_bytes",
        "max_frame_bytes",
        "max_json_depth",
        "inbox_messages",
        "ack_timeout_s",
        "history_page",
        "recheck_s",
        "lease_s",
        "database_threads",
    }
)
_FIELDS: Final = {each.name: each for each in fields(Options)}


@lru_cache(maxsize=1)
def options() -> Options:
    """Return this process's options; raises ``ImproperlyConfigured`` naming a wrong one."""
    configured = getattr(settings, "REALTIME", {})
    if not isinstance(configured, Mapping):
        raise ImproperlyConfigured("REALTIME must be a dict of options.")
    values: dict[str, Any] = {}
    for key, value in configured.items():
        name = str(key).lower()
        if str(key) != name.upper() or name not in _FIELDS:
            raise ImproperlyConfigured(f"REALTIME[{key!r}] is not an option.{_hint(name)}")
        values[name] = _parse(name, value, f"REALTIME[{key!r}]")
    for key, text in os.environ.items():
        if not key.startswith(ENVIRONMENT_PREFIX):
            continue
        name = key.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name not in _FIELDS:
            raise ImproperlyConfigured(f"{key} in the environment is not an option.{_hint(name)}")
        values[name] = _parse(name, text, key)
    read = Options(**values)
    if read.socketio_path == read.ws_prefix:
        raise ImproperlyConfigured(
            f"SOCKETIO_PATH and WS_PREFIX are both {read.ws_prefix!r}: each door has its own."
        )
    return read


@cache
def trusted_proxies() -> tuple[Network, ...]:
    """Return ``settings.TRUSTED_PROXIES`` as networks: whose forwarding headers count."""
    configured = getattr(settings, "TRUSTED_PROXIES", ())
    try:
        networks = tuple(ip_network(str(item).strip()) for item in configured)
    except ValueError as error:
        raise ImproperlyConfigured(f"TRUSTED_PROXIES: {error}.") from error
    if any(network.prefixlen == 0 for network in networks):
        raise ImproperlyConfigured("TRUSTED_PROXIES: a network of all addresses trusts everybody.")
    return networks


def client_folder() -> Path:
    """Return the folder of the official client's builds."""
    configured = options().client_files
    if configured:
        return Path(configured)
    base = getattr(settings, "BASE_DIR", None)
    return Path(base or Path.cwd()) / "node_modules" / "socket.io-client" / "dist"


def forget_options() -> None:
    """Read the settings anew at the next call; tests that change settings need it."""
    options.cache_clear()
    trusted_proxies.cache_clear()


def _require_known(name: str) -> None:
    if name not in _FIELDS:
        raise ImproperlyConfigured(f"{name} is not an option.{_hint(name)}")


def _hint(name: str) -> str:
    # difflib is only wanted on this path, which ends the start.
    from difflib import get_close_matches  # noqa: PLC0415

    close = get_close_matches(name, _FIELDS, n=1)
    return f" Did you mean {close[0].upper()}?" if close else ""


def _parse(name: str, value: object, label: str | None = None) -> Any:  # noqa: ANN401
    label = label or name.upper()
    kind = _FIELDS[name].type
    parse = _PARSE_BY_ORIGIN[get_origin(kind) or kind]
    try:
        parsed = parse(value)
    except (TypeError, ValueError) as error:
        raise ImproperlyConfigured(f"{label} is {value!r}: {error}.") from error
    problem = _problem(name, parsed)
    if problem:
        shown = "wrong" if name == "metrics_token" else repr(value)
        raise ImproperlyConfigured(f"{label} is {shown}: {problem}.")
    return parsed


def _problem(name: str, value: Any) -> str | None:  # noqa: ANN401, PLR0911 - a list of rules
    if isinstance(value, int | float) and not isinstance(value, bool):
        if name in _POSITIVE and value <= 0:
            return "it must be greater than 0"
        if value < 0 or value != value:  # noqa: PLR0124 - NaN is the one value unlike itself
            return "it must not be negative"
    if name == "parser" and value not in _PARSERS:
        return f"it must be one of {', '.join(_PARSERS)}"
    if name == "transports" and (not value or set(value) - set(_TRANSPORTS)):
        return f"it must name some of {', '.join(_TRANSPORTS)}"
    if name in {"socketio_path", "ws_prefix"} and not (
        len(value) > 1 and value.startswith("/") and value.endswith("/")
    ):
        return "it must start and end with a slash and name a path between them"
    if name == "allowed_origins":
        return _origins_problem(value)
    if name == "metrics_networks":
        return _networks_problem(value)
    if name == "metrics_token" and not all("!" <= character <= "~" for character in value):
        return "a bearer token has printable ASCII characters only, and no spaces"
    return None


def _origins_problem(origins: tuple[str, ...]) -> str | None:
    for origin in origins:
        scheme, separator, rest = origin.partition("://")
        if origin != "*" and not (separator and scheme and rest and "/" not in rest):
            return f"{origin!r} is no origin such as https://example.com"
    return None


def _networks_problem(networks: tuple[str, ...]) -> str | None:
    try:
        for network in networks:
            ip_network(network)
    except ValueError as error:
        return str(error)
    return None


def _parse_int(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError("it must be a whole number")
    try:
        return int(value)
    except ValueError:
        raise ValueError("it must be a whole number") from None


def _parse_float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("it must be a number")
    try:
        number = float(value)
    except ValueError:
        raise ValueError("it must be a number") from None
    if number == float("inf"):
        raise ValueError("it must be finite")
    return number


def _parse_bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    words = {"1": True, "true": True, "yes": True, "on": True}
    words |= {"0": False, "false": False, "no": False, "off": False, "": False}
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise ValueError("it must be true or false")


def _parse_text(value: object) -> str:
    if not isinstance(value, str | os.PathLike):
        raise TypeError("it must be a text")
    return os.fspath(value)


def _parse_texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if not isinstance(value, list | tuple | set | frozenset):
        raise TypeError("it must be a list of texts")
    return tuple(_parse_text(item) for item in value)


_PARSE_BY_ORIGIN: Final[Mapping[Any, Callable[[object], Any]]] = {
    int: _parse_int,
    float: _parse_float,
    bool: _parse_bool,
    str: _parse_text,
    tuple: _parse_texts,
}
