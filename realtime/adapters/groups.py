"""The names of the layer's groups: this module alone maps rooms, namespaces and processes to them.

A group's name takes few characters and fewer than 100 of them; a room's name is any text, so what
stands for it is a digest.
"""

import itertools
import re
from hashlib import blake2b
from typing import Any

from realtime.adapters.base import Broadcast

_SOCKET_ID = re.compile(r"[A-Za-z0-9_-]{24}")
PROCESS_ID_CHARACTERS = 8
# The group of all processes, where each says that it lives.
EVERYBODY = "everybody"


def groups_of(broadcast: Broadcast) -> list[str]:
    """Return the groups that reach every process with a socket that a broadcast is for."""
    namespace = broadcast.namespace
    if broadcast.users or len(broadcast.rooms) != 1:
        # A user's sockets may be on any process that serves the namespace; and one in the groups
        # of several rooms would hear the event once for each.
        return [namespace_group(namespace)]
    (name,) = broadcast.rooms
    groups = [room_group(namespace, name)]
    if _SOCKET_ID.fullmatch(name):
        # A socket's id names its process: no group for each socket is needed.
        groups.append(process_group(name[:PROCESS_ID_CHARACTERS]))
    return groups


def namespace_group(namespace: str) -> str:
    """Return the group of all processes that serve a socket of this namespace."""
    return _group("namespace", namespace)


def room_group(namespace: str, room: str) -> str:
    """Return the group of all processes with a socket in this room."""
    return _group("room", namespace, room)


def process_group(process_id: str) -> str:
    """Return the group of one process."""
    return _group("process", process_id)


def probe_groups(layer: object, process_id: str) -> list[str]:
    """Return a group on each of the layer's hosts; the first is that of all processes."""
    groups = [process_group(EVERYBODY)]
    sharded: Any = layer
    # No public name of channels-redis says on which host a group lies.
    host_count = len(getattr(layer, "_shards", (None,)))

    def host_of(group: str) -> object:
        return sharded._get_shard(sharded._get_group_channel_name(group))  # noqa: SLF001

    if host_count == 1:
        return groups
    hosts = [host_of(groups[0])]
    numbers = itertools.count()
    while len(hosts) < host_count:
        group = _group("probe", process_id, str(next(numbers)))
        if host_of(group) not in hosts:
            groups.append(group)
            hosts.append(host_of(group))
    return groups


def _group(*parts: str) -> str:
    digest = blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=20)
    return f"roomkey.{digest.hexdigest()}"
