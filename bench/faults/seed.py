"""The registry of the fault programs: an open room with a history, and one without."""

import django
from django.core.management import call_command

from bench.dialects import NAMESPACE

KEPT = "kept"
UNKEPT = "unkept"
# Where a crowd sits, some in each.
HALLS = tuple(f"hall-{number}" for number in range(100))


def main() -> None:
    """Migrate, and add the namespace and its rooms."""
    django.setup()
    call_command("migrate", verbosity=0)
    # Models can be imported only now.
    from rooms.models import Namespace, Room  # noqa: PLC0415

    namespace = Namespace.objects.create(path=NAMESPACE, title="Games", welcome="Welcome!")
    Room.objects.create(namespace=namespace, name=KEPT, history_size=1_000_000)
    Room.objects.create(namespace=namespace, name=UNKEPT, history_size=0)
    Room.objects.bulk_create(Room(namespace=namespace, name=name) for name in HALLS)


if __name__ == "__main__":
    main()
