"""Every cause, felt by live sockets: both doors, both transports, one process and two (DESIGN 7).

In each case a person is in a room with three sockets: plain, Socket.IO over WebSocket, and
Socket.IO by polling. The room's owner is there too, on another process where there are two.
"""

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.helpers.live_browser import Browser, form_fields
from tests.helpers.live_clients import Caller, Client, PlainClient, PythonClient
from tests.helpers.live_server import Clerk, LiveServer
from tests.helpers.postgres import empty_database
from tests.helpers.services import REDIS_URL

# What bypasses the signals is found at least so often; 7 s in earnest.
RECHECK_S = 3.0
# A second after the commit; two where another process writes and no layer tells; and what a busy
# machine takes.
FELT_WITHIN_S, FOUND_WITHIN_S, BYPASS_WITHIN_S = 1.0, 2.0, RECHECK_S + 2.0
SLACK_S = 1.5


class Site:
    """Servers on one database, somebody who types into a shell, and an admin's browser."""

    def __init__(self, servers: list[LiveServer], clerk: Clerk) -> None:
        self.servers = servers
        self.clerk = clerk
        self._admin: Browser | None = None

    @property
    def admin(self) -> Browser:
        if self._admin is None:
            key = self.clerk.do("sign in", name="admin", is_staff=True, is_superuser=True)
            self._admin = Browser(self.servers[0].url).adopt("sessionid", key)
        return self._admin

    def caller(self, number: int, namespace: str, browser: Browser | None, **auth: Any) -> Caller:
        """Give each socket its server, in turn."""
        url = self.servers[number % len(self.servers)].url
        return Caller(url, namespace, auth, browser.cookie_header if browser else {})


@pytest.fixture(
    scope="module",
    params=["sqlite", pytest.param("two", marks=[pytest.mark.postgres, pytest.mark.redis])],
)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("felt")
    environment = {
        "SECRET_KEY": "a-key-of-the-tests",
        "ALLOWED_HOSTS": "127.0.0.1",
        "REALTIME_RECHECK_S": str(RECHECK_S),
    }
    kinds = ["uvicorn"]
    with ExitStack() as stack:
        if request.param == "two":
            kinds = ["daphne", "uvicorn"]
            environment |= {
                "DATABASE_URL": stack.enter_context(empty_database()),
                "REDIS_URL": REDIS_URL,
                "REDIS_PREFIX": f"felt-{secrets.token_hex(6)}",
            }
        servers = [
            LiveServer(
                folder,
                name=f"server-{number}",
                command=["serve", "--server", kind, "--host", "127.0.0.1", "--port", "{port}"],
                environment=environment,
            )
            for number, kind in enumerate(kinds)
        ]
        servers[0].manage("migrate", "--verbosity", "0")
        for server in servers:
            server.start()
        clerk = Clerk(servers[0].environment)
        yield Site(servers, clerk)
        clerk.stop()
        for server in servers:
            server.stop()
            assert server.trouble() == []


@dataclass
class Scene:
    """One room with its owner and a person who is there with three sockets."""

    site: Site
    namespace: str
    room: str
    name: str
    room_id: int
    browser: Browser
    owner: Client
    sockets: list[Client] = field(default_factory=list)

    def shell(self, code: str, **names: Any) -> Any:
        """Type lines in which ``room``, ``place`` and ``user`` are the rows of this scene."""
        prepared = (
            f"room = Room.objects.filter(pk={self.room_id}).first()\n"
            f"place = Namespace.objects.get(path='{self.namespace}')\n"
            f"user = User.objects.get(username='{self.name}')\n"
        )
        return self.site.clerk.do("shell", code=prepared + code, **names)

    def save(self, model: str, pk: int, **changes: Any) -> None:
        """Save a row's page in the admin with these fields changed; an empty text clears one."""
        path = f"/admin/rooms/{model}/{pk}/change/"
        fields: dict[str, list[str]] = form_fields(self.site.admin.get(path))
        fields |= {name: [value] if value else [] for name, value in changes.items()}
        self._post(path, {**fields, "impact_confirmed": ["1"]})

    def delete(self, model: str, pk: int) -> None:
        """Delete a row by its page in the admin."""
        path = f"/admin/rooms/{model}/{pk}/delete/"
        fields = form_fields(self.site.admin.get(path))
        self._post(path, {**fields, "post": ["yes"], "impact_confirmed": ["1"]})

    def act(self, model: str, action: str, pk: int, **more: str) -> None:
        """Run an action of the admin on one row."""
        path = f"/admin/rooms/{model}/"
        token = form_fields(self.site.admin.get(path))["csrfmiddlewaretoken"]
        chosen = {"action": [action], "_selected_action": [str(pk)]}
        self._post(path, {"csrfmiddlewaretoken": token, **chosen, **more})

    def _post(self, path: str, fields: dict[str, Any]) -> None:
        answer = self.site.admin.post(path, fields)
        assert answer.status == 302, (path, answer.status, answer.text[-2_000:])


