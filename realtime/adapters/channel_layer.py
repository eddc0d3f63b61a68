"""Several processes as one, over a Django channel layer.

This process has one channel on the layer and one group per occupied room, so the layer's cost per
event grows with processes and never with sockets. The layer only wakes others up: it may lose
messages, and losing it altogether leaves this process's own sockets served as before.
"""

import asyncio
import logging
import secrets
from dataclasses import replace
from typing import Any

from realtime.adapters import layer_api
from realtime.adapters.base import AdapterFigures, Broadcast, Member, Replies, RoomKey, Target
from realtime.adapters.counts import HeardCounts, SentCounts
from realtime.adapters.envelope import (
    EnvelopeCodec,
    LayerBeat,
    LayerBundle,
    LayerEvent,
    LayerMessage,
    LayerReply,
    LayerRequest,
)
from realtime.adapters.groups import (
    EVERYBODY,
    groups_of,
    namespace_group,
    probe_groups,
    process_group,
    room_group,
)
from realtime.adapters.layer_api import ChannelLayer
from realtime.adapters.link_frames import LayerLink
from realtime.adapters.links import Links
from realtime.adapters.memory import MemoryAdapter
from realtime.adapters.peers import Gathering, Peers
from realtime.adapters.subscriptions import Subscriptions
from realtime.adapters.unsent import Unsent
from realtime.exceptions import ProtocolError

logger = logging.getLogger(__name__)

CANCEL_AGAIN_S = 0.1
CANCEL_MOST = 15
PROBE_INTERVAL_S = 0.5
PROBE_TIMEOUT_S = 1.0
MAX_UNSENT = 10_000
MAX_REQUEST_S = 60.0
_REQUEST_ID_BYTES = 9
# How long the answers of other processes may be on their way, beyond what was given to them.
REPLY_SLACK_S = 0.25
# How long what a process says that it has sent may still be on its way.
LOST_PATIENCE_S = 0.5
# A flood of messages that are not ours must not become one of lines in the log.
DROPS_LOGGED_EVERY_S = 10.0
# How much longer somebody listens who has heard of no other process.
ALONE_S = 1.0
# So many groups are asked about in one message.
WANTS_PAGE = 1_000


