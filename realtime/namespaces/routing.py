"""One routing table for both doors: which consumer class serves a namespace."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.urls import URLPattern
from django.urls.exceptions import Resolver404

from realtime.exceptions import UsageError
from realtime.namespaces.consumer import NamespaceConsumer

MAX_NAMESPACE_BYTES = 128


@dataclass(frozen=True, slots=True)
class Route:
    """A namespace and who serves it; ``url_route`` is what Channels' own router would set.

    ``pattern`` is the route as it was written, with a slash before it.
    """

    namespace: str
    consumer_class: type[NamespaceConsumer]
    initkwargs: dict[str, Any]
    url_route: dict[str, Any]
    pattern: str = ""

    def make_consumer(self) -> NamespaceConsumer:
        """Return a new instance, for one socket."""
        return self.consumer_class(**self.initkwargs)


class RoutingTable:
    """Django ``path()`` routes to consumers, tried in order; ``""`` is the namespace ``/``."""

    def __init__(self, routes: Sequence[URLPattern]) -> None:
        for route in routes:
            consumer_class = _consumer_class(route)
            if not inspect.isclass(consumer_class) or not issubclass(
                consumer_class, NamespaceConsumer
            ):
                raise UsageError(
                    f"{route.pattern!s} is no namespace: "
                    'write path("name", YourNamespaceConsumer.as_asgi())'
                )
        self._routes = tuple(routes)

    @property
    def routes(self) -> list[tuple[URLPattern, type[NamespaceConsumer]]]:
        """Every route with the class that it leads to, in the order in which they are tried."""
        return [(route, _consumer_class(route)) for route in self._routes]

    @property
    def consumer_classes(self) -> list[type[NamespaceConsumer]]:
        """Every class that serves some namespace, once."""
        return list(dict.fromkeys(_consumer_class(route) for route in self._routes))

    def match(self, namespace: str) -> Route | None:
        """Find who serves ``/name``, written exactly so; None if nobody does."""
        too_long = len(namespace.encode("utf-8", "surrogatepass")) > MAX_NAMESPACE_BYTES
        if too_long or not namespace.startswith("/"):
            return None
        for route in self._routes:
            try:
                match = route.pattern.match(namespace[1:])
            except Resolver404:
                continue
            if not match:
                continue
            rest, args, kwargs = match
            if rest:
                continue
            return Route(
                namespace=namespace,
                consumer_class=_consumer_class(route),
                initkwargs=getattr(route.callback, "consumer_initkwargs", {}),
                url_route={"args": args, "kwargs": {**kwargs, **route.default_args}},
                pattern=f"/{route.pattern}",
            )
        return None


def _consumer_class(route: URLPattern) -> type[NamespaceConsumer]:
    """Return the class that Channels' ``as_asgi()`` noted on the callback."""
    return cast("type[NamespaceConsumer]", getattr(route.callback, "consumer_class", None))