Act = Callable[[Scene], Any]


@dataclass(frozen=True)
class Cause:
    """What is done, where, and what those in the room see of it.

    ``code`` is what they are told; a ``close`` code says that their sockets end. The owner goes,
    too, where ``spares_owner`` is false.
    """

    act: Act
    code: str
    close: int = 0
    room: dict[str, Any] = field(default_factory=dict)
    place: dict[str, Any] = field(default_factory=dict)
    before: str = ""
    within_s: float = FELT_WITHIN_S
    spares_owner: bool = True
    joins_with: dict[str, Any] = field(default_factory=dict)


def shell(code: str) -> Act:
    return lambda scene: scene.shell(code)


def event(name: str, **fields: Any) -> Act:
    async def act(scene: Scene) -> None:
        whom = {"room": scene.room, "user": scene.shell("answer = str(user.pk)"), **fields}
        answer = await scene.owner.ask(name, whom)
        assert answer == {"ok": True}, answer

    return act


def leave_members(scene: Scene) -> None:
    """Tick the box that deletes a member in the table on a room's page."""
    path = f"/admin/rooms/room/{scene.room_id}/change/"
    fields = form_fields(scene.site.admin.get(path))
    member = scene.shell("answer = str(room.memberships.get(user=user).pk)")
    # Of the members alone: another row may have the same number.
    ids = {name: value for name, value in fields.items() if re.fullmatch(MEMBER_ID, name)}
    (line,) = [name.removesuffix("-id") for name, value in ids.items() if value == [member]]
    scene.save("room", scene.room_id, **{f"{line}-DELETE": "on"})


MEMBER_ID = r"memberships-\d+-id"
MEMBER = "Membership.objects.create(room=room, user=user, role='member')"
GROUPED = "group = Group.objects.create(name=room.name); room.groups.add(group); "
TO_MEMBERS = {"access": "members"}

