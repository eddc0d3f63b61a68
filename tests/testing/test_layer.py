"""The kit where a layer joins processes."""

import secrets
from collections.abc import Iterator

import pytest
from django.test import override_settings

from realtime.exceptions import Refused
from realtime.namespaces.broadcast import of
from realtime.testing import Emit, captured_emits, connect
from tests.helpers import services
from tests.testing.arena import application

pytestmark = pytest.mark.redis


@pytest.fixture(autouse=True)
def _redis() -> Iterator[None]:
    layer = {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [services.REDIS_URL], "prefix": secrets.token_hex(6)},
    }
    with override_settings(CHANNEL_LAYERS={"default": layer}):
        yield


async def test_an_application_stops_though_it_has_hardly_begun() -> None:
    for _ in range(3):
        with pytest.raises(Refused):
            async with connect("/lobby", auth={"refuse": "banned"}, application=application):
                pytest.fail("it was let in")


async def test_sockets_meet() -> None:
    async with (
        connect("/lobby", application=application) as socket,
        connect("/lobby", application=application) as other,
    ):
        await other.call("join", "csgo")
        async with captured_emits() as emits:
            await of("/lobby").in_("csgo").aemit("said", 1)
        assert await other.receive("said") == 1
        assert emits == [Emit("/lobby", "said", (1,), rooms=("csgo",))]
        await socket.expect_nothing("said")
