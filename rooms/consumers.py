"""The namespaces of the room UI: consumers that speak the room events of DESIGN section 6.

``RoomNamespace`` is made to be subclassed; its hooks stand first. Database work is one unit of
``rooms.joining`` and its neighbours for each event, run in the pool and shared with others.
"""

import asyncio
import logging
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Any, ClassVar, cast

import msgspec
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext as _

from realtime.conf import trusted_proxies
from realtime.counting import count_limit, current_counts
from realtime.exceptions import Refused
from realtime.namespaces.addresses import client_of
from realtime.namespaces.consumer import ProcessInfo
from realtime.namespaces.database import in_database
from realtime.namespaces.declared import Refusal
from realtime.namespaces.events import event
from realtime.namespaces.identity import User, shown_name
from realtime.namespaces.numbered import Numbered
from realtime.namespaces.process import current_process_id
from realtime.namespaces.redacting import hide_in_links
from realtime.namespaces.socket import LinkState, Socket
from rooms import answers, requests, signals
from rooms.accounts import auth_hash_of
from rooms.arriving import Arrival
from rooms.attendees import Attendee, Seated
from rooms.backstage import Backstage, backstages
from rooms.denials import Code
from rooms.even_time import even_out, in_even_time
from rooms.evicting import kicked, muted
from rooms.gists import Gist
from rooms.joining import (
    CheckedPassword,
    Denied,
    Joined,
    JoinRequest,
    Outcome,
    PasswordNeeded,
    RowNeeded,
)
from rooms.listing import ROOMS_PAGE, list_rooms
from rooms.models.tallies import TallyKind
from rooms.moderator_events import ModeratorEvents
from rooms.people import KnownPowers, Person
from rooms.policy import unknown_room
from rooms.policy_values import Decision, Policy, Sanction
from rooms.presence import Place
from rooms.private_events import PrivateEvents
from rooms.reading import (
    find_policy,
    make_room_for,
    read_heads,
    read_history,
    read_members,
    read_missed,
    record_denied_join,
)
from rooms.refusals import not_joined, refusal, throttled
from rooms.registry import NamespaceDefaults
from rooms.requests import InRoom, JoinRoom, ListRooms, ReadHistory, SendMessage
from rooms.rights import read_rights
from rooms.sending import Draft, SendRequest, check_hooked
from rooms.shapes import Shape, instant
from rooms.tallying import tallies
from rooms.throttle import Limits as TryLimits
from rooms.throttle import Throttled

logger = logging.getLogger(__name__)


