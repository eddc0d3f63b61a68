"""What the console knows of the namespaces: their classes' events, as JSON values."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from django.urls import URLPattern

from realtime.contracts.description import Address, ClientEvent, address_of, describe
from realtime.namespaces.routing import RoutingTable

JsonDict = dict[str, Any]


def describe_routes(routes: Sequence[URLPattern], paths: Iterable[tuple[str, str]]) -> JsonDict:
    """Give classes with their events, the addresses that they answer at, and known namespaces.

    ``paths`` are known namespaces with their titles; those that no route answers are left out.
    Raises ``UsageError`` for an event whose type has no JSON Schema.
    """
    table = RoutingTable(routes)
    mounted = [(address_of(route), found) for route, found in table.routes]
    described = describe(mounted)
    by_address = {each.address.path: each for each in described.namespaces}
    names = {found: by_address[address.path].name for address, found in mounted}
    fixed = [(each.address.path, "") for each in described.namespaces if not _is_open(each.address)]
    known = {path: title for path, title in (*fixed, *paths) if table.match(path)}
    return {
        "namespaces": [
            {"path": path, "title": title, "class": _class_at(table, path, names)}
            for path, title in sorted(known.items())
        ],
        "patterns": [
            {"address": each.address.path, "class": each.name}
            for each in described.namespaces
            if _is_open(each.address)
        ],
        "classes": {
            each.name: {
                "summary": each.summary,
                "events": [_event(event) for event in each.from_client],
                "heard": [event.name for event in each.from_server],
            }
            for each in described.namespaces
        },
        "schemas": dict(described.schemas),
    }


def _is_open(address: Address) -> bool:
    """Say whether an address stands for many namespaces."""
    return bool(address.converters)


def _class_at(table: RoutingTable, path: str, names: dict[Any, str]) -> str:
    route = table.match(path)
    return names[route.consumer_class] if route is not None else ""


def _event(event: ClientEvent) -> JsonDict:
    return {
        "name": event.name,
        "summary": event.summary,
        "codes": event.codes,
        "arguments": [asdict(argument) for argument in event.arguments.each],
        "rest": event.arguments.rest,
    }
