"""What the tests of typed events share."""

from collections.abc import AsyncIterator

import pytest

from realtime.server import RealtimeApplication
from tests.contracts.lab import ROUTES
from tests.helpers.door_clients import DOORS
from tests.helpers.serving import serving


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> str:
    """Each door in turn."""
    name: str = request.param
    return name


@pytest.fixture
async def application() -> AsyncIterator[RealtimeApplication]:
    """The lab, served with the options as they come."""
    async with serving(ROUTES) as served:
        yield served