class RoomNamespace(ModeratorEvents, PrivateEvents):
    """A namespace whose rooms are ``Room`` rows, with messages, history and presence.

    Answers where a ``Namespace`` row has its path, and also without one where a subclass declares
    ``defaults``.
    """

    emits = answers.EMITS
    defaults: ClassVar[NamespaceDefaults | None] = None

    _begun_at: float
    # Rooms that the signal ``joined`` was sent of; why some of them, or all, had to be left.
    _announced: set[str]
    _evictions: dict[str, str]
    _end_code = ""
    _attendee: Attendee
    _person: Person
    _powers: KnownPowers

    # Hooks.

    async def get_policy(self, name: str) -> Policy | None:
        """Give what the room of this (clean) name asks for, or None where there is no such room.

        Override it for rooms that are rows of another model: theirs is then asked at each join and
        message, and a hidden ``Room`` row is made for what is stored. Passwords and grants are
        those of that row.
        """
        return await in_database(find_policy, self.namespace, name)

    def display_name(self, user: User) -> str:
        """Give the name that others see of a signed-in user; never an e-mail address."""
        return shown_name(user)

    async def on_join(self, room: str) -> None:
        """Run after this socket has joined a room and the room was told."""

    async def on_leave(self, room: str) -> None:
        """Run after this socket has left a room, or was in it when it ended."""

    async def on_message(self, draft: Draft) -> Draft:
        """Look at a message before it is stored: give it or another, or raise ``Refused``."""
        return draft

    # The life of processes and sockets.

    @classmethod
    def namespace_label(cls, namespace: str, pattern: str) -> str:
        """Return the namespace: the registry lists them; with ``defaults`` any may be asked for."""
        return namespace if cls.defaults is None else pattern

    @classmethod
    async def admits(cls, namespace: str, kwargs: dict[str, Any]) -> bool:
        """Say whether there is such a namespace: a row of this path, or declared defaults."""
        if cls.defaults is not None:
            return True
        return await backstages.of(current_process_id()).namespaces.submit(namespace)

    @classmethod
    async def started(cls, process: ProcessInfo) -> None:
        """Take the process's lease."""
        await backstages.open(process)

    @classmethod
    async def stopped(cls, process: ProcessInfo) -> None:
        """Give the process's lease back."""
        await backstages.close(process.id)

    @classmethod
    async def read_numbered(
        cls, namespace: str, room: str, epoch: str, after: int, upto: int
    ) -> list[Numbered]:
        """Read stored messages that were lost on their way between processes."""
        messages = await in_database(read_missed, namespace, room, epoch, after, upto)
        return [Numbered(shape["offset"], "message", (shape,)) for shape in messages]

    @classmethod
    async def read_heads(
        cls, rooms: Collection[tuple[str, str]]
    ) -> Mapping[tuple[str, str], tuple[str, int]]:
        """Read the last offsets of rooms that keep their messages."""
        return await in_database(read_heads, rooms)

    @classmethod
    def lost_event(cls, room: str, first: int | None, last: int | None) -> tuple[Any, ...]:
        """Tell the members of a room that messages are lost."""
        between = {} if first is None else {"from": first, "to": last}
        return ("missed", {"room": room, **between})

    async def connect(self, auth: dict[str, Any]) -> None:
        """Let the socket in if the namespace does; greet it, and tell it who it is."""
        self._person = self._who()
        self._powers = KnownPowers()
        place = Place(
            socket_id=self.socket_id,
            process_id=self.process_id,
            namespace=self.namespace,
            person=self._person,
            transport="websocket" if self.scope["type"] == "websocket" else "polling",
            connected_at=timezone.now(),
        )
        try:
            admission = await self._backstage.arrivals.submit(Arrival(place, self.defaults))
        except Refused as refused:
            await self._tell(signals.denied, "", code=refused.code, ref=refused.data.get("ref", ""))
            raise
        except BaseException:
            # The row may be written all the same, by a batch that goes on without us.
            self._backstage.depart_later(self.socket_id)
            raise
        self._powers.remember(admission.powers)
        self._attendee = Attendee(
            place,
            self.options.announce_max,
            self,
            defaults=self.defaults,
            session_key=self.identity.session_key,
            auth_hash=None if self.identity.is_guest else auth_hash_of(self.identity.user),
        )
        self._backstage.attendees[self.socket_id] = self._attendee
        if self._backstage.watch.has_asked_since(self._begun_at, self.namespace):
            # A re-check that began meanwhile has not seen this socket.
            await self._backstage.watch.recheck_socket(self._attendee)
        await self.emit("welcome", admission.welcome)
        await self.emit("identity", self._identity_shape(admission.title))
        if not self.is_connected:
            # Gone before it was in: the engine forgets such a socket without a word.
            self._backstage.depart_later(self.socket_id)

    async def disconnected(self, reason: str) -> None:
        """Free the seats that the socket had and tell their rooms."""
        rooms = list(self._attendee.seats)
        await self._backstage.depart(self.socket_id)
        for room in rooms:
            try:
                await self.has_left(room)
            except Exception:
                logger.exception("on_leave() failed", extra={"socket_id": self.socket_id})

    # Events.

    @event("joinRoom", codes=answers.JOIN_CODES)
    async def join_room(self, request: str | JoinRoom) -> answers.Joined | Refusal:
        """Join a room, or hear why not."""
        asked = JoinRoom(room=request) if isinstance(request, str) else request
        asked = msgspec.structs.replace(
            asked,
            room=requests.clean_name(asked.room),
            password=requests.clean_password(asked.password),
            since=requests.clean_offset(asked.since, "since"),
        )
        try:
            # Not by the event's own mark: that refusal would not be heard as ``err``.
            self.socket.take_join_token()
            return await self._join(asked)
        except Refused as refused:
            # A denied join is heard as ``err`` even where an ack was asked for; raised, it would
            # be heard as one or the other.
            answer = refused.answer()
            await self.emit("err", answer["message"], answer)
            about = {"code": refused.code, "ref": answer.get("ref", "")}
            await self._tell(signals.denied, asked.room, **about)
            return cast("Refusal", answer)

    @event("leaveRoom", codes=answers.INSIDE_CODES)
    async def leave_room(self, request: str | InRoom) -> answers.LeftRoom:
        """Leave a room."""
        seat = self._seat(requests.room_named(request))
        await self._backstage.leave(self._attendee, seat)
        await self.leave(seat.room)
        self.socket.note("room left", room=seat.room)
        logger.debug("room left", extra=self.socket.about(room=seat.room))
        await self.has_left(seat.room)
        return {"ok": True, "room": seat.room}

    @event("message", codes=answers.SEND_CODES)
    async def message(self, request: SendMessage) -> answers.Sent:
        """Say something in a room; the ack means that it is committed."""
        draft = Draft(
            room=requests.clean_name(request.room),
            text=requests.clean_message_text(request.text),
            author=self._person,
            data=requests.clean_data(request.data),
            nonce=requests.clean_message_nonce(request.nonce),
        )
        seat = self._seat(draft.room)
        # Here and not where it is stored: there it would fail with everybody's whom it goes with.
        draft = check_hooked(draft, await self.on_message(draft))
        sent = await self._backstage.send(
            SendRequest(
                room_id=seat.room_id,
                namespace=self.namespace,
                draft=draft,
                author=self._person,
                standing=seat.standing,
                fresh_for_s=self.options.recheck_s,
                policy=await self._own_policy(seat.room),
            )
        )
        if sent.standing is not None:
            seat.standing = sent.standing
        return {"ok": True, "id": sent.message_id, "offset": sent.offset, "at": instant(sent.at)}

    @event("typing", codes=answers.INSIDE_CODES)
    async def typing(self, request: str | InRoom) -> answers.Done:
        """Let the others see that this person is typing."""
        seat = self._seat(requests.room_named(request))
        await self.to(seat.room).volatile.emit(
            "typing", {"room": seat.room, "user": self._person.shape}
        )
        return {"ok": True}

    @event("history", codes=answers.HISTORY_CODES)
    async def history(self, request: str | ReadHistory) -> answers.History | answers.PrivateHistory:
        """Read a page of a room's messages, or of those with a user."""
        asked = ReadHistory(room=request) if isinstance(request, str) else request
        if (asked.room is None) == (asked.with_user is None):
            raise requests.bad_request(
                _("Ask for a room's messages, or those with a user."), "room"
            )
        before = requests.clean_offset(asked.before, "before")
        after = requests.clean_offset(asked.after, "after")
        if before is not None and after is not None:
            raise requests.bad_request(_("Ask for messages before or after, not both."), "before")
        limit = requests.clean_limit(asked.limit, self.options.history_page)
        if asked.with_user is not None:
            return await self._private_history(asked.with_user, before, after, limit)
        name = requests.clean_name(asked.room or "")
        epoch, page = await in_even_time(
            read_history,
            self.namespace,
            name,
            self._person,
            seated_in=self._room_id(name),
            before_offset=before,
            after_offset=after,
            limit=limit,
        )
        messages = cast("list[answers.Message]", page.messages)
        return {"ok": True, "epoch": epoch, "messages": messages, "more": page.has_more}

    @event("rooms", codes=())
    async def list_rooms(self, request: ListRooms | None = None) -> answers.RoomList:
        """List the rooms that this person may know of."""
        asked = request or ListRooms()
        began_at = time.monotonic()
        page = await in_database(
            list_rooms,
            self.namespace,
            self._person,
            timezone.now(),
            joined=frozenset(self._attendee.seats),
            search=requests.clean_search(asked.search, "search"),
            after=requests.clean_search(asked.after, "after"),
            limit=requests.clean_limit(asked.limit, ROOMS_PAGE),
            powers=self._powers.fresh(self.options.recheck_s),
        )
        self._powers.remember(page.powers)
        is_whole = not page.has_more and asked.search is None and asked.after is None
        self._backstage.watch.lists.given(self._attendee, page.rooms, began_at, is_whole=is_whole)
        rooms = cast("list[answers.ListedRoom]", page.rooms)
        return {"ok": True, "rooms": rooms, "more": page.has_more}

    @event("members", codes=answers.READ_CODES)
    async def members(self, request: str | InRoom) -> answers.MemberList:
        """List who is in a room."""
        name = requests.room_named(request)
        members, count = await in_even_time(
            read_members, self.namespace, name, self._person, seated_in=self._room_id(name)
        )
        shown = cast("list[answers.Member]", members)
        return {"ok": True, "members": shown, "count": count}

    @event("rights", codes=answers.READ_CODES)
    async def rights(self, request: str | InRoom) -> answers.Rights:
        """Say what this person may do in a room that they are in, and tell if it changes."""
        seat = self._seat(requests.room_named(request))
        seat.has_asked_rights = True
        begun_at = time.monotonic()
        found = await in_database(
            read_rights,
            seat.room,
            self._person,
            seated_in=seat.room_id,
            policy=await self._own_policy(seat.room),
        )
        gist = seat.told_rights = found.gist
        if self._backstage.watch.has_asked_since(begun_at, self.namespace):
            # A re-check that began meanwhile did not know yet what this client is told.
            await self._backstage.watch.recheck_socket(self._attendee)
        return {
            "ok": True,
            **_rights_shape(seat.room, gist, found.refused),
            "rank": found.rank,
            "roles": cast("list[answers.RoleName]", list(found.roles)),
        }

    # What the process's watch and staff ask.

    def bind(self, socket: Socket) -> None:
        """Take the socket; note when, since a re-check may pass by while it is let in."""
        super().bind(socket)
        self._announced = set()
        self._evictions = {}
        self._begun_at = time.monotonic()

    @property
    def link_state(self) -> LinkState:
        """How the connection stands at this instant."""
        return self.socket.link_state

    async def own_policies(self, names: list[str]) -> Mapping[str, Policy | None] | None:
        """Give what the application asks of these rooms; None where the rows are asked."""
        if not self._has_own_policies:
            return None
        return {name: await self.get_policy(name) for name in names}

    def evicted(self, room: str, refused: Refused, *, tell: bool) -> None:
        """Let nothing more of a room reach this socket, and tell it why if it has to hear."""
        self.leave_now(room)
        # It may have been found by a look at what this socket remembers otherwise.
        self._powers.forget()
        if tell:
            self._evictions[room] = refused.code
            self.emit_now("kicked", kicked(room, refused))

    def note_eviction(self, room: str, refused: Refused) -> None:
        """Count and log that this socket had to leave a room."""
        self._note("evicted", room, refused)
        current_counts().evictions.add(self.socket.label, refused.code)

    def rights_changed(self, room: str, gist: Gist) -> None:
        """Tell a client that shows what its person may do."""
        refused = refusal(gist.refusing, room) if gist.refusing is not None else None
        self.emit_now("rightsChanged", _rights_shape(room, gist, refused))

    def role_changed(self, room: str, user: Shape, role: str | None) -> None:
        """Let a client that shows who is there put somebody where they belong now."""
        self.emit_now("roleChanged", {"room": room, "user": user, "role": role})

    def mute_changed(self, room: str, mute: Sanction | None) -> None:
        """Tell the client what keeps its person from writing, or that nothing does any more."""
        if mute is None:
            self.emit_now("unmuted", {"room": room})
        else:
            self.emit_now("muted", muted(room, mute))

    async def has_left(self, room: str) -> None:
        """Tell whoever listens, and the hook, that a seat of this socket is free."""
        code = self._evictions.pop(room, self._end_code)
        if room in self._announced:
            self._announced.discard(room)
            if code:
                await self._tell(signals.evicted, room, code=code)
            await self._tell(signals.left, room)
        await self.on_leave(room)

    def end(self, code: str) -> None:
        """End this socket and tell it why."""
        current_counts().evictions.add(self.socket.label, code)
        self._end_code = code
        self.socket.end(code)

    # Joining.

    async def rejoin(self, room: str) -> bool:
        """Put a recovered socket back into a room if it still may; else it hears ``kicked``.

        Its client believes that it never left, and gets what it missed: it is neither told of
        success nor given messages anew.
        """
        try:
            await self._join(JoinRoom(room=room), is_return=True)
        except Refused as refused:
            await self.emit("kicked", kicked(room, refused))
            return False
        return True

    async def _join(self, asked: JoinRoom, *, is_return: bool = False) -> answers.Joined:
        joins = current_counts().joins
        try:
            joined = await self._try_to_join(asked, is_return=is_return)
        except Refused as refused:
            joins.add(self.socket.label, refused.code)
            self._note("join denied", asked.room, refused)
            raise
        joins.add(self.socket.label, "ok")
        self.socket.note("room joined", room=asked.room)
        logger.debug("room joined", extra=self.socket.about(room=asked.room))
        return joined

    async def _try_to_join(self, asked: JoinRoom, *, is_return: bool) -> answers.Joined:
        name = asked.room
        is_joined = name in self._attendee.seats
        most = self.options.max_rooms
        if most and not is_joined and len(self._attendee.seats) >= most:
            count_limit("max_rooms")
            raise await self._denied(name, _too_many_rooms(name, most))
        if (leaving := self._attendee.leaving.get(name)) is not None:
            # The seat that an eviction is freeing would be taken for this one.
            await asyncio.shield(leaving)
        begun_at = time.monotonic()
        # In the room before its messages are read: what is committed meanwhile is held back, so
        # that nothing is lost or doubled between the snapshot and what is heard live.
        await self.join(name, hold=True)
        try:
            outcome = await self._ask_to_join(asked, is_joined=is_joined)
        except BaseException:
            await self._unhold(name, is_joined=is_joined)
            raise
        self._attendee.seats[name] = Seated(
            name, outcome.room_id, outcome.standing, outcome.mute, known_role=outcome.standing.role
        )
        self._powers.remember(outcome.standing.powers)
        await self._ask_again(name, begun_at, by_invitation=asked.invitation is not None)
        if not is_joined and not is_return:
            await self.emit("success", _("Joined Room: %(room)s") % {"room": name})
        self.release(name, after=None if is_return else outcome.snapshot.offset)
        if not is_joined:
            await self._backstage.announcer.entered(
                self.namespace,
                name,
                self._person.shape,
                members=outcome.members,
                sockets=outcome.sockets,
                socket_id=self.socket_id,
                announce_max=self.options.announce_max,
            )
            self._announced.add(name)
            await self._tell(signals.joined, name)
            await self.on_join(name)
        return _join_answer(name, outcome)

    async def _ask_again(self, room: str, begun_at: float, *, by_invitation: bool) -> None:
        """Undo a join that a re-check has missed if what changed meanwhile forbids it."""
        watch = self._backstage.watch
        watch.seated(self._attendee.seats[room], by_invitation=by_invitation)
        if watch.has_asked_since(begun_at, self.namespace):
            denied = await watch.recheck_socket(self._attendee, tell=False)
            if room in denied:
                raise denied[room]

    async def _ask_to_join(self, asked: JoinRoom, *, is_joined: bool) -> Joined:
        """Have a join decided, checking a password if that is what it takes."""
        has_own = self._has_own_policies
        own = await self.get_policy(asked.room) if has_own else None
        request = JoinRequest(
            namespace=self.namespace,
            room=asked.room,
            person=self._person,
            socket_id=self.socket_id,
            process_id=self.process_id,
            page=self.options.history_page,
            is_joined=is_joined,
            password_given=asked.password is not None,
            invitation=asked.invitation,
            since=asked.since,
            epoch=asked.epoch,
            powers=self._powers.fresh(self.options.recheck_s),
            policy=own,
            is_missing=has_own and own is None,
        )
        attempts_left = None
        outcome = await self._decide_join(request)
        if isinstance(outcome, RowNeeded):
            await in_database(make_room_for, self.namespace, asked.room, self.defaults)
            outcome = await self._decide_join(request)
        if isinstance(outcome, PasswordNeeded) and asked.password is not None:
            checked, attempts_left = await self._check_password(
                asked.room, asked.password, outcome.encoded
            )
            request = replace(request, checked_password=checked, powers=outcome.powers)
            outcome = await self._decide_join(request)
        if isinstance(outcome, Joined):
            if not is_joined:
                tallies.add(TallyKind.JOIN, outcome.room_id, timezone.now())
            return outcome
        if not isinstance(outcome, Denied):
            raise TypeError("a join with its row and a checked password needs nothing more")
        self._powers.remember(outcome.powers)
        raise refusal(outcome.told, asked.room, ref=outcome.ref, attempts_left=attempts_left)

    async def _decide_join(self, request: JoinRequest) -> Outcome:
        """Have a join decided; a room that may be hidden takes its time for it."""
        begun_at = time.monotonic()
        outcome = await self._backstage.joins.submit(request)
        if isinstance(outcome, PasswordNeeded) or (
            isinstance(outcome, Denied) and outcome.told.code == Code.UNKNOWN_ROOM
        ):
            await even_out(begun_at)
        return outcome

    async def _check_password(
        self, room: str, password: str, encoded: str
    ) -> tuple[CheckedPassword, int | None]:
        """Check a password; give the result, and the tries that are left."""
        person = self._person
        if client_of(self.scope, trusted_proxies()).is_proxied_blindly:
            # Behind a proxy that we do not know everybody has the proxy's address.
            person = replace(person, address=None)
        verdict = await self._backstage.passwords.try_password(
            f"{self.namespace}\0{room}",
            person,
            password,
            encoded,
            TryLimits(self.options.password_tries, self.options.password_window_s),
        )
        if isinstance(verdict, Throttled):
            count_limit("password_tries")
            raise await self._denied(room, throttled(room, verdict.retry_after_s))
        return CheckedPassword(encoded, verdict.is_right), verdict.left

    async def _unhold(self, room: str, *, is_joined: bool) -> None:
        """Undo the hold of a join that did not come about."""
        if is_joined:
            self.release(room)
        else:
            await self.leave(room)

    async def _denied(self, room: str, decision: Decision) -> Refused:
        """Record a denial that no row of the registry brought about; give what to raise."""
        ref = await in_database(record_denied_join, self.namespace, room, self._person, decision)
        return refusal(decision, room, ref=ref)

    async def _own_policy(self, room: str) -> Policy | None:
        """Give the application's own policy where a subclass has one; None for the row's."""
        if not self._has_own_policies:
            return None
        policy = await self.get_policy(room)
        if policy is None:
            raise await self._denied(room, unknown_room(room))
        return policy

    @property
    def _has_own_policies(self) -> bool:
        return type(self).get_policy is not RoomNamespace.get_policy

    async def _tell(self, signal: Signal, room: str, **about: object) -> None:
        await signals.tell(
            signal, self, room=room, person=self._person, socket_id=self.socket_id, **about
        )

    # Who and where.

    @property
    def _backstage(self) -> Backstage:
        return backstages.of(self.process_id)

    def _note(self, what: str, room: str, refused: Refused) -> None:
        ref = refused.data.get("ref")
        self.socket.note(what, room=room, code=refused.code, ref=ref)
        # Whoever pastes an invitation's link as the name of a room shows its token to no log.
        told = hide_in_links(room)
        logger.info(what, extra=self.socket.about(room=told, code=refused.code, ref=ref))

    def _seat(self, room: str) -> Seated:
        seat = self._attendee.seats.get(room)
        if seat is None:
            raise not_joined(room)
        return seat

    def _room_id(self, room: str) -> int | None:
        seat = self._attendee.seats.get(room)
        return seat.room_id if seat is not None else None

    def _who(self) -> Person:
        identity = self.identity
        found = client_of(self.scope, trusted_proxies()).address
        name = identity.name if identity.is_guest else self.display_name(identity.user)
        return Person(
            key=identity.id,
            name=name,
            user_id=identity.user_id,
            guest_id=identity.guest_id,
            address=ip_address(found) if found is not None else None,
        )

    def _identity_shape(self, title: str) -> Shape:
        shape: Shape = {
            "namespace": {"path": self.namespace, "title": title},
            "user": self._person.shape,
        }
        if self.identity.guest_token is not None:
            shape["guest"] = self.identity.guest_token
        return shape


