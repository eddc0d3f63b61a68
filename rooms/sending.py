"""Storing messages: one commit for all that pile up, offsets without gaps.

Each is decided again on the room's row, locked and just read. A resend by its nonce is the same
message. Runs in the pool; tells nobody. Source: DESIGN section 6, ``message``; section 11.
"""

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from realtime.exceptions import Refused, UsageError
from rooms.denials import Code, denial_message
from rooms.models import Message, Room
from rooms.models.records import RecordKind
from rooms.names import clean_text
from rooms.own_policies import with_laws_of
from rooms.pacing import Pacing
from rooms.people import (
    Person,
    Standing,
    load_powers,
    load_standings,
    reads_groups,
    subject_of,
)
from rooms.policy import decide
from rooms.policy_values import Action, Credentials, Decision, Policy
from rooms.reading_versions import raise_offset
from rooms.records import Denial, record_denials
from rooms.refusals import refusal
from rooms.registry import FoundRoom, hold_rooms, lock_rooms
from rooms.requests import check_data
from rooms.shapes import Shape, message_shape, new_message_shape

# Every so many messages a room drops what it keeps no longer.
PRUNE_EVERY = 100


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before it is one. ``author`` is None for what the site itself posts."""

    room: str
    text: str
    author: Person | None
    data: Mapping[str, Any] | None = None
    nonce: str | None = None


def check_hooked(draft: Draft, hooked: object) -> Draft:
    """Give what ``on_message`` made of a draft, its text trimmed.

    It may change the text and the data, and both as far as a client may. Raises ``UsageError``
    for anything else: the hook is the application's, and so is the fault.
    """
    if hooked is draft:
        return draft
    if not isinstance(hooked, Draft):
        gave = type(hooked).__name__
        raise UsageError(f"on_message gave {gave}: return the draft, or another Draft")
    if replace(hooked, text=draft.text, data=draft.data) != draft:
        raise UsageError("on_message may change a draft's text and data, and nothing else")
    try:
        text = clean_text(str(hooked.text))
        data = hooked.data if hooked.data is None else check_data(dict(hooked.data))
    except (TypeError, ValueError) as error:
        raise UsageError(f"on_message made a message that cannot be: {error}") from error
    return replace(hooked, text=text, data=data)


@dataclass(frozen=True, slots=True)
class SendRequest:
    """One member's draft. ``standing`` is what the socket remembers of where its person stands.

    It is read again once it is older than ``fresh_for_s``, and before anybody is refused.
    """

    room_id: int
    namespace: str
    draft: Draft
    author: Person
    standing: Standing
    fresh_for_s: float
    policy: Policy | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that is committed, or, where the room keeps none, ready to be told.

    ``is_new`` is false for a resend, which nobody hears again. ``epoch`` and ``offset`` number the
    broadcast and are None without history. ``version`` is the policy's when the offset was taken,
    or 0 without one. ``standing`` is for the socket to remember, with the version decided at.
    """

    message_id: str
    at: datetime
    shape: Shape
    epoch: str | None
    offset: int | None
    is_new: bool
    version: int = 0
    standing: Standing | None = None
    should_prune: bool = False


def send_messages(requests: list[SendRequest]) -> list[Sent | Exception]:
    """Decide and store drafts in order; a refused one is a ``Refused`` in its place."""
    try:
        return _send_messages(requests)
    except _OvertakenError:
        return _send_messages(requests, is_again=True)


class _OvertakenError(Exception):
    """What was decided by has changed, perhaps while the room's lock was waited for."""


def _send_messages(
    requests: list[SendRequest], *, is_again: bool = False
) -> list[Sent | Exception]:
    now = timezone.now()
    room_ids = {request.room_id for request in requests}
    with transaction.atomic():
        if is_again:
            # A statement that waits for a lock reads, beside the row, what held before it waited.
            # What is read behind it is good enough: a change that is committed from here on has
            # come after these messages.
            hold_rooms(room_ids)
        rooms = lock_rooms(room_ids, may_remember=True)
        pacing = Pacing(rooms, now)
        verdicts = _decide_all(requests, rooms, pacing, now)
        allowed = [verdict.request for verdict in verdicts if verdict.refused is None]
        drafts = [(rooms[item.room_id].row, item.draft) for item in allowed]
        stored = iter(_store_drafts(drafts, now, None if is_again else rooms))
        _record_refusals(verdicts, now)
        pacing.keep()
    return [
        verdict.refused or replace(next(stored), standing=verdict.standing) for verdict in verdicts
    ]


def store_draft(room_id: int, draft: Draft) -> tuple[Room, Sent]:
    """Store what the site itself says, whatever the room's rules; on the caller's transaction.

    Raises ``Room.DoesNotExist``.
    """
    with transaction.atomic():
        found = lock_rooms({room_id}).get(room_id)
        if found is None:
            raise Room.DoesNotExist(f"there is no room {room_id}")
        (sent,) = _store_drafts([(found.row, draft)], timezone.now())
    return found.row, sent


