"""What the tests of the Socket.IO door share: the lab behind it, and each transport in turn."""

from collections.abc import AsyncIterator
from typing import cast

import pytest

from realtime.server import RealtimeApplication
from tests.helpers.door_clients import DOORS
from tests.helpers.engine_links import TRANSPORTS
from tests.helpers.scattering import scattering
from tests.helpers.serving import serving
from tests.namespaces import lab


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(autouse=True)
def _fresh_lab() -> None:
    lab.reset()


@pytest.fixture(params=["at the owner", "elsewhere"])
async def application(request: pytest.FixtureRequest) -> AsyncIterator[RealtimeApplication]:
    """The lab, served with the options as they come.

    Once each request that names a session comes to the process that owns it, and once to another.
    """
    if request.param == "at the owner":
        async with serving(lab.ROUTES) as served:
            yield served
        return
    async with scattering(lab.ROUTES) as scattered:
        yield cast("RealtimeApplication", scattered)
