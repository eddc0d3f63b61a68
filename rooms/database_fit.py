"""Whether the database can serve this release: it answers, and has the release's migrations.

Looked at before a process takes its lease, so that who started it reads what is missing.
"""

from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.loader import MigrationLoader

from realtime.exceptions import NotReady

APP = "rooms"


def require_fit_database() -> None:
    """Raise ``NotReady`` where the database does not answer, or lacks migrations.

    Ours and those that they need; a database that is ahead, of the next release, is fit.
    """
    try:
        loader = MigrationLoader(connection)
    except (InterfaceError, OperationalError) as error:
        raise NotReady(f"the database does not answer: {str(error).strip()}") from error
    needed = {
        key for leaf in loader.graph.leaf_nodes(APP) for key in loader.graph.forwards_plan(leaf)
    }
    missing = sorted(".".join(key) for key in needed.difference(loader.applied_migrations))
    if missing:
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise NotReady(
            f"the database lacks migrations ({missing[-1]}{others}): run manage.py migrate"
        )