def _store_drafts(
    drafts: Sequence[tuple[Room, Draft]],
    now: datetime,
    decided_by: Mapping[int, FoundRoom] | None = None,
) -> list[Sent]:
    """Store drafts into locked rooms, in order; ``decided_by`` must still hold by then.

    Nonces are first taken to be new, which saves a query; where the database knows one already,
    they are looked up.
    """
    with_nonce = [(room, draft) for room, draft in drafts if draft.nonce]
    if not with_nonce:
        return _Writing(drafts, now, decided_by).write({})
    try:
        with transaction.atomic():
            return _Writing(drafts, now, decided_by).write({})
    except IntegrityError:
        return _Writing(drafts, now, decided_by).write(_find_resent(with_nonce))


_NonceKey = tuple[int, str, str]


@dataclass(slots=True)
class _Writing:
    """Drafts on their way into their rooms."""

    drafts: Sequence[tuple[Room, Draft]]
    now: datetime
    decided_by: Mapping[int, FoundRoom] | None = None
    last_offsets: dict[int, int] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)

    def write(self, resent: Mapping[_NonceKey, Message]) -> list[Sent]:
        """Give what each draft has become; ``resent`` are those that are stored already."""
        rows: dict[int, Message] = {}
        by_nonce = dict(resent)
        rows_of: list[Message | None] = []
        for room, draft in self.drafts:
            row = by_nonce.get(_nonce_key(room, draft)) if draft.nonce else None
            if row is None and room.history_size:
                row = self._row(room, draft)
                rows[id(row)] = row
                if draft.nonce:
                    by_nonce[_nonce_key(room, draft)] = row
            rows_of.append(row)
        Message.objects.bulk_create(rows.values())
        self._raise_offsets()
        told: set[int] = set()
        sent = []
        for (room, draft), row in zip(self.drafts, rows_of, strict=True):
            if row is None:
                sent.append(_unstored(room, draft, self.now))
                continue
            is_new = id(row) in rows and id(row) not in told
            sent.append(_stored(room, row, is_new=is_new, version=self.versions.get(room.pk, 0)))
            told.add(id(row))
        return sent

    def _row(self, room: Room, draft: Draft) -> Message:
        offset = self.last_offsets.get(room.pk, room.last_offset) + 1
        self.last_offsets[room.pk] = offset
        author = draft.author
        return Message(
            room=room,
            offset=offset,
            user_id=author.user_id if author is not None else None,
            author=author.name if author is not None else "",
            author_key=author.key if author is not None else "",
            text=draft.text,
            data=draft.data,
            nonce=draft.nonce or "",
            created_at=self.now,
        )

    def _raise_offsets(self) -> None:
        rooms = {room.pk: room for room, _draft in self.drafts}
        for pk, offset in self.last_offsets.items():
            version, people_version = raise_offset(rooms[pk], offset)
            rooms[pk].last_offset = offset
            self.versions[pk] = version
            found = self.decided_by.get(pk) if self.decided_by is not None else None
            if found is not None and (version, people_version) != (
                found.version,
                found.people_version,
            ):
                raise _OvertakenError


def _stored(room: Room, row: Message, *, is_new: bool, version: int) -> Sent:
    return Sent(
        str(row.pk),
        row.created_at,
        message_shape(row, room.name),
        room.epoch,
        row.offset,
        is_new,
        version,
        should_prune=is_new and row.offset % PRUNE_EVERY == 0,
    )


def _unstored(room: Room, draft: Draft, now: datetime) -> Sent:
    message_id = secrets.token_urlsafe(9)
    shape = new_message_shape(
        message_id,
        room.name,
        None,
        user=draft.author.shape if draft.author is not None else None,
        text=draft.text,
        data=draft.data,
        at=now,
        nonce=draft.nonce,
    )
    return Sent(message_id, now, shape, None, None, is_new=True)


def _nonce_key(room: Room, draft: Draft) -> _NonceKey:
    return room.pk, draft.author.key if draft.author is not None else "", draft.nonce or ""


def _find_resent(drafts: Iterable[tuple[Room, Draft]]) -> dict[_NonceKey, Message]:
    wanted = {_nonce_key(room, draft) for room, draft in drafts}
    rows = Message.objects.filter(
        room_id__in={room_id for room_id, _author, _nonce in wanted},
        author_key__in={author for _room_id, author, _nonce in wanted},
        nonce__in={nonce for _room_id, _author, nonce in wanted},
    )
    found = {(row.room_id, row.author_key, row.nonce): row for row in rows}
    return {key: row for key, row in found.items() if key in wanted}


@dataclass(slots=True)
class _Verdict:
    """What was decided about one request."""

    request: SendRequest
    standing: Standing
    decision: Decision | None
    refused: Refused | None = None


