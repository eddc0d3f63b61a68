"""Private messages between two users, as events. Source: DESIGN section 6, ``private``."""

from typing import ClassVar, cast

from django.utils import timezone

from realtime.namespaces.broadcast import of
from realtime.namespaces.consumer import NamespaceConsumer
from realtime.namespaces.database import in_database
from realtime.namespaces.events import event
from rooms import answers, requests
from rooms.models.tallies import NO_ROOM, TallyKind
from rooms.people import Person
from rooms.private import block, list_conversations, read_private, send_private, unblock
from rooms.registry import NamespaceDefaults
from rooms.requests import OnUser, SendPrivate
from rooms.sending import Draft
from rooms.shapes import instant
from rooms.tallying import tallies


class PrivateEvents(NamespaceConsumer):
    """What two users may say to each other, where the namespace allows it."""

    defaults: ClassVar[NamespaceDefaults | None] = None

    _person: Person

    @event("private", codes=answers.PRIVATE_CODES)
    async def private(self, request: SendPrivate) -> answers.Sent:
        """Say something to one user; the ack means that it is committed."""
        draft = Draft(
            room="",
            text=requests.clean_message_text(request.text),
            author=self._person,
            data=requests.clean_data(request.data),
            nonce=requests.clean_message_nonce(request.nonce),
        )
        sent, shape = await in_database(
            send_private, self.namespace, self.defaults, self._person, request.to, draft
        )
        if sent.is_new:
            tallies.add(TallyKind.MESSAGE, NO_ROOM, timezone.now())
            both = of(self.namespace).user(self._person.user_id, request.to)
            await both.aemit("private", shape)
        return {"ok": True, "id": sent.message_id, "offset": sent.offset, "at": instant(sent.at)}

    @event("block", codes=answers.BLOCK_CODES)
    async def block(self, request: OnUser) -> answers.Done:
        """Hear no more private messages of a user."""
        await in_database(block, self._person, request.user)
        return {"ok": True}

    @event("unblock", codes=answers.BLOCK_CODES)
    async def unblock(self, request: OnUser) -> answers.Done:
        """Hear a user's private messages again."""
        await in_database(unblock, self._person, request.user)
        return {"ok": True}

    @event("conversations", codes=answers.CONVERSATIONS_CODES)
    async def conversations(self) -> answers.Conversations:
        """List whom this person writes to in private, and whom they block."""
        found = await in_database(list_conversations, self.namespace, self._person)
        shown = cast("list[answers.Conversation]", found)
        return {"ok": True, "conversations": shown}

    async def _private_history(
        self, user: str, before: int | None, after: int | None, limit: int
    ) -> answers.PrivateHistory:
        """Read a page of what was said between this person and a user."""
        epoch, page = await in_database(
            read_private,
            self.namespace,
            self._person,
            user,
            before_offset=before,
            after_offset=after,
            limit=limit,
        )
        messages = cast("list[answers.PrivateMessage]", page.messages)
        return {"ok": True, "epoch": epoch, "messages": messages, "more": page.has_more}
