"""May they? One pure function over plain values: ``decide``.

Knows no database and has no clock: whoever asks brings the room's policy, the person, and what
this attempt brings along, the instant included. The join, each send, the live re-check, the room
list, recovery and the admin all ask here, so that they can never disagree.
Source: DESIGN section 7.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from rooms.denials import Code, denial_message
from rooms.findings import Findings
from rooms.policy_values import (
    Access,
    Action,
    Credentials,
    Decision,
    Effect,
    NamespacePolicy,
    Policy,
    Proof,
    Sanction,
    Step,
    Subject,
)

PASSWORD_DENIALS = {
    Proof.ABSENT: Code.PASSWORD_REQUIRED,
    Proof.WRONG: Code.WRONG_PASSWORD,
    Proof.RIGHT: None,
}
INVITATION_DENIALS = {
    Proof.ABSENT: Code.INVITATION_REQUIRED,
    Proof.WRONG: Code.INVALID_INVITATION,
    Proof.RIGHT: None,
}


_FINAL_CHECKS = frozenset({"namespace open", "room open", "not banned", "no rule against join"})


def decide(
    policy: Policy | NamespacePolicy,
    subject: Subject,
    action: Action,
    credentials: Credentials,
) -> Decision:
    """Say whether ``subject`` may do ``action``, with the code, the words and each step taken.

    CONNECT looks at the namespace alone and takes either policy; the other actions need a room's
    and raise ``TypeError`` without one. Closed, then bans, then denials come before anything that
    admits. Moderating and a moderator's reading go on in a closed room, so that it can be opened
    again and looked after.
    """
    now = credentials.now
    if action is Action.CONNECT:
        namespace = policy if isinstance(policy, NamespacePolicy) else policy.namespace
        return _decide_connect(_Case(Findings(namespace, None, subject, now), credentials))
    if isinstance(policy, NamespacePolicy):
        raise TypeError(f"{action.value} is decided by a room's policy")
    case = _Case(Findings(policy.namespace, policy, subject, now), credentials)
    match action:
        case Action.JOIN:
            return _decide_join(case)
        case Action.SEND:
            return _decide_send(case)
        case Action.READ:
            return _decide_read(case)
        case Action.MODERATE:
            return _decide_moderate(case)


def shown_code(
    decision: Decision, policy: Policy, subject: Subject, credentials: Credentials
) -> str:
    """Give the code that the person is told: ``unknown_room`` where the room is hidden from them.

    Somebody who is in the room hears the true code, and ``not_joined`` stays, since it says the
    same of a room that is there and of one that is not. Answer ``unknown_room`` with the words of
    ``unknown_room()``, so that the two cannot be told apart.
    """
    if decision.allowed or credentials.is_joined or decision.code == Code.NOT_JOINED:
        return decision.code
    if is_visible(policy, subject, credentials.now):
        return decision.code
    return Code.UNKNOWN_ROOM.value


def is_final(decision: Decision) -> bool:
    """Say whether no role, grant or credential of the person could have changed this denial."""
    return not decision.allowed and decision.steps[-1].check in _FINAL_CHECKS


def is_visible(policy: Policy, subject: Subject, now: datetime) -> bool:
    """Say whether this person may know that the room exists: all may, unless it is unlisted.

    An unlisted room is known to its members and moderators only.
    """
    if policy.is_listed or subject.role is not None:
        return True
    return decide(policy, subject, Action.MODERATE, Credentials(now=now)).allowed


def unknown_room(name: str) -> Decision:
    """Give the denial for a room that is not there, or that has to look so; ``name`` as typed."""
    return Decision(
        allowed=False,
        code=Code.UNKNOWN_ROOM.value,
        reason=denial_message(Code.UNKNOWN_ROOM, name),
        rule="room",
        steps=(Step("room exists", "denied", "room"),),
    )


@dataclass(slots=True)
class _Case:
    """The values of one decision and the steps taken so far."""

    findings: Findings
    credentials: Credentials
    steps: list[Step] = field(default_factory=list)

    def passed(self, check: str, rule: str = "") -> None:
        self.steps.append(Step(check, "passed", rule))

    def admitted(self, check: str, rule: str) -> None:
        self.steps.append(Step(check, "admitted", rule))

    def denied(
        self,
        check: str,
        code: Code,
        rule: str,
        *,
        of_namespace: bool = False,
        sanction: Sanction | None = None,
        until: datetime | None = None,
        retry_after_s: float | None = None,
    ) -> Decision:
        room = None if of_namespace else self.findings.room
        if sanction is not None:
            until = sanction.expires_at
        stated_reason = sanction.reason if sanction else ""
        return Decision(
            allowed=False,
            code=code.value,
            reason=denial_message(
                code,
                room.name if room else self.findings.namespace.path,
                until=until,
                stated_reason=stated_reason,
                retry_after_s=retry_after_s or 0,
            ),
            rule=rule,
            steps=(*self.steps, Step(check, "denied", rule)),
            until=until,
            retry_after_s=retry_after_s,
            stated_reason=stated_reason,
        )

    def allowed(self) -> Decision:
        admitting = [step.rule for step in self.steps if step.outcome == "admitted"]
        return Decision(allowed=True, rule=admitting[-1] if admitting else "", steps=(*self.steps,))


def _decide_connect(case: _Case) -> Decision:
    return (
        _refuse_closed_namespace(case)
        or _refuse_banned(case)
        or _refuse_by_rule(case, Action.JOIN)
        or _refuse_outsider(case)
        or case.allowed()
    )


def _decide_join(case: _Case) -> Decision:
    return _refuse_presence(case) or _refuse_full(case) or case.allowed()


def _decide_send(case: _Case) -> Decision:
    return (
        _refuse_not_joined(case)
        or _refuse_presence(case)
        or _refuse_by_rule(case, Action.SEND)
        or _refuse_muted(case)
        or _refuse_read_only(case)
        or _refuse_too_soon(case)
        or case.allowed()
    )


def _decide_read(case: _Case) -> Decision:
    verdict = _decide_moderate(replace(case, steps=[]))
    if verdict.allowed:
        return verdict
    return _refuse_not_joined(case) or _refuse_presence(case) or case.allowed()


def _decide_moderate(case: _Case) -> Decision:
    return (
        _refuse_banned(case)
        or _refuse_by_rule(case, Action.MODERATE)
        or _refuse_outsider(case)
        or _refuse_powerless(case)
        or case.allowed()
    )


def _refuse_presence(case: _Case) -> Decision | None:
    """Ask all that a person must go on fulfilling to be in the room: what a re-check asks too."""
    return (
        _refuse_closed_namespace(case)
        or _refuse_closed_room(case)
        or _refuse_banned(case)
        or _refuse_by_rule(case, Action.JOIN)
        or _refuse_outsider(case)
        or _refuse_unadmitted(case)
    )


def _refuse_closed_namespace(case: _Case) -> Decision | None:
    if not case.findings.namespace.is_open:
        return case.denied(
            "namespace open", Code.NAMESPACE_CLOSED, "namespace.is_open", of_namespace=True
        )
    case.passed("namespace open")
    return None


def _refuse_closed_room(case: _Case) -> Decision | None:
    room = _room(case)
    if _is_room_open(room, case.credentials.now):
        case.passed("room open")
        return None
    if not room.is_open:
        return case.denied("room open", Code.ROOM_CLOSED, "room.is_open")
    # When it opens is known before its hours, and never after them.
    opens_at = room.opens_at
    until = opens_at if opens_at is not None and case.credentials.now < opens_at else None
    return case.denied("room open", Code.ROOM_CLOSED, "room.opens_at, room.closes_at", until=until)


def _is_room_open(policy: Policy, now: datetime) -> bool:
    """Say whether the room's switch and its hours both let people in at ``now``."""
    if not policy.is_open:
        return False
    if policy.opens_at is not None and now < policy.opens_at:
        return False
    return policy.closes_at is None or now < policy.closes_at