class Main(RoomNamespace):
    """The namespace ``/``: a greeting, and an echo, so that a bare ``io()`` finds an answer."""

    defaults = NamespaceDefaults(title="Main", welcome="Welcome!")

    @event("echo", codes=())
    async def echo(self, *args: Any) -> tuple[Any, ...]:  # noqa: ANN401 - whatever was sent
        """Answer with what was sent."""
        return args


def _join_answer(room: str, joined: Joined) -> answers.Joined:
    snapshot = joined.snapshot
    return {
        "ok": True,
        "room": room,
        "members": joined.members,
        "role": cast("answers.RoleName | None", joined.standing.role),
        "epoch": snapshot.epoch,
        "offset": snapshot.offset,
        "messages": cast("list[answers.Message]", snapshot.page.messages),
        "more": snapshot.page.has_more,
        "recovered": snapshot.is_recovered,
    }


def _rights_shape(room: str, gist: Gist, refused: Refused | None) -> answers.RightsChanged:
    return {
        "room": room,
        "role": cast("answers.RoleName | None", gist.role),
        "moderates": gist.moderates,
        "slow_mode_s": gist.slow_mode_s,
        "closes_at": instant(gist.closes_at) if gist.closes_at is not None else None,
        "refusal": cast("Refusal", refused.answer()) if refused is not None else None,
    }


def _too_many_rooms(room: str, most: int) -> Decision:
    """Give the denial of one room more than a socket may be in."""
    return Decision(
        allowed=False,
        code=Code.RATE_LIMITED.value,
        reason=_("Leave a room before you enter %(room)s: %(most)d at once are the most.")
        % {"room": room, "most": most},
        rule="max_rooms",
    )
