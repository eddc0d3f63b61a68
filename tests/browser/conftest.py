"""A site with the demo and some rooms of the tests' own, and people who look at it."""

import json
import secrets
from collections.abc import Callable, Iterator

import pytest
from playwright._impl._api_structures import SetCookieParam
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from tests.browser.site import Site
from tests.helpers.live_server import Clerk
from tests.helpers.services import find_chromium

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ANSWER_MS = 30_000
PASSWORD = "of-the-demo"
PAYLOAD = "<img src=x onerror=alert(1)>"
CONTENT = f"""
import json

from django.conf import settings
from django.contrib.auth import (
    BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
)
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from rooms.models import Membership, Message, Namespace, Room

call_command("migrate", verbosity=0)
call_command("seed_demo", password={PASSWORD!r}, verbosity=0)
get_user_model().objects.create_user("eve", password="eve", first_name={PAYLOAD!r})
place = Namespace.objects.create(path="/place", title="Place " + {PAYLOAD!r}, welcome={PAYLOAD!r})
Room.objects.create(namespace=place, name="hall", title="Where everybody is")
# One test removes what somebody said here: nobody says anything else.
Room.objects.create(namespace=place, name="square", title="Where a troll is")
Room.objects.create(namespace=place, name="tunnel", title="Where connections are lost")
Room.objects.create(namespace=place, name="a/b", title="A name with a slash")
Room.objects.create(namespace=place, name="crew", access="members")
Room.objects.create(namespace=place, name="club", access="login")
Room.objects.create(namespace=place, name="podium", is_read_only=True)
Room.objects.create(namespace=place, name="chess", slow_mode_s=2)
court = Room.objects.create(namespace=place, name="court", title="Where a moderator is")
long = Room.objects.create(namespace=place, name="long", title="A long history", last_offset=250)
# Nobody writes here: its lines stay where they are, whichever test comes first.
ages = Room.objects.create(namespace=place, name="ages", title="A closed book", last_offset=250)
Message.objects.bulk_create(
    Message(room=room, offset=n, author="Old", author_key="guest:old", text=f"line {{n}}.")
    for room in (long, ages)
    for n in range(1, 251)
)
Room.objects.create(namespace=place, name={PAYLOAD!r}, title={PAYLOAD!r})
Room.objects.create(namespace=place, name="brief", title="Keeps three messages", history_size=3)
Room.objects.create(namespace=place, name="ticketed", access="invitation")
Room.objects.create(namespace=place, name="shut", is_open=False)
Room.objects.create(namespace=place, name="cabin", title="For one at a time", capacity=1)
stage = Room.objects.create(namespace=place, name="stage", title="Where people are put out")
mod = get_user_model().objects.get(username="mod")
archive = Room.objects.create(namespace=place, name="archive", last_offset=9)
Message.objects.bulk_create(
    Message(room=archive, offset=n, author="Old", author_key="guest:old", text=f"record {{n}}.")
    for n in range(1, 10)
)
for room in (court, stage, archive):
    Membership.objects.create(room=room, user=mod, role="moderator")
annex = Namespace.objects.create(path="/annex", title="Annex", access="login")
Room.objects.create(namespace=annex, name="attic")
vault = Room(namespace=place, name="vault", access="password")
vault.set_password("sesame")
vault.save()

sessions = {{}}
for name in ("alice", "bob", "eve", "mod", "admin"):
    user = get_user_model().objects.get(username=name)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    sessions[name] = session.session_key
print(json.dumps(sessions))
"""

# What people said in a test; what the site began with is by somebody who is no user of it.
FORGET = """
from rooms.models import Message
Message.objects.exclude(author_key="guest:old").delete()
"""

# What Chromium says of a server or a network that a test has taken away.
EXPECTED = (
    "ERR_CONNECTION_REFUSED",
    "ERR_INTERNET_DISCONNECTED",
    "ERR_CONNECTION_RESET",
    "ERR_FAILED",
)

People = Callable[[str | None], Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say of each test in this folder what it needs."""
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.chromium)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    # One process for all of it: starting Django costs as much as the work.
    printed = site.manage("shell", "--command", CONTENT)
    site.sessions = json.loads(printed.splitlines()[-1])
    site.start()
    try:
        yield site
    finally:
        site.stop()
    assert "Traceback" not in site.log()


@pytest.fixture(scope="package")
def clerk(site: Site) -> Iterator[Clerk]:
    """A process of its own that changes what is in the site's database."""
    clerk = Clerk(site.environment)
    yield clerk
    clerk.stop()


@pytest.fixture(scope="module", autouse=True)
def nothing_said(clerk: Clerk) -> None:
    """Let each file find its rooms silent, whichever was there before."""
    clerk.do("shell", code=FORGET)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    # For this folder and no longer: while Playwright runs, no other event loop can.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=CHROMIUM_ARGUMENTS
        )
        expect.set_options(timeout=ANSWER_MS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def known(site: Site, browser: Browser) -> Iterator[dict[str, BrowserContext]]:
    """The browsers of people with an account, kept from test to test with what they cached."""
    contexts: dict[str, BrowserContext] = {}
    for name, session in site.sessions.items():
        contexts[name] = browser.new_context(base_url=site.url, locale="en-GB")
        cookie = SetCookieParam(name="sessionid", value=session, url=site.url)
        contexts[name].add_cookies([cookie])
    yield contexts
    for context in contexts.values():
        context.close()


@pytest.fixture
def people(site: Site, browser: Browser, known: dict[str, BrowserContext]) -> Iterator[People]:
    """Give people with a page each; a guest has a new browser. None of the pages may complain."""
    complaints: list[str] = []
    pages: list[Page] = []

    def arrive(name: str | None = None) -> Page:
        context = known[name] if name else browser.new_context(base_url=site.url, locale="en-GB")
        page = context.new_page()
        pages.append(page)
        page.set_default_timeout(ANSWER_MS)
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.on("console", lambda message: _note_complaint(message, complaints))
        return page

    yield arrive
    for page in pages:
        page.context.set_offline(False)
        if page.context in known.values():
            page.close()
        else:
            page.context.close()
    assert complaints == []


def _note_complaint(message: ConsoleMessage, complaints: list[str]) -> None:
    url = message.location.get("url", "")
    if "/nothing-here/" in url:
        return
    # A poll that comes behind the end of its own session is told so.
    if "/socket.io/" in url and "status of 400" in message.text:
        return
    # A page whose server is gone says so in the console, as it should.
    if message.type == "error" and not any(each in message.text for each in EXPECTED):
        complaints.append(message.text)


@pytest.fixture
def page(people: People) -> Page:
    """A visitor who is not signed in."""
    return people(None)


@pytest.fixture
def alice(people: People) -> Page:
    return people("alice")


@pytest.fixture
def bob(people: People) -> Page:
    return people("bob")


@pytest.fixture
def mod(people: People) -> Page:
    """The moderator of court and stage."""
    return people("mod")


@pytest.fixture
def dora(people: People, clerk: Clerk, site: Site) -> Page:
    """Somebody who signs out, which no session survives: a new account for each test."""
    page = people(None)
    session = clerk.do("sign in", name=f"dora {secrets.token_hex(4)}")
    page.context.add_cookies([SetCookieParam(name="sessionid", value=session, url=site.url)])
    return page


@pytest.fixture
def staff(people: People) -> Page:
    """Somebody who may do everything in the admin."""
    return people("admin")


@pytest.fixture
def eve(people: People) -> Page:
    """Somebody whose name is markup."""
    return people("eve")