class ChannelLayerAdapter:
    """An ``Adapter`` whose processes share a channel layer."""

    is_shared = True

    def __init__(
        self,
        local: MemoryAdapter,
        layer: ChannelLayer,
        codec: EnvelopeCodec,
        process_id: str,
        *,
        serves: bool = True,
    ) -> None:
        self._local = local
        self._layer = layer
        self._codec = codec
        self._process_id = process_id
        # One that serves no sockets only asks: nobody is to wait for its answers.
        self._serves = serves
        self._subscriptions = Subscriptions(layer, self._lose, self._forget_group)
        self._unsent = Unsent(MAX_UNSENT)
        self._peers = Peers()
        self._gatherings: dict[str, tuple[Gathering, asyncio.Event]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._probing: asyncio.Task[None] | None = None
        self.links = Links(process_id, self)
        self._sent = SentCounts()
        self._heard = HeardCounts()
        # The rooms that there are sockets in here, by group; and what may be missing in them.
        self._room_of: dict[str, RoomKey] = {}
        self._doubts: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._probes_out: set[str] = set()
        self._probes_seen = asyncio.Event()
        self._drops_logged_at = -DROPS_LOGGED_EVERY_S
        self.lost_at: float | None = None
        # Since when our own word returns: by then others' words reach us, too.
        self.steady_since: float | None = None
        self.dropped_in = 0
        self.dropped_out = 0
        self._beat_s: float | None = None

    async def start(self) -> None:
        """Open this process's channel and keep it served."""
        await self._local.start()
        self._subscriptions.want(process_group(self._process_id))
        self._subscriptions.want(process_group(EVERYBODY))
        create = asyncio.get_running_loop().create_task
        self._probing = create(self._probe(), name="layer probe")
        self._tasks = [
            create(self._receive(), name="layer receive"),
            create(self._subscriptions.run(), name="layer subscribe"),
            create(self._send(), name="layer send"),
            self._probing,
        ]

    async def stop(self) -> None:
        """Send what waits, as far as the layer takes it at once, and say good-bye."""
        await self.links.stop()
        # A beat behind the good-bye would make us one of those who live, and then one who crashed.
        self._serves = False
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait([self._probing], timeout=CANCEL_AGAIN_S)
        self._tell([process_group(EVERYBODY)], LayerBeat(self._process_id, leaves=True))
        try:
            async with asyncio.timeout(layer_api.RETRY_S):
                await self._unsent.join()
        except TimeoutError:
            logger.warning("layer messages unsent at stop", extra={"count": len(self._unsent)})
        self._subscriptions.stop()
        for timer in self._doubts.values():
            timer.cancel()
        tasks = {*self._tasks, *self._answering}
        # A layer's client may swallow a cancellation while it connects.
        for _time in range(CANCEL_MOST):
            for task in tasks:
                task.cancel()
            _done, tasks = await asyncio.wait(tasks, timeout=CANCEL_AGAIN_S)
            if not tasks:
                break
        for task in tasks:
            # The loop ends soon, and they with it: nothing is worth waiting for without a bound.
            logger.error("a task of the layer does not end", extra={"task": task.get_name()})
        await self._local.stop()

    def add(self, namespace: str, member: Member, user_id: str | None) -> None:
        """Let a socket hear its namespace, its user and its own id."""
        self._local.add(namespace, member, user_id)
        self._subscriptions.want(namespace_group(namespace))

    def remove(self, namespace: str, member: Member) -> frozenset[str]:
        """Forget a socket; return the rooms that it was in."""
        entered = self._local.entered(member)
        rooms = self._local.remove(namespace, member)
        for room in entered:
            self._release_room(namespace, room)
        if not self._local.has_namespace(namespace):
            self._subscriptions.unwant(namespace_group(namespace))
        return rooms

    async def join(self, namespace: str, room: str, member: Member, *, hold: bool) -> None:
        """Put a socket into a room, and wait until other processes' events for it come here."""
        self._local.enter(namespace, room, member, hold=hold)
        group = room_group(namespace, room)
        self._subscriptions.want(group)
        self._room_of[group] = (namespace, room)
        await self._until_subscribed(group)

    async def _until_subscribed(self, group: str) -> None:
        # While the layer is away one is joined without it.
        if self.lost_at is None:
            await self._subscriptions.until_heard(group)

    def leave(self, namespace: str, room: str, member: Member) -> None:
        """Take a socket out of a room."""
        self._local.leave(namespace, room, member)
        self._release_room(namespace, room)

    def release(self, namespace: str, room: str, member: Member, after: int | None) -> None:
        """Let held events flow."""
        self._local.release(namespace, room, member, after)
        if self._local.keeps_nothing(namespace, room):
            group = room_group(namespace, room)
            if self._heard.begin(group):
                # From here on a loss shows, even that of the first event.
                self._tell([group], LayerBeat(self._process_id, wants=(group,)))

    def rooms(self, namespace: str, member: Member) -> frozenset[str]:
        """Return the rooms that a socket is in."""
        return self._local.rooms(namespace, member)

    def members(self, namespace: str, room: str) -> list[Member]:
        """Return this process's sockets in a room."""
        return self._local.members(namespace, room)

    def publish(self, broadcast: Broadcast) -> None:
        """Deliver here at once; hand over for the other processes without waiting for them."""
        self._local.deliver(broadcast)
        if not broadcast.local:
            groups = groups_of(broadcast)
            count = self._count(broadcast, groups)
            event = LayerEvent.of(broadcast, origin=self._process_id, count=count)
            self._tell(groups, event)

    def _count(self, broadcast: Broadcast, groups: list[str]) -> int | None:
        """Count an event for one room that is neither stored nor may be dropped."""
        is_for_room = len(groups) == 1 and len(broadcast.rooms) == 1 and not broadcast.users
        if not is_for_room or broadcast.volatile or broadcast.number is not None:
            return None
        return self._sent.next(groups[0], asyncio.get_running_loop().time())

    def deliver_until(self, deadline: float | None) -> None:
        """Deliver until then; see ``Adapter.deliver_until``."""
        self._local.deliver_until(deadline)

    def select(self, target: Target) -> list[Member]:
        """Return this process's sockets of a target."""
        return self._local.select(target)

    async def request(
        self,
        operation: str,
        target: Target,
        content: bytes,
        *,
        timeout_s: float,
        include_self: bool = True,
        overtakes: bool = False,
    ) -> Replies:
        """Ask every process that lives, and wait for all of them, at most ``timeout_s``."""
        loop = asyncio.get_running_loop()
        awaited = self._peers.living(loop.time())
        gathering = Gathering(set(awaited))
        complete = asyncio.Event()
        request = LayerRequest(
            origin=self._process_id,
            id=secrets.token_urlsafe(_REQUEST_ID_BYTES),
            operation=operation,
            timeout_s=timeout_s,
            namespace=target.namespace,
            rooms=target.rooms,
            users=target.users,
            excepted=target.excepted,
            content=content,
        )
        self._gatherings[request.id] = (gathering, complete)
        try:
            if awaited:
                self._tell([process_group(EVERYBODY)], request, overtakes=overtakes)
            if include_self and self._serves:
                await self._answer_own(request, gathering)
            if not gathering.is_complete:
                async with asyncio.timeout(timeout_s + REPLY_SLACK_S):
                    await complete.wait()
        except TimeoutError:
            logger.info("request answered in part", extra={"operation": operation})
        finally:
            del self._gatherings[request.id]
        return Replies(tuple(gathering.answers), gathering.missing)

    async def _answer_own(self, request: LayerRequest, gathering: Gathering) -> None:
        try:
            gathering.answers.append(
                await self._local.answer(
                    request.operation, request.target, request.content, request.timeout_s
                )
            )
        except TimeoutError:
            gathering.failed.add(self._process_id)

    def figures(self) -> AdapterFigures:
        """Return what operators want to know."""
        return replace(
            self._local.figures(),
            dropped_in=self.dropped_in,
            dropped_out=self.dropped_out,
            unsent=len(self._unsent),
            peers=len(self._peers.living(asyncio.get_running_loop().time())),
            beat_s=self._beat_s,
            streams=self.links.counts,
        )

    async def meet(self, patience_s: float) -> None:
        """Find out who lives, for a process that has just come: ask, and listen so long.

        Whoever has heard nobody by then listens on for a while: the others may be busy.
        """
        await self._until_subscribed(process_group(self._process_id))
        self._tell([process_group(EVERYBODY)], self._beat(asks=True))
        await asyncio.sleep(patience_s)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + ALONE_S
        while not self._peers.living(loop.time()) and loop.time() < deadline:  # noqa: ASYNC110 - rare
            await asyncio.sleep(ALONE_S / 20)

    async def post(self, process_id: str, message: LayerLink) -> bool:
        """Send a message of a link to one process; False where that failed."""
        try:
            async with asyncio.timeout(layer_api.LAYER_TIMEOUT_S):
                await self._layer.group_send(process_group(process_id), self._codec.seal(message))
        except Exception as error:  # noqa: BLE001 - layers raise what their clients raise
            self._lose("link", error)
            return False
        return True

    def lives(self, process_id: str) -> bool:
        """Say whether a process was heard lately."""
        return self._peers.is_living(process_id, asyncio.get_running_loop().time())

    def _tell(self, groups: list[str], message: LayerMessage, *, overtakes: bool = False) -> None:
        if not self._unsent.put(groups, message, overtakes=overtakes):
            # The layer is away: what must arrive is found by its offset.
            self.dropped_out += 1

    def _release_room(self, namespace: str, room: str) -> None:
        if not self._local.has_room(namespace, room):
            self._subscriptions.unwant(room_group(namespace, room))

    def _forget_group(self, group: str) -> None:
        self._room_of.pop(group, None)
        self._heard.forget_group(group)

    async def _send(self) -> None:
        while True:
            groups, message = await self._unsent.take()
            failed = False
            try:
                sealed = self._codec.seal(message)
                # What waits behind it may be for another host.
                patience_s = layer_api.LAYER_TIMEOUT_S if self.lost_at is None else PROBE_TIMEOUT_S
                async with asyncio.timeout(patience_s):
                    for group in groups:
                        await self._layer.group_send(group, sealed)
            except Exception as error:  # noqa: BLE001 - layers raise what their clients raise
                failed = True
                self._lose("send", error)
            finally:
                count = self._unsent.done(message)
                self.dropped_out += count if failed else 0

    async def _receive(self) -> None:
        channel = await self._subscriptions.channel()
        while True:
            try:
                message = await self._layer.receive(channel)
            except (TypeError, ValueError) as error:
                # Somebody else's bytes, which the layer took and could not read.
                self._drop_incoming(error)
                await asyncio.sleep(0)
                continue
            except Exception as error:  # noqa: BLE001 - layers raise what their clients raise
                self._lose("receive", error)
                await asyncio.sleep(layer_api.RETRY_S)
                continue
            self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        try:
            self._hear(self._codec.open(message))
        except ProtocolError as error:
            self._drop_incoming(error)
        except Exception:
            self.dropped_in += 1
            logger.exception("layer message failed")

    def _drop_incoming(self, error: Exception) -> None:
        self.dropped_in += 1
        now = asyncio.get_running_loop().time()
        if now - self._drops_logged_at >= DROPS_LOGGED_EVERY_S:
            self._drops_logged_at = now
            logger.warning(
                "layer message dropped", extra={"error": str(error), "so_far": self.dropped_in}
            )

    def _hear(self, message: LayerMessage) -> None:
        if message.origin == self._process_id:
            self._hear_myself(message)
            return
        now = asyncio.get_running_loop().time()
        match message:
            case LayerEvent():
                self._hear_event(message)
            case LayerBundle():
                for event in message.events:
                    self._hear_event(event)
            case LayerBeat():
                self._hear_beat(message, now)
            case LayerRequest():
                if self._serves:
                    self._answer_later(message)
            case LayerReply():
                self._gather(message)
            case LayerLink():
                self._peers.heard(message.origin, now)
                self.links.hear(message)

    def _hear_beat(self, beat: LayerBeat, now: float) -> None:
        if beat.leaves:
            self._peers.left(beat.origin)
            self.links.cut(beat.origin, left=True)
            self._heard.forget_process(beat.origin)
        else:
            self._peers.heard(beat.origin, now)
        # Also of one that leaves: a process that serves no sockets asks who lives.
        for group, count in beat.counts.items():
            if group in self._room_of and self._heard.is_behind(group, beat.origin, count):
                self._doubt(group, beat.origin, count)
        counts = self._sent.of(beat.wants)
        if self._serves and (beat.asks or counts):
            answer = LayerBeat(self._process_id, counts=counts)
            self._tell([process_group(beat.origin)], answer)

    def _hear_myself(self, message: LayerMessage) -> None:
        if isinstance(message, LayerBeat):
            self._probes_out.discard(message.probe)
            if not self._probes_out:
                self._probes_seen.set()

    def _hear_event(self, event: LayerEvent) -> None:
        self._note_count(event)
        self._local.deliver(event.broadcast())

    def _note_count(self, event: LayerEvent) -> None:
        if event.count is None or len(event.rooms) != 1:
            return
        group = room_group(event.namespace, event.rooms[0])
        if group in self._room_of and self._heard.take(group, event.origin, event.count):
            self._local.tell_lost(*self._room_of[group])

    def _doubt(self, group: str, origin: str, count: int) -> None:
        if (group, origin) not in self._doubts:
            loop = asyncio.get_running_loop()
            self._doubts[group, origin] = loop.call_later(
                LOST_PATIENCE_S, self._settle_doubt, group, origin, count
            )

    def _settle_doubt(self, group: str, origin: str, count: int) -> None:
        del self._doubts[group, origin]
        if group in self._room_of and self._heard.is_behind(group, origin, count):
            self._heard.take(group, origin, count)
            self._local.tell_lost(*self._room_of[group])

    def _gather(self, reply: LayerReply) -> None:
        waiting = self._gatherings.get(reply.id)
        if waiting is not None:
            gathering, complete = waiting
            gathering.take(reply.origin, reply.content)
            if gathering.is_complete:
                complete.set()

    def _beat(self, *, asks: bool = False) -> LayerBeat:
        return LayerBeat(self._process_id, leaves=not self._serves, asks=asks)

    def _answer_later(self, request: LayerRequest) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(request), name="layer answer")
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, request: LayerRequest) -> None:
        content: bytes | None = None
        timeout_s = min(request.timeout_s, MAX_REQUEST_S)
        try:
            content = await self._local.answer(
                request.operation, request.target, request.content, timeout_s
            )
        except TimeoutError:
            logger.info("request not done in time", extra={"operation": request.operation})
        except Exception:
            logger.exception("request failed", extra={"operation": request.operation})
        reply = LayerReply(self._process_id, request.id, content)
        # Whoever asked waits for it, and it tells nothing that was said before.
        self._tell([process_group(request.origin)], reply, overtakes=True)

    async def _probe(self) -> None:
        """Notice within two seconds that the layer is away, or back: our own word must return.

        The same word tells the others that we live.
        """
        groups = probe_groups(self._layer, self._process_id)
        for group in groups:
            self._subscriptions.want(group)
        leaves = not self._serves
        messages = {
            group: self._codec.seal(LayerBeat(self._process_id, leaves=leaves, probe=group))
            for group in groups
        }
        while True:
            await asyncio.sleep(PROBE_INTERVAL_S)
            sent_at = asyncio.get_running_loop().time()
            self._probes_out = set(groups)
            self._probes_seen.clear()
            try:
                async with asyncio.timeout(PROBE_TIMEOUT_S):
                    for group, message in messages.items():
                        await self._layer.group_send(group, message)
                    await self._probes_seen.wait()
            except Exception as error:  # noqa: BLE001 - layers raise what their clients raise
                self._lose("probe", error)
            else:
                self._beat_s = asyncio.get_running_loop().time() - sent_at
                self._be_back()
                self._tell_counts()

    def _be_back(self) -> None:
        now = asyncio.get_running_loop().time()
        if self.steady_since is None:
            self.steady_since = now
        if self.lost_at is None:
            return
        self.lost_at = None
        logger.info("layer is back", extra={"process_id": self._process_id})
        self._peers.heard_all(now)
        self._sent.tell_again(now)
        # What others have sent meanwhile, and told for as long as they do, was not heard here.
        groups = [group for group, key in self._room_of.items() if self._local.keeps_nothing(*key)]
        for start in range(0, len(groups), WANTS_PAGE):
            wants = tuple(groups[start : start + WANTS_PAGE])
            self._tell([process_group(EVERYBODY)], LayerBeat(self._process_id, wants=wants))

    def _tell_counts(self) -> None:
        """Tell the others what they should have heard, and find out who has crashed."""
        now = asyncio.get_running_loop().time()
        counts = self._sent.lately(now) if self._serves else {}
        if counts:
            self._tell([process_group(EVERYBODY)], LayerBeat(self._process_id, counts=counts))
        for process_id in self._peers.bury(now):
            logger.warning("a process is gone", extra={"process_id": process_id})
            # What it had to say last nobody knows.
            for group in self._heard.forget_process(process_id):
                self._local.tell_lost(*self._room_of[group])

    def _lose(self, doing: str, error: Exception) -> None:
        self._subscriptions.begin_anew()
        self.steady_since = None
        if self.lost_at is None:
            self.lost_at = asyncio.get_running_loop().time()
            logger.error(
                "layer lost",
                extra={"process_id": self._process_id, "doing": doing, "error": repr(error)},
            )
            self._subscriptions.wait_no_longer()