def _decide_all(
    requests: Sequence[SendRequest],
    rooms: Mapping[int, FoundRoom],
    pacing: Pacing,
    now: datetime,
) -> list[_Verdict]:
    stale = [item for item in requests if _is_stale(item, rooms.get(item.room_id))]
    known = _read_standings(stale, rooms)
    doubted = [
        item
        for item in requests
        if item.room_id in rooms
        and _decide_one(item, rooms, _standing(item, known), pacing, now).refused is not None
    ]
    # Nobody is refused for what the socket merely remembered.
    sure = _read_standings(doubted, rooms, with_powers=True)
    known.update(sure)
    verdicts = []
    for item in requests:
        verdict = _decide_one(item, rooms, _standing(item, known), pacing, now)
        if verdict.refused is not None and item.room_id in rooms:
            if (item.room_id, item.author.key) not in sure:
                # It comes too soon after another of this batch.
                known.update(_read_standings([item], rooms, with_powers=True))
                verdict = _decide_one(item, rooms, _standing(item, known), pacing, now)
            if _is_too_soon(verdict) and _is_resent(item, rooms[item.room_id].row):
                # It was sent in time; only its ack was lost.
                verdict = _Verdict(item, verdict.standing, verdict.decision)
        if verdict.refused is None:
            pacing.sent(item.room_id, item.author.key)
        verdicts.append(verdict)
    return verdicts


def _standing(request: SendRequest, known: Mapping[tuple[int, str], Standing]) -> Standing:
    return known.get((request.room_id, request.author.key), request.standing)


def _is_stale(request: SendRequest, found: FoundRoom | None) -> bool:
    """Say whether where the author stands has to be read again."""
    standing = request.standing
    if standing.read_at + request.fresh_for_s < time.monotonic():
        return True
    if found is None:
        return False
    powers = standing.powers
    return standing.version != found.version or (
        powers is not None and powers.version != found.people_version
    )


def _decide_one(
    request: SendRequest,
    rooms: Mapping[int, FoundRoom],
    standing: Standing,
    pacing: Pacing,
    now: datetime,
) -> _Verdict:
    found = rooms.get(request.room_id)
    # A room that was deleted or renamed is closed to those who joined it by this name.
    if found is None or found.row.name != request.draft.room:
        message = denial_message(Code.ROOM_CLOSED, request.draft.room)
        gone = Refused(Code.ROOM_CLOSED.value, message, room=request.draft.room)
        return _Verdict(request, standing, None, gone)
    policy = with_laws_of(request.policy, found.policy) if request.policy else found.policy
    try:
        last_sent_at = pacing.last_sent_at(request.room_id, policy, request.author.key)
    except Refused as busy:
        return _Verdict(request, standing, None, busy)
    credentials = Credentials(now=now, is_joined=True, last_sent_at=last_sent_at)
    decision = decide(policy, subject_of(request.author, standing), Action.SEND, credentials)
    refused = None if decision.allowed else refusal(decision, request.draft.room)
    return _Verdict(request, standing, decision, refused)


def _is_too_soon(verdict: _Verdict) -> bool:
    return verdict.decision is not None and verdict.decision.code == Code.RATE_LIMITED


def _is_resent(request: SendRequest, room: Room) -> bool:
    draft = request.draft
    return bool(draft.nonce) and bool(_find_resent([(room, draft)]))


def _read_standings(
    requests: Sequence[SendRequest], rooms: Mapping[int, FoundRoom], *, with_powers: bool = False
) -> dict[tuple[int, str], Standing]:
    """Read anew where these authors stand; powers where they matter or were known before."""
    policies = {
        item.room_id: item.policy or rooms[item.room_id].policy
        for item in requests
        if item.room_id in rooms
    }
    authors = {item.author.key: item.author for item in requests}
    if not policies:
        return {}
    found = load_standings(policies, authors.values())
    standings: dict[tuple[int, str], Standing] = {}
    for item in requests:
        if item.room_id not in policies:
            continue
        key = (item.room_id, item.author.key)
        needs_powers = (
            with_powers or item.standing.powers is not None or reads_groups(policies[item.room_id])
        )
        powers = load_powers(item.author.user_id) if needs_powers and item.author.user_id else None
        standings[key] = replace(
            found.get(key, Standing()), powers=powers, version=rooms[item.room_id].version
        )
    return standings


def _record_refusals(verdicts: Sequence[_Verdict], now: datetime) -> None:
    """Keep each refused send and put its ref into the refusal."""
    refused = [
        (verdict, verdict.decision)
        for verdict in verdicts
        if verdict.refused is not None and verdict.decision is not None
    ]
    denials = [
        Denial(
            RecordKind.SEND,
            verdict.request.namespace,
            verdict.request.draft.room,
            verdict.request.author,
            decision,
        )
        for verdict, decision in refused
    ]
    for (verdict, decision), ref in zip(refused, record_denials(denials, now), strict=True):
        verdict.refused = refusal(decision, verdict.request.draft.room, ref=ref)
