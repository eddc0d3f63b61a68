"""Which processes live, as far as their beats tell; and who still owes an answer. Pure."""

from dataclasses import dataclass, field

# A process that was not heard for so long is not waited for.
PEER_LIFE_S = 3.0
# One that was not heard for so long and did not say good-bye has crashed.
PEER_DEATH_S = 10.0


class Peers:
    """The other processes, by when they were heard last; ``now`` is monotonic seconds."""

    def __init__(self) -> None:
        self._heard_at: dict[str, float] = {}

    def heard(self, process_id: str, now: float) -> None:
        """A process spoke."""
        self._heard_at[process_id] = now

    def left(self, process_id: str) -> None:
        """A process said that it leaves."""
        self._heard_at.pop(process_id, None)

    def is_living(self, process_id: str, now: float) -> bool:
        """Say whether a process was heard lately."""
        heard_at = self._heard_at.get(process_id)
        return heard_at is not None and now - heard_at < PEER_LIFE_S

    def living(self, now: float) -> set[str]:
        """Return the processes that were heard lately."""
        return {process_id for process_id, at in self._heard_at.items() if now - at < PEER_LIFE_S}

    def bury(self, now: float) -> set[str]:
        """Forget the processes that have crashed; return them."""
        dead = {process_id for process_id, at in self._heard_at.items() if now - at >= PEER_DEATH_S}
        for process_id in dead:
            del self._heard_at[process_id]
        return dead

    def heard_all(self, now: float) -> None:
        """Begin to wait anew for everybody: it was we who could not hear."""
        self._heard_at = dict.fromkeys(self._heard_at, now)


@dataclass(slots=True)
class Gathering:
    """The answers to one request, as they come."""

    awaited: set[str]
    answers: list[bytes] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)

    def take(self, process_id: str, content: bytes | None) -> None:
        """Take a process's answer; a second one of the same process, or a stranger's, is none."""
        if process_id not in self.awaited:
            return
        self.awaited.discard(process_id)
        if content is None:
            self.failed.add(process_id)
        else:
            self.answers.append(content)

    @property
    def missing(self) -> tuple[str, ...]:
        """The processes that have not answered, or could not."""
        return tuple(sorted(self.awaited | self.failed))

    @property
    def is_complete(self) -> bool:
        """Whether nobody owes an answer."""
        return not self.awaited
