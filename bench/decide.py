"""What one decision costs: ``python -m bench.decide``, microseconds for a room of a hundred rules.

No rule concerns the one who asks, so that each kind of question is asked and none is cut short.
"""

import argparse
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from statistics import median

from rooms.policy import decide
from rooms.policy_values import (
    Action,
    Audience,
    Credentials,
    Effect,
    NamespacePolicy,
    Policy,
    Rule,
    RuleSet,
    Subject,
)

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def main() -> None:
    """Decide many times and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, prog="bench.decide")
    parser.add_argument("--rules", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=20_000)
    options = parser.parse_args()
    policy = _policy(options.rules)
    asker = Subject(user_id="7", group_ids=frozenset({"1", "2"}), address=ip_address("192.0.2.7"))
    for action in (Action.JOIN, Action.SEND):
        credentials = Credentials(now=NOW, is_joined=True)
        ask = partial(decide, policy, asker, action, credentials)
        if not ask().allowed:
            raise SystemExit(f"{action}: denied, so that less was asked than there is")
        sys.stdout.write(f"{action}, {options.rules} rules: {_median_us(ask, options.rounds)}\n")


def _policy(count: int) -> Policy:
    rules = tuple(_rule(number) for number in range(count))
    return Policy(namespace=NamespacePolicy(path="/games"), name="csgo", rules=RuleSet(rules))


def _rule(number: int) -> Rule:
    """Give rules in turn: deny and allow, for users and for groups, some only for a while."""
    is_group = bool(number % 4 >= 2)
    return Rule(
        id=str(number),
        effect=Effect.DENY if number % 2 else Effect.ALLOW,
        audience=Audience.GROUP if is_group else Audience.USER,
        action=Action.SEND if number % 3 == 0 else Action.JOIN,
        user_id=None if is_group else f"other {number}",
        group_id=f"other {number}" if is_group else None,
        ends_at=NOW + timedelta(days=1) if number % 5 == 0 else None,
    )


def _median_us(ask: Callable[[], object], rounds: int) -> str:
    took = []
    for _round in range(rounds):
        began_at = time.perf_counter_ns()
        ask()
        took.append(time.perf_counter_ns() - began_at)
    return f"median {median(took) / 1000:.1f} µs"


if __name__ == "__main__":
    main()
