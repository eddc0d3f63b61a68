"""What a history says: which messages members lost, heard twice or out of order. Pure.

A history is a list of records: ``ack`` and ``refused`` for messages that were sent, ``member`` for
what one member heard from the offset that it joined at, ``fault`` and ``closed`` for what happened.
``python -m bench.faults.checker FILE`` reads one again.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Record = dict[str, Any]


@dataclass(slots=True)
class Findings:
    """Counts over all members. ``lost`` counts each message once for each member that lacks it."""

    acked: int = 0
    members: int = 0
    heard: int = 0
    lost: int = 0
    doubled: int = 0
    reordered: int = 0
    # Acks whose message is stored nowhere: nobody heard its id at its offset.
    unstored: int = 0
    unanswered: int = 0
    closed: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def is_sound(self) -> bool:
        """Whether nothing acknowledged was lost, and everything heard once and in order."""
        return not (self.lost or self.doubled or self.reordered or self.unstored)

    def __str__(self) -> str:
        """One line for people."""
        refused = ", ".join(f"{count} {code}" for code, count in sorted(self.refused.items()))
        return (
            f"{self.acked} acked, {self.members} members heard {self.heard}: lost {self.lost}, "
            f"doubled {self.doubled}, out of order {self.reordered}, acked but not stored "
            f"{self.unstored}; refused: {refused or 0}, unanswered {self.unanswered}, "
            f"sockets closed {self.closed}"
        )


def check(records: Iterable[Record]) -> Findings:
    """Compare what each member heard with what was stored."""
    findings = Findings()
    members: list[Record] = []
    acks: dict[int, str] = {}
    ids: dict[int, str] = {}
    for record in records:
        match record["kind"]:
            case "ack":
                findings.acked += 1
                # A resend is answered like the message that it is.
                acks[record["offset"]] = record["id"]
            case "refused":
                findings.refused[record["code"]] += 1
            case "unanswered":
                findings.unanswered += record["count"]
            case "closed":
                findings.closed += 1
            case "member":
                members.append(record)
            case "ids":
                ids.update((offset, message_id) for offset, message_id in record["pairs"])
    findings.members = len(members)
    findings.unstored = sum(ids.get(offset) != found for offset, found in acks.items())
    last = max([*acks, *(max(each["heard"], default=0) for each in members)], default=0)
    for member in members:
        _check_member(findings, member["start"], member["heard"], last)
    return findings


def _check_member(findings: Findings, start: int, heard: Sequence[int], last: int) -> None:
    findings.heard += len(heard)
    seen: set[int] = set()
    highest = start
    for offset in heard:
        if offset in seen or offset <= start:
            findings.doubled += 1
        elif offset < highest:
            findings.reordered += 1
        seen.add(offset)
        highest = max(highest, offset)
    findings.lost += sum(offset not in seen for offset in range(start + 1, last + 1))


def main() -> None:
    """Check the history that the command line names; exit with 1 if it is not sound."""
    lines = Path(sys.argv[1]).read_text().splitlines()
    findings = check(json.loads(line) for line in lines)
    sys.stdout.write(f"{findings}\n")
    sys.exit(0 if findings.is_sound else 1)


if __name__ == "__main__":
    main()