EVICTIONS: dict[str, Cause] = {
    "admin save": Cause(lambda s: s.save("room", s.room_id, access="members"), "not_a_member"),
    "admin delete": Cause(
        lambda s: s.delete("membership", s.shell("answer = room.memberships.get(user=user).pk")),
        "not_a_member",
        room=TO_MEMBERS,
        before=MEMBER,
    ),
    "admin action": Cause(
        lambda s: s.act("room", "close", s.room_id), "room_closed", spares_owner=False
    ),
    "inline": Cause(leave_members, "not_a_member", room=TO_MEMBERS, before=MEMBER),
    "shell": Cause(shell("room.access = 'members'; room.save()"), "not_a_member"),
    "deleted": Cause(shell("room.delete()"), "room_closed", spares_owner=False),
    "renamed": Cause(shell("room.name += ' 2'; room.save()"), "room_closed", spares_owner=False),
    "rule": Cause(
        shell("AccessRule.objects.create(room=room, effect='deny', subject='user', user=user)"),
        "forbidden",
    ),
    "event kick": Cause(event("kick"), "kicked"),
    "event ban": Cause(event("ban"), "banned"),
    "service": Cause(shell("services.ban(room, user)"), "banned"),
    "group": Cause(
        shell("user.groups.clear()"),
        "forbidden",
        room={"access": "groups"},
        before=GROUPED + "user.groups.add(group)",
    ),
    "permission": Cause(
        shell("user.user_permissions.clear()"),
        "not_a_member",
        room=TO_MEMBERS,
        before="user.user_permissions.add(Permission.objects.get(codename='moderate_room'))",
    ),
    "permission of a group": Cause(
        shell("Group.objects.get(name=room.name).permissions.clear()"),
        "not_a_member",
        room=TO_MEMBERS,
        before=(
            "group = Group.objects.create(name=room.name); user.groups.add(group); "
            "group.permissions.add(Permission.objects.get(codename='moderate_room'))"
        ),
    ),
    "room's password": Cause(
        shell("room.set_password('other'); room.save()"),
        "password_required",
        room={"access": "password", "password": "sesame"},
        joins_with={"password": "sesame"},
    ),
    "invitation revoked": Cause(
        shell("i = room.invitations.get(); i.revoked_at = soon(0); i.save()"),
        "invitation_required",
        room={"access": "invitation"},
        before=(
            "invitation, answer = Invitation.objects.issue(room); "
            "Grant.objects.create(room=room, user=user, via='invitation', invitation=invitation)"
        ),
    ),
    "rule begins": Cause(
        shell(
            "AccessRule.objects.create(room=room, effect='deny', subject='user', user=user, "
            "starts_at=soon(1))"
        ),
        "forbidden",
        within_s=FELT_WITHIN_S + 1,
    ),
    "rule ends": Cause(
        shell("rule = AccessRule.objects.get(room=room); rule.ends_at = soon(1); rule.save()"),
        "not_a_member",
        room=TO_MEMBERS,
        before="AccessRule.objects.create(room=room, effect='allow', subject='user', user=user)",
        within_s=FELT_WITHIN_S + 1,
    ),
    "closes_at": Cause(
        shell("room.closes_at = soon(1); room.save()"),
        "room_closed",
        within_s=FELT_WITHIN_S + 1,
        spares_owner=False,
    ),
    "QuerySet.update": Cause(
        shell("Room.objects.filter(pk=room.pk).update(access='members')"),
        "not_a_member",
        within_s=BYPASS_WITHIN_S,
    ),
    "bulk_create": Cause(
        shell("Ban.objects.bulk_create([Ban(room=room, user=user)])"),
        "banned",
        within_s=BYPASS_WITHIN_S,
    ),
}


def sign_out(scene: Scene) -> None:
    token = form_fields(scene.browser.get("/accounts/login/"))["csrfmiddlewaretoken"]
    answer = scene.browser.post("/accounts/logout/", {"csrfmiddlewaretoken": token})
    assert answer.status == 302, answer.status


ENDS: dict[str, Cause] = {
    "sign-out": Cause(sign_out, "signed_out", 4401),
    "deactivation": Cause(shell("user.is_active = False; user.save()"), "signed_out", 4401),
    "password change": Cause(shell("user.set_password('x'); user.save()"), "signed_out", 4401),
    "session deleted": Cause(
        lambda s: s.shell(
            "Session.objects.get(pk=key).delete()", key=s.browser.cookies["sessionid"]
        ),
        "signed_out",
        4401,
    ),
    "user deleted": Cause(shell("user.delete()"), "signed_out", 4401),
    "ban in the namespace": Cause(
        shell("Ban.objects.create(namespace=place, user=user)"), "banned", 4403
    ),
    "ban everywhere": Cause(shell("Ban.objects.create(user=user)"), "banned", 4403),
    "namespace closed": Cause(
        lambda s: s.save("namespace", s.shell("answer = place.pk"), is_open=""),
        "namespace_closed",
        4403,
        spares_owner=False,
    ),
    "namespace's group": Cause(
        shell("user.groups.clear()"),
        "forbidden",
        4403,
        place={"access": "groups"},
        before=(
            "group = Group.objects.create(name=place.path); place.groups.add(group); "
            "user.groups.add(group); User.objects.get(username=owner).groups.add(group)"
        ),
    ),
    "deactivation by QuerySet.update": Cause(
        shell("User.objects.filter(pk=user.pk).update(is_active=False)"),
        "signed_out",
        4401,
        within_s=BYPASS_WITHIN_S,
    ),
}

