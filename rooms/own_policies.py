"""Rooms that are rows of another model: the application's own policy, with what moderators did.

Whatever the application asks for, a ban, a mute, a rule or a closing that staff have made counts
on top of it. Pure.
"""

from dataclasses import replace
from typing import TypeVar

from rooms.policy_values import Access, NamespacePolicy, Policy, RuleSet

Item = TypeVar("Item")


def with_laws_of(own: Policy, row: Policy) -> Policy:
    """Give an own policy with the laws of the hidden row that its room is kept under.

    The stricter of both holds; what the own policy leaves at its default is the row's.
    """
    return replace(
        own,
        namespace=_namespace(own.namespace, row.namespace),
        password_version=own.password_version or row.password_version,
        capacity=own.capacity if own.capacity is not None else row.capacity,
        is_open=own.is_open and row.is_open,
        opens_at=own.opens_at or row.opens_at,
        closes_at=own.closes_at or row.closes_at,
        is_read_only=own.is_read_only or row.is_read_only,
        slow_mode_s=max(own.slow_mode_s, row.slow_mode_s),
        rules=_rules(own.rules, row.rules),
        bans=_both(own.bans, row.bans),
        mutes=_both(own.mutes, row.mutes),
    )


def _namespace(own: NamespacePolicy, row: NamespacePolicy) -> NamespacePolicy:
    is_row_stricter = own.access == Access.OPEN
    return replace(
        own,
        is_open=own.is_open and row.is_open,
        access=row.access if is_row_stricter else own.access,
        group_ids=row.group_ids if is_row_stricter else own.group_ids,
        rules=_rules(own.rules, row.rules),
        site_bans=_both(own.site_bans, row.site_bans),
        bans=_both(own.bans, row.bans),
        site_mutes=_both(own.site_mutes, row.site_mutes),
        mutes=_both(own.mutes, row.mutes),
    )


def _rules(own: RuleSet, row: RuleSet) -> RuleSet:
    if not own.rules or not row.rules:
        return own if own.rules else row
    return RuleSet(_both(own.rules, row.rules))


def _both(own: tuple[Item, ...], row: tuple[Item, ...]) -> tuple[Item, ...]:
    """Join them; an own policy may have been made of the row's, and holds them already."""
    return tuple(dict.fromkeys((*own, *row)))
