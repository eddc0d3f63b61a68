import pytest

from tests.testing.arena import Lobby


@pytest.fixture(autouse=True)
def _nobody_has_gone() -> None:
    Lobby.gone.clear()
