"""Where a password is tried: counted, checked, and given back if it was right.

The one way from an event to a hash; the throttle stands before the pool of threads.
"""

from dataclasses import dataclass

from realtime.namespaces.database import in_database
from rooms.passwords import PasswordPool
from rooms.people import Person
from rooms.throttle import Limits, Throttled, give_back, take_try


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one try; ``left`` tries remain if it was wrong, None without a throttle."""

    is_right: bool
    left: int | None


class PasswordDesk:
    """Takes the tries of one process."""

    def __init__(self, pool: PasswordPool) -> None:
        self._pool = pool

    async def try_password(
        self, place: str, person: Person, password: str, encoded: str, limits: Limits
    ) -> Verdict | Throttled:
        """Compare a password with ``encoded``, unless there were too many tries before.

        ``place`` names the namespace and the room. Raises ``Refused("busy")`` when too many wait.
        """
        tried = await in_database(take_try, place, person.key, person.address, limits)
        if isinstance(tried, Throttled):
            return tried
        is_right = await self._pool.check(password, encoded)
        if is_right:
            await in_database(give_back, tried)
        return Verdict(is_right, tried.left)