def _refuse_banned(case: _Case) -> Decision | None:
    ban = case.findings.ban()
    if ban is None:
        case.passed("not banned")
        return None
    return case.denied("not banned", Code.BANNED, f"ban:{ban.id}", sanction=ban)


def _refuse_by_rule(case: _Case, action: Action) -> Decision | None:
    check = "no rule against " + action
    rule = case.findings.rule(Effect.DENY, action)
    if not rule:
        case.passed(check)
        return None
    return case.denied(check, Code.FORBIDDEN, rule)


def _refuse_outsider(case: _Case) -> Decision | None:
    """Ask the namespace's own access, which some pass whatever it is."""
    check, findings = "namespace access", case.findings
    namespace, subject = findings.namespace, findings.subject
    if namespace.access == Access.OPEN:
        case.passed(check, "namespace.access:open")
        return None
    if namespace.access == Access.LOGIN and subject.user_id is not None:
        case.passed(check, "namespace.access:login")
        return None
    if namespace.access == Access.GROUPS and subject.group_ids & namespace.group_ids:
        case.passed(check, "namespace.access:groups")
        return None
    bypass = findings.privilege() or findings.namespace_rule(Effect.ALLOW, Action.JOIN)
    if bypass:
        case.passed(check, bypass)
        return None
    is_for_users = namespace.access == Access.LOGIN or subject.user_id is None
    code = Code.LOGIN_REQUIRED if is_for_users else Code.FORBIDDEN
    return case.denied(check, code, f"namespace.access:{namespace.access}", of_namespace=True)


