"""The registry under load: ``python -m bench.ours.seed`` on a fresh, migrated database."""

import django

from bench.dialects import NAMESPACE
from bench.loads.connect import ROOMS
from bench.loads.fanout import ROOM


def main() -> None:
    """Add the namespace, the big room, and ``bench-0``, ``bench-1`` and so on; all open to all."""
    django.setup()
    # Models can be imported only now.
    from rooms.models import Namespace, Room  # noqa: PLC0415

    namespace = Namespace.objects.create(path=NAMESPACE, title="Games", welcome="Welcome!")
    names = [ROOM, *(f"bench-{number}" for number in range(ROOMS))]
    Room.objects.bulk_create(Room(namespace=namespace, name=name) for name in names)


if __name__ == "__main__":
    main()
