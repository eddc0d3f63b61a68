"""A project fresh from ``startproject`` that does what docs/how-to/existing-project.md says."""

import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from tests.helpers.live_browser import Browser
from tests.helpers.live_clients import Caller, Client, PlainClient, PythonClient
from tests.helpers.live_server import LiveServer
from tests.helpers.node_client import NodeProgram
from tests.helpers.services import ROOT

HOW_TO = ROOT / "docs" / "how-to"
WITH_ROUTER = ": with a router of your own"

# What the project had before: a user model of its own kind, a view and a WebSocket.
USERS = """
import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models


class People(BaseUserManager):
    def create_user(self, email, password=None, **fields):
        person = self.model(email=email, **fields)
        person.set_password(password)
        person.save()
        return person


class Person(AbstractBaseUser, PermissionsMixin):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    email = models.EmailField(unique=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    objects = People()
    USERNAME_FIELD = "email"
"""
WEBSOCKETS = """
from channels.generic.websocket import AsyncWebsocketConsumer
from django.urls import path


class Old(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        await self.send(text_data=f"old: {text_data}")


websocket_urlpatterns = [path("old/", Old.as_asgi())]
"""
OLD_VIEW = """
from django.http import HttpResponse

urlpatterns += [path("hello/", lambda request: HttpResponse("hello as ever"))]
"""
PEOPLE_AND_ROOMS = """
from django.contrib.auth import get_user_model
from rooms.models import Membership, Namespace, Room

people = get_user_model().objects
ann = people.create_user("ann@example.com", "ann")
people.create_user("root@example.com", "root", is_staff=True, is_superuser=True)
talk = Namespace.objects.create(path="/talk", title="Talk", welcome="Talk to us")
Room.objects.create(namespace=talk, name="hall")
club = Room.objects.create(namespace=talk, name="club", access="members")
Membership.objects.create(room=club, user=ann, role="owner")
"""


