"""What the tests of the Socket.IO door share: the lab behind it, and each transport in turn."""

from collections.abc import AsyncIterator, Iterator

import pytest
from django.core.cache import cache

from realtime.server import RealtimeApplication
from tests.helpers.engine_links import TRANSPORTS
from tests.helpers.serving import serving
from tests.namespaces import lab


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(autouse=True)
def _fresh_lab() -> Iterator[None]:
    lab.reset()
    yield
    cache.clear()


@pytest.fixture
async def application() -> AsyncIterator[RealtimeApplication]:
    """The lab, served with the options as they come."""
    async with serving(lab.ROUTES) as served:
        yield served