def _refuse_unadmitted(case: _Case) -> Decision | None:
    """Look for what admits to the room; the access kind comes last and names the denial."""
    admission = case.findings.admission()
    if admission:
        case.admitted("member or moderator", admission)
        return None
    case.passed("member or moderator")
    code = _access_denial(case)
    rule = f"room.access:{_room(case).access}"
    if code is None:
        case.admitted("room access", rule)
        return None
    return case.denied("room access", code, rule)


def _access_denial(case: _Case) -> Code | None:
    """Give the code with which the room's access kind turns this attempt away, if it does."""
    room, subject, credentials = _room(case), case.findings.subject, case.credentials
    code: Code | None = Code.FORBIDDEN  # any kind that this release does not know
    match room.access:
        case Access.OPEN:
            return None
        case Access.LOGIN:
            code = Code.LOGIN_REQUIRED if subject.user_id is None else None
        case Access.PASSWORD:
            code = PASSWORD_DENIALS[credentials.password]
        case Access.INVITATION:
            code = INVITATION_DENIALS[credentials.invitation]
        case Access.MEMBERS:
            code = Code.NOT_A_MEMBER
        case Access.GROUPS:
            code = None if subject.group_ids & room.group_ids else Code.FORBIDDEN
    # Signing in may be all that a guest needs, and "no" would say that it is not.
    if subject.user_id is None and code in {Code.NOT_A_MEMBER, Code.FORBIDDEN}:
        return Code.LOGIN_REQUIRED
    return code


def _refuse_full(case: _Case) -> Decision | None:
    capacity, credentials = _room(case).capacity, case.credentials
    if capacity is None or credentials.is_inside or credentials.persons_present < capacity:
        case.passed("capacity")
        return None
    return case.denied("capacity", Code.ROOM_FULL, "room.capacity")


def _refuse_not_joined(case: _Case) -> Decision | None:
    if not case.credentials.is_joined:
        return case.denied("joined", Code.NOT_JOINED, "joined")
    case.passed("joined")
    return None


def _refuse_muted(case: _Case) -> Decision | None:
    mute = case.findings.mute()
    if mute is None:
        case.passed("not muted")
        return None
    return case.denied("not muted", Code.MUTED, f"mute:{mute.id}", sanction=mute)


def _refuse_read_only(case: _Case) -> Decision | None:
    check = "may write"
    if not _room(case).is_read_only:
        case.passed(check)
        return None
    lifted_by = case.findings.power() or case.findings.rule(Effect.ALLOW, Action.SEND)
    if lifted_by:
        case.passed(check, lifted_by)
        return None
    return case.denied(check, Code.READ_ONLY, "room.is_read_only")


def _refuse_too_soon(case: _Case) -> Decision | None:
    check, room, credentials = "slow mode", _room(case), case.credentials
    if not room.slow_mode_s or credentials.last_sent_at is None or case.findings.power():
        case.passed(check)
        return None
    free_at = credentials.last_sent_at + timedelta(seconds=room.slow_mode_s)
    wait_s = (free_at - credentials.now).total_seconds()
    if wait_s <= 0:
        case.passed(check)
        return None
    return case.denied(check, Code.RATE_LIMITED, "room.slow_mode_s", retry_after_s=wait_s)


def _refuse_powerless(case: _Case) -> Decision | None:
    power = case.findings.power()
    if not power:
        return case.denied("moderator", Code.FORBIDDEN, "moderator")
    case.admitted("moderator", power)
    return None


def _room(case: _Case) -> Policy:
    """Give the room's policy; only CONNECT, which asks nothing about rooms, has none."""
    if case.findings.room is None:
        raise TypeError("only a room's policy answers this")
    return case.findings.room
