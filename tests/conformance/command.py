"""The command line: configure Django for one profile, and serve until a signal."""

import argparse
import importlib
from typing import Any

import django
from django.conf import settings

from tests.conformance.profiles import PROFILES, installed_apps

SERVERS = ("uvicorn", "daphne", "granian")


def main() -> None:
    """Serve one profile on 127.0.0.1."""
    arguments = _parse()
    _configure(arguments)
    # Only now: everything below needs Django's settings.
    from realtime.conf import options  # noqa: PLC0415
    from realtime.servers.listening import bind, raise_open_files  # noqa: PLC0415
    from tests.conformance.application import make_application  # noqa: PLC0415

    serve = importlib.import_module(f"realtime.servers.{arguments.server}").serve
    application = make_application(PROFILES[arguments.profile])
    raise_open_files()
    sockets = bind("127.0.0.1", arguments.port)
    port = sockets[0].getsockname()[1]
    serve(application, sockets, options(), ready=lambda: print("ready", port, flush=True))  # noqa: T201


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.conformance", description=__doc__)
    parser.add_argument("--profile", choices=PROFILES, required=True)
    parser.add_argument("--port", type=int, required=True, help="0: any that is free")
    parser.add_argument("--parser", choices=("default", "msgpack"), default="default")
    parser.add_argument("--server", choices=SERVERS, default="uvicorn")
    parser.add_argument("--redis", help="a Redis to share with further processes")
    parser.add_argument("--prefix", default="conformance", help="the name to share on that Redis")
    return parser.parse_args()


def _configure(arguments: argparse.Namespace) -> None:
    options: dict[str, Any] = {
        **PROFILES[arguments.profile].options,
        "PARSER": arguments.parser,
    }
    layer: dict[str, Any] = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    if arguments.redis:
        layer = {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [arguments.redis], "prefix": arguments.prefix},
        }
    settings.configure(
        SECRET_KEY="conformance",
        ALLOWED_HOSTS=["127.0.0.1", "localhost"],
        INSTALLED_APPS=installed_apps(),
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        CHANNEL_LAYERS={"default": layer},
        REALTIME=options,
        USE_TZ=True,
    )
    django.setup()
