"""Fixtures for pytest: ``realtime_connect``, ``captured_emits``, and a check that all is stopped.

Loaded by its entry point, before Django is set up: what needs settings is imported when used.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from realtime.testing.emits import captured_emits as CapturedEmits  # noqa: N812


@pytest.fixture
def realtime_connect(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """``connect`` for a test that is a coroutine function, ``connect_sync`` for another one.

    In an asynchronous test with the ``django_db`` mark the test's own asynchronous queries, too,
    run in the test's transaction.
    """
    from realtime.testing import connect, connect_sync  # noqa: PLC0415

    if not inspect.iscoroutinefunction(getattr(request, "function", None)):
        yield connect_sync
        return
    from realtime.testing.database import lent_to_asgiref  # noqa: PLC0415

    with lent_to_asgiref():
        yield connect


@pytest.fixture
def captured_emits() -> "type[CapturedEmits]":
    """Lists what leaves ``of()`` in the block that it opens."""
    from realtime.testing import captured_emits as factory  # noqa: PLC0415

    return factory


@pytest.fixture(autouse=True)
def _realtime_all_left() -> Iterator[None]:
    """Fail a test that leaves a client connected, so that each one begins with no application."""
    yield
    connecting = sys.modules.get("realtime.testing.connecting")
    if connecting is not None:
        cast("Any", connecting).require_all_left()
