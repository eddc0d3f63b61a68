"""Rooms for the load beside the demo's: ``python -m bench.ours.seed`` after ``seed_demo``."""

import django

from bench.dialects import NAMESPACE
from bench.loads.connect import ROOMS


def main() -> None:
    """Add ``bench-0``, ``bench-1`` and so on, open to all, to the namespace under load."""
    django.setup()
    # Models can be imported only now.
    from rooms.models import Namespace, Room  # noqa: PLC0415

    namespace = Namespace.objects.get(path=NAMESPACE)
    Room.objects.bulk_create(
        Room(namespace=namespace, name=f"bench-{number}", access="open") for number in range(ROOMS)
    )


if __name__ == "__main__":
    main()
