"""What the tests of the whole engine share."""

from collections.abc import AsyncIterator

import pytest

from realtime.server import RealtimeApplication
from tests.helpers.door_clients import DOORS
from tests.helpers.serving import serving
from tests.namespaces import lab


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> str:
    """Each door in turn."""
    name: str = request.param
    return name


@pytest.fixture(autouse=True)
def _fresh_lab() -> None:
    lab.reset()


@pytest.fixture
async def application() -> AsyncIterator[RealtimeApplication]:
    """The lab, served with the options as they come."""
    async with serving(lab.ROUTES) as served:
        yield served