UNRELATED: dict[str, Cause] = {
    "title of a password room": Cause(
        shell("room.title = 'Another'; room.capacity = 1; room.save()"),
        "",
        room={"access": "password", "password": "sesame"},
        joins_with={"password": "sesame"},
    ),
    "title of an invitation room in the admin": Cause(
        lambda s: s.save("room", s.room_id, title="Another"),
        "",
        room={"access": "invitation"},
        before="Grant.objects.create(room=room, user=user, via='invitation', "
        "invitation=Invitation.objects.issue(room)[0])",
    ),
    "name of the user": Cause(shell("user.first_name = 'A'; user.save()"), ""),
    "ban of somebody else": Cause(
        shell("Ban.objects.create(room=room, user=User.objects.create_user(room.name))"), ""
    ),
}


@asynccontextmanager
async def scene_of(site: Site, cause: Cause) -> AsyncIterator[Scene]:
    """Make a namespace, a room and its people, and let them join."""
    mark = secrets.token_hex(4)
    namespace, room, name, owner = f"/n{mark}", f"room {mark}", f"user-{mark}", f"owner-{mark}"
    clerk = site.clerk
    clerk.do("namespace", path=namespace, title=mark, **cause.place)
    clerk.do("room", namespace=namespace, name=room, **cause.room)
    browser, owners = (
        Browser(site.servers[0].url).adopt("sessionid", clerk.do("sign in", name=who))
        for who in (name, owner)
    )
    clerk.do("member", namespace=namespace, room=room, user=owner, role="owner")
    room_id = clerk.do("shell", code=f"answer = Room.objects.get(name={room!r}).pk")
    async with AsyncExitStack() as stack:

        async def enter(kind: type[Client], caller: Caller, **fields: Any) -> Client:
            assert issubclass(kind, PlainClient | PythonClient)
            client: Client = await kind.connect(caller)
            stack.push_async_callback(client.close)
            answer = await client.ask("joinRoom", {"room": room, **fields})
            assert answer["ok"], answer
            return client

        scene = Scene(site, namespace, room, name, room_id, browser, owner=None)  # type: ignore[arg-type]  # comes next
        if cause.before:
            scene.shell(cause.before, owner=owner)
        scene.owner = await enter(PlainClient, site.caller(1, namespace, owners))
        kinds: list[tuple[type[Client], str]] = [
            (PlainClient, "websocket"),
            (PythonClient, "websocket"),
            (PythonClient, "polling"),
        ]
        for number, (kind, transport) in enumerate(kinds):
            caller = site.caller(number, namespace, browser)
            caller = Caller(
                caller.url, namespace, caller.auth, caller.headers, transports=(transport,)
            )
            scene.sockets.append(await enter(kind, caller, **cause.joins_with))
        for client in (scene.owner, *scene.sockets):
            await client.take_all()
        yield scene


async def run(scene: Scene, act: Act) -> float:
    """Do it; give when it was committed at the latest, in monotonic seconds."""
    doing = await asyncio.to_thread(act, scene)
    if asyncio.iscoroutine(doing):
        await doing
    return time.monotonic()


def bound(scene: Scene, cause: Cause) -> float:
    """Another process's change is found by looking where no layer tells of it."""
    alone = len(scene.site.servers) == 1
    return (cause.within_s + (FOUND_WITHIN_S - FELT_WITHIN_S if alone else 0.0)) + SLACK_S


