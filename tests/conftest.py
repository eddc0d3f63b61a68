"""What every test may ask for, and when a test may be skipped."""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from asgiref.sync import SyncToAsync
from django.core.cache import cache
from django.db import connections
from hypothesis import settings as hypothesis_settings

from tests.helpers import services
from tests.helpers.postgres import empty_database

# Where the package is installed, pytest finds it by itself.
pytest_plugins = ["realtime.testing.pytest_plugin"]

# An example's time is the machine's matter: what must be quick has a test that measures it.
hypothesis_settings.register_profile("roomkey", deadline=None)
hypothesis_settings.load_profile("roomkey")

TESTS = Path(__file__).parent

PROBLEMS: dict[str, Callable[[], str | None]] = {
    "chromium": services.chromium_problem,
    "nginx": partial(services.program_problem, "nginx", "nginx-light"),
    "node": services.node_problem,
    "postgres": services.postgres_problem,
    "promtool": partial(services.program_problem, "promtool", "prometheus"),
    "redis": services.redis_problem,
    "systemd": partial(services.program_problem, "systemd-analyze", "systemd"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread each folder's files over the whole run, those with the most tests first.

    Otherwise all that starts servers and browsers would come at once, and wait for each other.
    """
    files = Counter(item.path for item in items)
    folders: dict[str, list[Path]] = {}
    for path in sorted(files, key=lambda path: (-files[path], path)):
        folders.setdefault(path.relative_to(TESTS).parts[0], []).append(path)
    places = {
        path: (number / len(paths), path)
        for paths in folders.values()
        for number, path in enumerate(paths)
    }
    items.sort(key=lambda item: places[item.path])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a marked test whose service is missing; with CI set, let it fail."""
    for name, problem in PROBLEMS.items():
        if item.get_closest_marker(name) and (reason := problem()):
            services.skip_unless_ci(reason)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Let go of the tests' database before it is dropped, which PostgreSQL asks for.

    The thread in which asgiref runs the queries of asynchronous tests keeps its connection.
    """
    del django_db_setup
    yield
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()


@pytest.fixture(autouse=True)
def nothing_cached() -> None:
    """Forget tries, tickets and paces of other tests, whose people had the same keys."""
    cache.clear()


@pytest.fixture
def redis_environment() -> dict[str, str]:
    """REDIS_URL and a REDIS_PREFIX that no other test uses, for programs that a test starts."""
    return {"REDIS_URL": services.REDIS_URL, "REDIS_PREFIX": f"test-{secrets.token_hex(6)}"}


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """The DATABASE_URL of an empty PostgreSQL database that ends with the test."""
    with empty_database() as url:
        yield url