def code_blocks(page: str) -> list[tuple[str, str]]:
    """Return each Python file that a how-to shows: its path, as its first line says, and text."""
    text = (HOW_TO / page).read_text()
    blocks = re.findall(r"^```python\n# ([^\n]+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert blocks
    return [(path, code) for path, code in blocks]


def make_project(folder: Path) -> None:
    """Make a project as it may have been before, and do what the page says."""
    subprocess.run(
        [sys.executable, "-m", "django", "startproject", "mysite", str(folder)], check=True
    )
    for package in ("people", "lobby"):
        (folder / package).mkdir()
        (folder / package / "__init__.py").touch()
    (folder / "people" / "models.py").write_text(USERS)
    (folder / "mysite" / "websockets.py").write_text(WEBSOCKETS)
    with (folder / "mysite" / "settings.py").open("a") as settings:
        settings.write("\nINSTALLED_APPS += ['people']\nAUTH_USER_MODEL = 'people.Person'\n")
    with (folder / "mysite" / "urls.py").open("a") as urls:
        urls.write(OLD_VIEW)
    for path, code in code_blocks("existing-project.md"):
        file = folder / path.removesuffix(WITH_ROUTER)
        is_whole = path == "mysite/asgi.py" or not file.exists()
        before = "" if is_whole else file.read_text() + "\n"
        file.write_text(before + code)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("fresh")
    make_project(folder)
    server = LiveServer(
        folder,
        project=folder,
        # In place of `pip install` and `npm install`: this checkout and its packages.
        environment={
            "PYTHONPATH": str(ROOT),
            "REALTIME_CLIENT_FILES": str(ROOT / "node_modules" / "socket.io-client" / "dist"),
        },
    )
    server.manage("makemigrations", "people")
    server.manage("migrate", "--verbosity", "0")
    server.manage("check")
    server.manage("shell", "--command", PEOPLE_AND_ROOMS)
    server.start()
    yield server
    server.stop()
    assert server.trouble() == []


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def enter(stack: AsyncExitStack, client: Client) -> Client:
    stack.push_async_callback(client.close)
    return client


def test_both_pages_show_the_same_namespace() -> None:
    shown = dict(code_blocks("existing-project.md"))
    for path, code in code_blocks("first-namespace.md"):
        assert shown[path] == code


@pytest.mark.node
async def test_clients_of_every_kind_meet_in_the_lobby(
    project: LiveServer, stack: AsyncExitStack, node_program: NodeProgram
) -> None:
    caller = Caller(project.url, "/lobby")
    plain = await enter(stack, await PlainClient.connect(caller))
    python = await enter(stack, await PythonClient.connect(caller))
    script = await enter(stack, await node_program.connect(caller))
    everyone = [plain, python, script]
    for client in everyone:
        assert (await client.hear_one("welcome")).startswith("Hello, Guest ")
    for speaker in everyone:
        assert await speaker.ask("say", "Hi") == {"ok": True}
        for other in everyone:
            if other is not speaker:
                _name, text = await other.hear("said")
                assert text == "Hi"
    refused = await script.ask("say", 7)
    assert (refused["ok"], refused["code"], refused["field"]) == (False, "bad_request", "args[0]")
    assert (await python.ask("rooms"))["code"] == "unknown_event"


async def test_rooms_work_with_a_user_model_of_another_kind(
    project: LiveServer, stack: AsyncExitStack
) -> None:
    browser = Browser(project.url)
    form = "/chat/accounts/login/"
    answer = browser.submit(form, username="ann@example.com", password="ann")
    assert (answer.status, answer.headers["location"]) == (302, "/chat/")
    caller = Caller(project.url, "/talk", {}, browser.cookie_header)
    ann = await enter(stack, await PythonClient.connect(caller))
    assert await ann.hear("welcome") == ["Talk to us"]
    identity = await ann.hear_one("identity")
    assert identity["user"]["name"] == "ann"
    assert (await ann.ask("joinRoom", "club"))["role"] == "owner"
    guest = await enter(stack, await PlainClient.connect(Caller(project.url, "/talk")))
    await guest.hear("welcome")
    await guest.hear("identity")
    assert (await guest.ask("joinRoom", "club"))["code"] == "login_required"
    await guest.hear("err")
    assert (await guest.ask("joinRoom", "hall"))["ok"]
    await ann.ask("joinRoom", "hall")
    assert (await ann.ask("message", {"room": "hall", "text": "Hi"}))["offset"] == 1
    members = (await guest.ask("members", "hall"))["members"]
    assert identity["user"]["id"] in {member["id"] for member in members}
    heard = [args for event, args in await guest.take_all() if event == "message"]
    assert heard[0][0]["user"] == identity["user"]


def test_pages_live_under_their_prefix(project: LiveServer) -> None:
    browser = Browser(project.url)
    for path in ("/chat/", "/chat/talk/", "/chat/talk/hall/", "/chat/accounts/signup/"):
        page = browser.get(path)
        assert page.status == 200, path
        for link in re.findall(r'(?:href|action|src)="(/[^"]*)"', page.text):
            assert link.startswith(("/chat/", "/static/", "/socket.io/")), (path, link)
    assert browser.get("/chat/nowhere/").status == 404
    assert browser.get("/chat/talk").status == 301
    assert browser.get("/socket.io/socket.io.js").status == 200
    assert browser.get("/static/rooms/js/app.js").status == 200


async def test_what_was_there_before_answers_as_before(project: LiveServer) -> None:
    browser = Browser(project.url)
    assert browser.get("/hello/").text == "hello as ever"
    assert browser.get("/admin/login/").status == 200
    async with connect(project.url.replace("http", "ws") + "/old/", proxy=None) as socket:
        await socket.send("friend")
        assert await socket.recv() == "old: friend"


def test_the_admin_works_with_that_user_model(project: LiveServer) -> None:
    browser = Browser(project.url)
    answer = browser.submit("/admin/login/", username="root@example.com", password="root")
    assert answer.status == 302
    for model in ("namespace", "room", "membership", "message", "decisionrecord", "connection"):
        assert browser.get(f"/admin/rooms/{model}/").status == 200, model
        assert browser.get(f"/admin/rooms/{model}/?q=hall").status == 200, model
    assert browser.get("/admin/rooms/room/add/").status == 200