@pytest.mark.parametrize("name", EVICTIONS)
async def test_a_cause_puts_out_whom_it_concerns_and_nobody_else(site: Site, name: str) -> None:
    cause = EVICTIONS[name]
    async with scene_of(site, cause) as scene:
        done_at = await run(scene, cause.act)
        concerned = scene.sockets if cause.spares_owner else [*scene.sockets, scene.owner]
        for client in concerned:
            kicked = await next_of(client, "kicked")
            assert (kicked["room"], kicked["code"]) == (scene.room, cause.code)
            assert kicked["message"]
            assert kicked["ref"]
        assert time.monotonic() - done_at < bound(scene, cause)
        if cause.spares_owner:
            answer = await scene.owner.ask("message", {"room": scene.room, "text": "Still here"})
            assert answer["ok"], answer
            heard = [event for event, _args in await scene.owner.take_all()]
            assert "kicked" not in heard
        for client in scene.sockets:
            assert (await client.ask("history", scene.room))["code"] == "not_joined"
            # Only that its list of rooms looks otherwise: ``take_all`` asks for that.
            assert {event for event, _args in await client.take_all()} <= {"roomsChanged"}


@pytest.mark.parametrize("name", ENDS)
async def test_a_cause_ends_the_sockets_that_it_concerns_and_no_others(
    site: Site, name: str
) -> None:
    cause = ENDS[name]
    async with scene_of(site, cause) as scene:
        done_at = await run(scene, cause.act)
        plain, *others = scene.sockets
        assert isinstance(plain, PlainClient)
        assert (await plain.next_other())["disconnect"]["reason"] == cause.code
        assert (await plain.wait_for_end())[0] == cause.close
        for client in others:
            # A DISCONNECT, after which stock clients do not come back by themselves.
            assert await client.wait_for_end() == "server disconnect"
        assert time.monotonic() - done_at < bound(scene, cause)
        if cause.spares_owner:
            answer = await scene.owner.ask("message", {"room": scene.room, "text": "Still here"})
            assert answer["ok"], answer
        else:
            assert (await scene.owner.wait_for_end())[0] == cause.close
        for client in scene.sockets:
            assert all(event != "message" for event in client.log)


@pytest.mark.parametrize("name", UNRELATED)
async def test_what_concerns_nobody_puts_out_nobody(site: Site, name: str) -> None:
    cause = UNRELATED[name]
    async with scene_of(site, cause) as scene:
        everybody = (scene.owner, *scene.sockets)
        await run(scene, cause.act)
        for client in everybody:
            # Before a message is told, its process has looked at all that was committed before.
            assert (await client.ask("message", {"room": scene.room, "text": "Hi"}))["ok"]
        scene.shell("room.is_open = False; room.save()")
        for client in everybody:
            assert (await next_of(client, "kicked"))["code"] == "room_closed"
            assert client.log.count("kicked") == 1


async def test_a_list_tells_what_changed_to_those_who_asked_and_nothing_that_is_hidden(
    site: Site,
) -> None:
    hidden = Cause(shell("room.title = 'Secret'; room.save()"), "", room={"is_listed": False})
    async with scene_of(site, hidden) as scene, AsyncExitStack() as stack:
        site.clerk.do("room", namespace=scene.namespace, name="seen")
        guests: list[Client] = []
        for number, come in enumerate((PlainClient.connect, PythonClient.connect)):
            guest: Client = await come(site.caller(number, scene.namespace, None))
            stack.push_async_callback(guest.close)
            guests.append(guest)
        for client in (*guests, scene.owner):
            await client.take_all()
            await client.ask("rooms", None)
        scene.shell("room.title = 'Secret'; room.save()")
        titles: list[str] = []
        while titles != ["Secret"]:
            # How many are in it may be news of its own before that.
            changed = (await next_of(scene.owner, "roomsChanged"))["changed"]
            titles = [room["title"] for room in changed if room["name"] == scene.room]
        scene.shell("seen = place.rooms.get(name='seen'); seen.access = 'login'; seen.save()")
        for client in guests:
            news = await next_of(client, "roomsChanged")
            told = [(room["name"], room["code"]) for room in news["changed"]]
            assert (told, news["removed"]) == ([("seen", "login_required")], [])


async def next_of(client: Client, event: str) -> Any:
    """Give the next event of this name; what else the room hears meanwhile is its own affair."""
    while True:
        async with asyncio.timeout(20):
            while not client._heard:
                client._arrived.clear()
                await client._arrived.wait()
        name, args = client._heard.popleft()
        if name == event:
            return args[0]
