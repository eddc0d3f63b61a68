"""Coming into a namespace: decided for all who arrive together, and written in one statement.

Runs in the pool; tells nobody. Source: DESIGN section 7, "A CONNECT is decided in the same order".
"""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from realtime.exceptions import Refused
from rooms.people import Person, Powers, Standing, load_powers, reads_groups, subject_of
from rooms.policy import decide
from rooms.policy_values import Action, Credentials, Decision
from rooms.presence import Place, add_connections
from rooms.registry import NamespaceDefaults, NamespaceFacts, default_facts, find_namespaces
from rooms.shapes import instant


@dataclass(frozen=True, slots=True)
class Arrival:
    """One socket that wants in; ``defaults`` hold where its namespace has no row."""

    place: Place
    defaults: NamespaceDefaults | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """What an admitted socket is told of its namespace; ``powers`` if they had to be read."""

    title: str
    welcome: str
    powers: Powers | None


def admit_arrivals(arrivals: list[Arrival]) -> list[Admission | Exception]:
    """Decide in order and write the rows of those who are let in; others get a ``Refused``."""
    paths = {arrival.place.namespace for arrival in arrivals}
    facts = find_namespaces(paths, may_remember=True)
    outcomes = [_admit(arrival, facts.get(arrival.place.namespace)) for arrival in arrivals]
    admitted = [
        arrival.place
        for arrival, outcome in zip(arrivals, outcomes, strict=True)
        if isinstance(outcome, Admission)
    ]
    if admitted:
        add_connections(admitted)
    return outcomes


def _admit(arrival: Arrival, found: NamespaceFacts | None) -> Admission | Exception:
    path = arrival.place.namespace
    if found is None and arrival.defaults is not None:
        found = default_facts(path, arrival.defaults)
    if found is None:
        return Refused("unknown_namespace", _("There is no namespace %(path)s.") % {"path": path})
    person = arrival.place.person
    powers = None
    if person.user_id is not None and reads_groups(found.policy):
        powers = load_powers(person.user_id)
    decision = _decide(found, person, powers)
    # Most never need to be asked what their account may do everywhere.
    if not decision.allowed and powers is None and person.user_id is not None:
        powers = load_powers(person.user_id)
        decision = _decide(found, person, powers)
    if decision.allowed:
        return Admission(found.title or path, found.welcome, powers)
    return _refusal(decision)


def _decide(found: NamespaceFacts, person: Person, powers: Powers | None) -> Decision:
    subject = subject_of(person, Standing(powers=powers))
    return decide(found.policy, subject, Action.CONNECT, Credentials(now=timezone.now()))


def _refusal(decision: Decision) -> Refused:
    data: dict[str, Any] = {}
    if decision.until is not None:
        data["until"] = instant(decision.until)
    if decision.stated_reason:
        data["reason"] = decision.stated_reason
    return Refused(decision.code, decision.reason, **data)
