"""May they? The order of the contract, and what no set of rows may ever bring about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rooms.likeness import SharedDecisions
from rooms.models.registry import NamespaceAccess, RoomAccess
from rooms.models.roles import Role as RoleChoices
from rooms.policy import decide, is_visible, shown_code, unknown_room
from rooms.policy_values import (
    Access,
    Action,
    Audience,
    Credentials,
    Decision,
    Effect,
    Grant,
    NamespacePolicy,
    Policy,
    Proof,
    Role,
    Rule,
    RuleSet,
    Sanction,
    Subject,
)

# A busy machine is no failure.
unhurried = settings(deadline=None)
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
GAMES = NamespacePolicy(path="/games")
ALICE = Subject(user_id="7", group_ids=frozenset({"1"}), address=ip_address("192.0.2.7"))
GUEST = Subject(guest_id="g1", address=ip_address("192.0.2.7"))
ADMIN = replace(ALICE, is_superuser=True)
MODERATORS = (
    ADMIN,
    replace(ALICE, may_moderate_rooms=True),
    replace(ALICE, role=Role.OWNER),
    replace(ALICE, role=Role.MODERATOR),
)


def room(**fields: object) -> Policy:
    return replace(Policy(namespace=GAMES, name="csgo"), **fields)  # type: ignore[arg-type]


def in_namespace(policy: Policy, **fields: object) -> Policy:
    return replace(policy, namespace=replace(policy.namespace, **fields))  # type: ignore[arg-type]


def rules(*several: Rule) -> RuleSet:
    return RuleSet(several)


def with_rule(policy: Policy, added: Rule, *, of_namespace: bool) -> Policy:
    if of_namespace:
        return in_namespace(policy, rules=RuleSet((*policy.namespace.rules.rules, added)))
    return replace(policy, rules=RuleSet((*policy.rules.rules, added)))


def rule(effect: Effect, action: Action, **fields: object) -> Rule:
    plain = Rule(id="5", effect=effect, audience=Audience.EVERYONE, action=action)
    return replace(plain, **fields)  # type: ignore[arg-type]


def join(policy: Policy, subject: Subject, **credentials: object) -> Decision:
    return decide(policy, subject, Action.JOIN, Credentials(NOW, **credentials))  # type: ignore[arg-type]


def send(policy: Policy, subject: Subject, **credentials: object) -> Decision:
    given_ = {"is_joined": True, "is_inside": True, **credentials}
    return decide(policy, subject, Action.SEND, Credentials(NOW, **given_))  # type: ignore[arg-type]


def connect(namespace: NamespacePolicy, subject: Subject) -> Decision:
    return decide(namespace, subject, Action.CONNECT, Credentials(NOW))


# --- Access kinds ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("access", "user_code", "guest_code"),
    [
        (Access.OPEN, "", ""),
        (Access.LOGIN, "", "login_required"),
        (Access.PASSWORD, "password_required", "password_required"),
        (Access.INVITATION, "invitation_required", "invitation_required"),
        (Access.MEMBERS, "not_a_member", "login_required"),
        (Access.GROUPS, "forbidden", "login_required"),
        ("by telepathy", "forbidden", "login_required"),
    ],
)
def test_each_access_kind_has_its_code_for_users_and_for_guests(
    access: str, user_code: str, guest_code: str
) -> None:
    policy = room(access=access)
    assert join(policy, ALICE).code == user_code
    assert join(policy, GUEST).code == guest_code


def test_the_choices_of_the_models_are_the_kinds_of_the_policy() -> None:
    assert set(RoomAccess.values) == {access.value for access in Access}
    assert set(NamespaceAccess.values) < set(RoomAccess.values)
    assert set(RoleChoices.values) == {role.value for role in Role}


@pytest.mark.parametrize(
    ("access", "field", "wrong_code"),
    [
        (Access.PASSWORD, "password", "wrong_password"),
        (Access.INVITATION, "invitation", "invalid_invitation"),
    ],
)
def test_the_right_credential_admits_and_a_wrong_one_has_its_own_code(
    access: Access, field: str, wrong_code: str
) -> None:
    policy = room(access=access)
    assert join(policy, GUEST, **{field: Proof.RIGHT}).allowed
    assert join(policy, GUEST, **{field: Proof.WRONG}).code == wrong_code


def test_a_group_of_the_room_admits_its_members() -> None:
    policy = room(access=Access.GROUPS, group_ids=frozenset({"1", "2"}))
    assert join(policy, ALICE).allowed
    assert join(policy, replace(ALICE, group_ids=frozenset({"3"}))).code == "forbidden"


@pytest.mark.parametrize("subject", [*MODERATORS, replace(ALICE, role=Role.MEMBER)])
@pytest.mark.parametrize("access", list(Access))
def test_standing_admits_whatever_the_access_kind(access: Access, subject: Subject) -> None:
    assert join(room(access=access), subject).allowed


def test_a_grant_of_a_password_stands_until_that_password_is_changed() -> None:
    holder = replace(GUEST, grants=(Grant(id="3", password_version="v1"),))
    assert join(room(access=Access.PASSWORD, password_version="v1"), holder).rule == "grant:3"
    changed = room(access=Access.PASSWORD, password_version="v2")
    assert join(changed, holder).code == "password_required"


def test_a_grant_of_an_invitation_ends_when_that_is_revoked_or_over() -> None:
    policy = room(access=Access.INVITATION)
    grant = Grant(id="3", expires_at=NOW + HOUR)
    assert join(policy, replace(GUEST, grants=(grant,))).allowed
    for ended in (replace(grant, is_revoked=True), replace(grant, expires_at=NOW)):
        assert join(policy, replace(GUEST, grants=(ended,))).code == "invitation_required"


# --- The order -------------------------------------------------------------------------------


def test_each_refusal_comes_before_those_after_it_in_the_contract() -> None:
    policy = room(
        access=Access.MEMBERS,
        capacity=1,
        is_open=False,
        rules=rules(rule(Effect.DENY, Action.JOIN)),
        bans=(Sanction(id="1", user_id="7"),),
    )
    policy = in_namespace(policy, is_open=False, access=Access.GROUPS)
    codes = []
    for mend in (
        lambda p: in_namespace(p, is_open=True),
        lambda p: replace(p, is_open=True),
        lambda p: replace(p, bans=()),
        lambda p: replace(p, rules=RuleSet()),
        lambda p: in_namespace(p, access=Access.OPEN),
        lambda p: replace(p, access=Access.OPEN),
        lambda p: replace(p, capacity=None),
    ):
        codes.append(join(policy, ALICE, persons_present=1).code)
        policy = mend(policy)
    assert codes == [
        "namespace_closed",
        "room_closed",
        "banned",
        "forbidden",
        "forbidden",
        "not_a_member",
        "room_full",
    ]
    assert join(policy, ALICE, persons_present=1).allowed


@pytest.mark.parametrize("subject", [*MODERATORS, GUEST])
def test_closed_bans_and_denials_hold_for_everybody(subject: Subject) -> None:
    everywhere = ip_network("0.0.0.0/0")
    ban = Sanction(id="1", network=everywhere, guests_only=False)
    assert join(room(is_open=False), subject).code == "room_closed"
    assert join(in_namespace(room(), is_open=False), subject).code == "namespace_closed"
    assert join(room(bans=(ban,)), subject).code == "banned"
    assert join(room(rules=rules(rule(Effect.DENY, Action.JOIN))), subject).code == "forbidden"


@pytest.mark.parametrize(
    ("opens_at", "closes_at", "code"),
    [
        (None, None, ""),
        (NOW, NOW + HOUR, ""),
        (NOW + HOUR, None, "room_closed"),
        (None, NOW, "room_closed"),
        (NOW - HOUR, NOW - HOUR / 2, "room_closed"),
    ],
)
def test_a_room_is_open_from_its_first_instant_until_before_its_last(
    opens_at: datetime | None, closes_at: datetime | None, code: str
) -> None:
    assert join(room(opens_at=opens_at, closes_at=closes_at), ALICE).code == code


def test_a_room_before_its_hours_says_when_it_opens_and_a_closed_one_does_not() -> None:
    early = join(room(opens_at=NOW + HOUR), ALICE)
    assert early.until == NOW + HOUR
    assert early.reason.startswith("csgo is closed right now. It opens on ")
    for closed in (room(closes_at=NOW), room(opens_at=NOW + HOUR, is_open=False)):
        denied = join(closed, ALICE)
        assert (denied.until, denied.reason) == (None, "csgo is closed right now.")


def test_a_moderator_looks_after_a_closed_room_without_entering_it() -> None:
    closed = room(is_open=False)
    for moderator in MODERATORS:
        assert decide(closed, moderator, Action.MODERATE, Credentials(NOW)).allowed
        assert decide(closed, moderator, Action.READ, Credentials(NOW)).allowed
        assert join(closed, moderator).code == "room_closed"
        assert send(closed, moderator).code == "room_closed"


# --- Bans and mutes --------------------------------------------------------------------------


def test_a_ban_of_a_network_spares_signed_in_users_unless_it_says_otherwise() -> None:
    ban = Sanction(id="1", network=ip_network("192.0.2.0/24"))
    assert join(room(bans=(ban,)), GUEST).code == "banned"
    assert join(room(bans=(ban,)), ALICE).allowed
    assert join(room(bans=(replace(ban, guests_only=False),)), ALICE).code == "banned"
    elsewhere = replace(GUEST, address=ip_address("198.51.100.1"))
    assert join(room(bans=(ban,)), elsewhere).allowed
    assert join(room(bans=(ban,)), replace(GUEST, address=None)).allowed
    assert join(room(bans=(ban,)), replace(GUEST, address=ip_address("2001:db8::1"))).allowed


@pytest.mark.parametrize("place", ["site_bans", "bans"])
def test_a_ban_of_the_site_or_the_namespace_refuses_the_connection_too(place: str) -> None:
    ban = Sanction(id="1", guest_id="g1")
    policy = in_namespace(room(), **{place: (ban,)})
    namespace = policy.namespace
    assert connect(namespace, GUEST).code == "banned"
    assert join(policy, GUEST).code == "banned"
    assert connect(namespace, replace(GUEST, guest_id="g2")).allowed


def test_a_ban_of_the_room_leaves_the_connection() -> None:
    policy = room(bans=(Sanction(id="1", guest_id="g1"),))
    assert decide(policy, GUEST, Action.CONNECT, Credentials(NOW)).allowed


def test_the_end_that_a_banned_person_is_told_is_the_last_one() -> None:
    soon = Sanction(id="1", user_id="7", expires_at=NOW + HOUR)
    late = Sanction(id="2", user_id="7", expires_at=NOW + 5 * HOUR, reason="spam")
    over = Sanction(id="3", user_id="7", expires_at=NOW)
    decision = join(in_namespace(room(bans=(late, over)), site_bans=(soon,)), ALICE)
    assert (decision.until, decision.stated_reason) == (NOW + 5 * HOUR, "spam")
    assert decision.reason == (
        "You are banned from csgo. This ends on 2026-05-01 17:00 UTC. Reason: spam"
    )
    forever = Sanction(id="4", user_id="7")
    assert join(room(bans=(late, forever)), ALICE).until is None
    assert join(room(bans=(over,)), ALICE).allowed


def test_a_mute_silences_moderators_too_and_nobody_leaves_for_it() -> None:
    mute = Sanction(id="1", user_id="7", expires_at=NOW + HOUR)
    for subject in (ALICE, *MODERATORS):
        denied = send(room(mutes=(mute,)), subject)
        assert (denied.code, denied.until, denied.rule) == ("muted", NOW + HOUR, "mute:1")
        assert join(room(mutes=(mute,)), subject).allowed
    for place in ("site_mutes", "mutes"):
        assert send(in_namespace(room(), **{place: (mute,)}), ALICE).code == "muted"


# --- Rules -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("about", "concerned"),
    [
        ({"audience": Audience.EVERYONE}, {"alice", "guest"}),
        ({"audience": Audience.AUTHENTICATED}, {"alice"}),
        ({"audience": Audience.USER, "user_id": "7"}, {"alice"}),
        ({"audience": Audience.USER, "user_id": "8"}, set()),
        ({"audience": Audience.GROUP, "group_id": "1"}, {"alice"}),
        ({"audience": Audience.GROUP, "group_id": "2"}, set()),
        ({"audience": Audience.EVERYONE, "starts_at": NOW + HOUR}, set()),
        ({"audience": Audience.EVERYONE, "ends_at": NOW}, set()),
        (
            {"audience": Audience.EVERYONE, "starts_at": NOW, "ends_at": NOW + HOUR},
            {"alice", "guest"},
        ),
    ],
)
def test_a_rule_counts_for_its_audience_in_its_time(
    about: dict[str, object], concerned: set[str]
) -> None:
    deny = room(rules=rules(rule(Effect.DENY, Action.JOIN, **about)))
    allow = room(access=Access.MEMBERS, rules=rules(rule(Effect.ALLOW, Action.JOIN, **about)))
    people = {"alice": ALICE, "guest": GUEST}
    assert {name for name, who in people.items() if not join(deny, who).allowed} == concerned
    assert {name for name, who in people.items() if join(allow, who).allowed} == concerned


def test_a_deny_for_send_leaves_the_person_in_the_room() -> None:
    policy = room(rules=rules(rule(Effect.DENY, Action.SEND)))
    assert join(policy, ALICE).allowed
    assert send(policy, ALICE).code == "forbidden"


def test_an_allow_for_send_lifts_read_only_and_no_mute() -> None:
    lifted = room(is_read_only=True, rules=rules(rule(Effect.ALLOW, Action.SEND)))
    assert send(room(is_read_only=True), ALICE).code == "read_only"
    assert send(lifted, ALICE).allowed
    assert send(replace(lifted, mutes=(Sanction("1", user_id="7"),)), ALICE).code == "muted"


def test_an_allow_for_moderate_makes_a_moderator_and_a_deny_ends_the_power() -> None:
    made = room(access=Access.MEMBERS, rules=rules(rule(Effect.ALLOW, Action.MODERATE)))
    ended = room(is_read_only=True, rules=rules(rule(Effect.DENY, Action.MODERATE)))
    now = Credentials(NOW)
    assert decide(made, ALICE, Action.MODERATE, now).allowed
    assert join(made, ALICE).allowed
    for moderator in MODERATORS:
        assert decide(ended, moderator, Action.MODERATE, now).code == "forbidden"
        assert send(ended, moderator).code == "read_only"


def test_a_namespaces_rule_counts_in_each_of_its_rooms() -> None:
    deny = rules(rule(Effect.DENY, Action.SEND))
    assert send(in_namespace(room(), rules=deny), ALICE).code == "forbidden"


# --- The namespace ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("access", "user_code", "guest_code"),
    [
        (Access.OPEN, "", ""),
        (Access.LOGIN, "", "login_required"),
        (Access.GROUPS, "forbidden", "login_required"),
        ("by telepathy", "forbidden", "login_required"),
    ],
)
def test_a_namespaces_access_refuses_the_connection_and_each_join(
    access: str, user_code: str, guest_code: str
) -> None:
    namespace = replace(GAMES, access=access)
    for subject, code in ((ALICE, user_code), (GUEST, guest_code)):
        assert connect(namespace, subject).code == code
        assert join(replace(room(), namespace=namespace), subject).code == code


def test_superusers_site_moderators_and_an_allow_rule_pass_a_namespaces_access() -> None:
    closed_to_most = replace(GAMES, access=Access.GROUPS)
    for subject in MODERATORS[:2]:
        assert connect(closed_to_most, subject).allowed
    for subject in MODERATORS[2:]:
        assert connect(closed_to_most, subject).code == "forbidden"
    allowing = replace(closed_to_most, rules=rules(rule(Effect.ALLOW, Action.JOIN)))
    assert connect(allowing, GUEST).allowed
    assert join(room(namespace=allowing, access=Access.MEMBERS), GUEST).allowed


def test_a_namespaces_denial_names_the_namespace_and_a_rooms_names_the_room() -> None:
    assert connect(replace(GAMES, is_open=False), ALICE).reason == "/games is closed right now."
    inside = in_namespace(room(), is_open=False)
    assert join(inside, ALICE).reason == "/games is closed right now."
    assert join(room(is_open=False), ALICE).reason == "csgo is closed right now."


def test_only_the_connection_is_decided_without_a_room() -> None:
    with pytest.raises(TypeError, match="room"):
        decide(GAMES, ALICE, Action.JOIN, Credentials(NOW))


# --- Capacity, sending, reading --------------------------------------------------------------


@pytest.mark.parametrize("subject", [GUEST, ALICE, *MODERATORS])
def test_a_full_room_admits_nobody_but_those_inside(subject: Subject) -> None:
    policy = room(capacity=2)
    assert join(policy, subject, persons_present=1).allowed
    assert join(policy, subject, persons_present=2).code == "room_full"
    assert join(policy, subject, persons_present=3, is_inside=True).allowed
    assert send(policy, subject, persons_present=3).allowed


def test_who_has_not_joined_may_neither_speak_nor_read_whatever_the_room() -> None:
    for policy in (room(), room(is_open=False), room(is_listed=False, access=Access.MEMBERS)):
        assert send(policy, ALICE, is_joined=False).code == "not_joined"
        assert decide(policy, ALICE, Action.READ, Credentials(NOW)).code == "not_joined"
    assert send(room(), ADMIN, is_joined=False).code == "not_joined"


def test_each_send_asks_again_what_the_join_asked() -> None:
    joined = Credentials(NOW, is_joined=True)
    for policy in (room(access=Access.MEMBERS), room(is_open=False)):
        assert send(policy, ALICE).code == join(policy, ALICE).code != ""
        assert decide(policy, ALICE, Action.READ, joined).code == join(policy, ALICE).code


def test_only_moderators_write_in_a_read_only_room() -> None:
    assert send(room(is_read_only=True), replace(ALICE, role=Role.MEMBER)).code == "read_only"
    for moderator in MODERATORS:
        assert send(room(is_read_only=True), moderator).allowed


def test_slow_mode_says_how_long_to_wait_and_spares_moderators() -> None:
    policy = room(slow_mode_s=30)
    just_now = NOW - timedelta(seconds=12)
    denied = send(policy, ALICE, last_sent_at=just_now)
    assert (denied.code, denied.retry_after_s) == ("rate_limited", 18)
    assert "18 s" in denied.reason
    assert send(policy, ALICE, last_sent_at=NOW - timedelta(seconds=30)).allowed
    assert send(policy, ALICE).allowed
    for moderator in MODERATORS:
        assert send(policy, moderator, last_sent_at=just_now).allowed


# --- What is shown ---------------------------------------------------------------------------


def test_a_decision_names_what_decided_and_every_step_on_the_way() -> None:
    decision = join(room(access=Access.PASSWORD), ALICE, password=Proof.WRONG)
    assert decision.rule == "room.access:password"
    assert [(step.check, step.outcome) for step in decision.steps] == [
        ("namespace open", "passed"),
        ("room open", "passed"),
        ("not banned", "passed"),
        ("no rule against join", "passed"),
        ("namespace access", "passed"),
        ("member or moderator", "passed"),
        ("room access", "denied"),
    ]
    assert join(room(), ADMIN).rule == "superuser"
    assert join(room(), ALICE).rule == "room.access:open"


def test_a_hidden_room_looks_missing_but_to_its_members_and_moderators() -> None:
    policy = room(is_listed=False, access=Access.PASSWORD)
    wrong = Credentials(NOW, password=Proof.WRONG)
    denied = decide(policy, ALICE, Action.JOIN, wrong)
    assert denied.code == "wrong_password"
    assert shown_code(denied, policy, ALICE, wrong) == "unknown_room"
    member = replace(ALICE, role=Role.MEMBER)
    closed = replace(policy, is_open=False)
    for insider in (member, *MODERATORS):
        refused = decide(closed, insider, Action.JOIN, wrong)
        assert shown_code(refused, closed, insider, wrong) == "room_closed"
        assert is_visible(policy, insider, NOW)
    assert not is_visible(policy, GUEST, NOW)
    right = replace(wrong, password=Proof.RIGHT)
    assert shown_code(decide(policy, GUEST, Action.JOIN, right), policy, GUEST, right) == ""


def test_who_is_in_a_hidden_room_hears_the_true_code() -> None:
    policy = room(is_listed=False, is_read_only=True)
    inside = Credentials(NOW, is_joined=True)
    denied = decide(policy, GUEST, Action.SEND, inside)
    assert shown_code(denied, policy, GUEST, inside) == "read_only"
    outside = Credentials(NOW)
    unjoined = decide(policy, GUEST, Action.SEND, outside)
    assert shown_code(unjoined, policy, GUEST, outside) == "not_joined"


def test_a_missing_room_is_answered_in_the_tutorials_words() -> None:
    missing = unknown_room("csgo2")
    assert (missing.code, missing.reason) == ("unknown_room", "Invalid Room Name: csgo2")


# --- What never happens ----------------------------------------------------------------------

instants = st.none() | st.sampled_from([NOW - HOUR, NOW, NOW + HOUR])
user_ids = st.sampled_from(["7", "8"])
guest_ids = st.sampled_from(["g1", "g2"])
group_sets = st.frozensets(st.sampled_from(["1", "2"]))
networks = st.sampled_from([ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")])


@st.composite
def some_rules(draw: st.DrawFn, effect: Effect | None = None) -> Rule:
    audience = draw(st.sampled_from(Audience))
    return Rule(
        id=draw(st.sampled_from(["1", "2", "3"])),
        effect=effect or draw(st.sampled_from(Effect)),
        audience=audience,
        action=draw(st.sampled_from([Action.JOIN, Action.SEND, Action.MODERATE])),
        user_id=draw(user_ids) if audience is Audience.USER else None,
        group_id=draw(st.sampled_from(["1", "2"])) if audience is Audience.GROUP else None,
        starts_at=draw(instants),
        ends_at=draw(instants),
    )


sanctions = (
    st.builds(
        Sanction,
        id=st.just("1"),
        user_id=user_ids,
        expires_at=instants,
    )
    | st.builds(Sanction, id=st.just("2"), guest_id=guest_ids, expires_at=instants)
    | st.builds(
        Sanction, id=st.just("3"), network=networks, guests_only=st.booleans(), expires_at=instants
    )
)
several_sanctions = st.lists(sanctions, max_size=2).map(tuple)
rule_sets = st.lists(some_rules(), max_size=4).map(lambda several: RuleSet(tuple(several)))
namespaces = st.builds(
    NamespacePolicy,
    path=st.just("/games"),
    is_open=st.booleans(),
    access=st.sampled_from(["open", "login", "groups", "other"]),
    group_ids=group_sets,
    rules=rule_sets,
    site_bans=several_sanctions,
    bans=several_sanctions,
    mutes=several_sanctions,
)
policies = st.builds(
    Policy,
    namespace=namespaces,
    name=st.just("csgo"),
    access=st.sampled_from([*Access, "other"]),
    group_ids=group_sets,
    password_version=st.sampled_from(["v1", "v2"]),
    capacity=st.none() | st.integers(1, 3),
    is_listed=st.booleans(),
    is_open=st.booleans(),
    opens_at=instants,
    closes_at=instants,
    is_read_only=st.booleans(),
    slow_mode_s=st.sampled_from([0, 60]),
    rules=rule_sets,
    bans=several_sanctions,
    mutes=several_sanctions,
)
grants = st.builds(
    Grant,
    id=st.just("1"),
    password_version=st.none() | st.sampled_from(["v1", "v2"]),
    expires_at=instants,
    is_revoked=st.booleans(),
)
addresses = st.none() | st.sampled_from([ip_address("192.0.2.7"), ip_address("2001:db8::7")])
users = st.builds(
    Subject,
    user_id=user_ids,
    group_ids=group_sets,
    address=addresses,
    is_superuser=st.booleans(),
    may_moderate_rooms=st.booleans(),
    role=st.none() | st.sampled_from(Role),
    grants=st.lists(grants, max_size=2).map(tuple),
)
guests = st.builds(
    Subject, guest_id=guest_ids, address=addresses, grants=st.lists(grants, max_size=2).map(tuple)
)
subjects = users | guests
credentials_ = st.builds(
    Credentials,
    now=st.just(NOW),
    password=st.sampled_from(Proof),
    invitation=st.sampled_from(Proof),
    is_joined=st.booleans(),
    is_inside=st.booleans(),
    persons_present=st.integers(0, 4),
    last_sent_at=instants,
)
questions = st.tuples(policies, subjects, st.sampled_from(Action), credentials_)
Question = tuple[Policy, Subject, Action, Credentials]


def ask(question: Question, policy: Policy) -> Decision:
    """Put the same question to another policy."""
    return decide(policy, *question[1:])


@unhurried
@given(questions, some_rules(Effect.DENY), st.booleans())
def test_adding_a_deny_never_admits_anyone(
    question: Question, deny: Rule, of_namespace: bool
) -> None:
    policy = question[0]
    after = ask(question, with_rule(policy, deny, of_namespace=of_namespace))
    assert ask(question, policy).allowed or not after.allowed


@unhurried
@given(questions, sanctions, st.sampled_from(["room", "namespace", "site"]))
def test_adding_a_ban_never_admits_anyone(question: Question, ban: Sanction, place: str) -> None:
    policy, namespace = question[0], question[0].namespace
    stricter = {
        "room": replace(policy, bans=(*policy.bans, ban)),
        "namespace": in_namespace(policy, bans=(*namespace.bans, ban)),
        "site": in_namespace(policy, site_bans=(*namespace.site_bans, ban)),
    }[place]
    after = ask(question, stricter)
    assert ask(question, policy).allowed or not after.allowed


@unhurried
@given(questions, some_rules(Effect.ALLOW), st.booleans())
def test_adding_an_allow_lifts_no_ban_and_no_deny_and_takes_nothing_away(
    question: Question, allow: Rule, of_namespace: bool
) -> None:
    before = ask(question, question[0])
    after = ask(question, with_rule(question[0], allow, of_namespace=of_namespace))
    if not before.allowed and before.rule.startswith(("ban:", "rule:")):
        assert after.code == before.code
    assert after.allowed or not before.allowed


@unhurried
@given(policies, subjects, credentials_)
def test_closed_is_closed(policy: Policy, subject: Subject, credentials: Credentials) -> None:
    shut = in_namespace(policy, is_open=False)
    for action in (Action.CONNECT, Action.JOIN, Action.SEND):
        assert not decide(shut, subject, action, credentials).allowed
    closed = replace(policy, is_open=False)
    for action in (Action.JOIN, Action.SEND):
        assert not decide(closed, subject, action, credentials).allowed


@unhurried
@given(questions)
def test_the_same_inputs_give_the_same_whole_answer(question: Question) -> None:
    decision = decide(*question)
    assert decide(*question) == decision
    assert decision.allowed == (decision.code == "") == (decision.reason == "")
    assert decision.steps[-1].outcome == "denied" or decision.allowed
    assert all(step.outcome != "denied" for step in decision.steps[:-1])
    if not decision.allowed:
        assert decision.rule == decision.steps[-1].rule != ""


@unhurried
@given(policies, st.lists(subjects, min_size=2, max_size=6), credentials_)
def test_a_decision_that_is_shared_by_people_alike_is_each_ones_own(
    policy: Policy, people: list[Subject], credentials: Credentials
) -> None:
    shared = SharedDecisions(credentials)
    for subject in people:
        for action in Action:
            assert shared.decide(policy, subject, action) == decide(
                policy, subject, action, credentials
            )


@unhurried
@given(policies, subjects, credentials_)
def test_no_denied_join_of_an_unlisted_room_tells_an_outsider_that_it_is_there(
    policy: Policy, subject: Subject, credentials: Credentials
) -> None:
    hidden, outside = replace(policy, is_listed=False), replace(credentials, is_joined=False)
    outsider = replace(subject, role=None, is_superuser=False, may_moderate_rooms=False)
    hidden = replace(hidden, rules=RuleSet(), namespace=replace(hidden.namespace, rules=RuleSet()))
    decision = decide(hidden, outsider, Action.JOIN, outside)
    assert shown_code(decision, hidden, outsider, outside) in {"", "unknown_room"}


def test_every_role_and_every_kind_of_room_has_an_answer() -> None:
    for access, role, action in product([*Access, ""], [None, *Role], Action):
        decision = decide(room(access=access), replace(ALICE, role=role), action, Credentials(NOW))
        assert decision.allowed or decision.reason
