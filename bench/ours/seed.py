"""The registry under load: ``python -m bench.ours.seed`` on a fresh database."""

import django
from django.core.management import call_command

from bench.dialects import NAMESPACE
from bench.loads.connect import ROOMS
from bench.loads.fanout import ROOM


def main() -> None:
    """Migrate; add the namespace, the big room, and ``bench-0`` and so on, all open to all."""
    django.setup()
    call_command("migrate", verbosity=0)
    # Models can be imported only now.
    from rooms.models import Namespace, Room  # noqa: PLC0415

    namespace = Namespace.objects.create(path=NAMESPACE, title="Games", welcome="Welcome!")
    names = [ROOM, *(f"bench-{number}" for number in range(ROOMS))]
    Room.objects.bulk_create(Room(namespace=namespace, name=name) for name in names)


if __name__ == "__main__":
    main()
