import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.db import SessionStore
from django.core.cache import cache
from django.test import override_settings
from pytest_django import Settings

from realtime.exceptions import Refused, UsageError
from realtime.namespaces import tickets
from realtime.namespaces.guests import GUEST_COOKIE, new_guest_cookie, read_guest, sign_guest
from realtime.namespaces.identity import Identity, shown_name
from realtime.namespaces.tickets import issue_ticket, redeem_ticket
from realtime.server import RealtimeApplication
from tests.helpers.clock import MovedClock
from tests.helpers.door_clients import Said, SocketIoClient, connected, refused
from tests.helpers.serving import serving
from tests.namespaces.lab import ROUTES, Lab

BACKEND = "django.contrib.auth.backends.ModelBackend"
HERE = "tests.namespaces.test_authenticators"


@pytest.fixture
def alice(transactional_db: None) -> User:
    del transactional_db
    return get_user_model().objects.create_user("alice", password="alice", email="a@example.com")


def log_in(user: User) -> SessionStore:
    """Return a browser session as Django's login() leaves it."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = BACKEND
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return session


@pytest.fixture
def session(alice: User) -> SessionStore:
    return log_in(alice)


def cookie(session: SessionStore) -> tuple[tuple[str, str], ...]:
    return (("cookie", f"x=y; sessionid={session.session_key}"),)


async def who(application: RealtimeApplication, door: str, **kwargs: Any) -> dict[str, Any]:
    async with connected(application, door, "/lab", **kwargs) as client:
        (me,) = await client.call("whoami")
        found: dict[str, Any] = me
        return found


# Sessions.


async def test_a_browsers_session_says_who_it_is(
    application: RealtimeApplication, door: str, alice: User, session: SessionStore
) -> None:
    me = await who(application, door, headers=cookie(session))
    assert me["person"] == {"id": str(alice.pk), "name": "alice"}
    assert me["user"] == "alice"
    assert me["guest"] is None


async def test_the_scope_has_the_browsers_session(
    application: RealtimeApplication, alice: User, session: SessionStore
) -> None:
    del alice
    async with connected(application, "plain", "/lab", headers=cookie(session)) as client:
        found = Lab.live[client.sid].scope["session"]
        assert found.session_key == session.session_key
        assert Lab.live[client.sid].identity.session_key == session.session_key
    async with connected(application, "plain", "/lab") as client:
        assert Lab.live[client.sid].scope["session"].session_key is None


def deactivate(user: User, _session: SessionStore) -> None:
    user.is_active = False
    user.save()


def change_password(user: User, _session: SessionStore) -> None:
    user.set_password("another")
    user.save()


def delete_session(_user: User, session: SessionStore) -> None:
    session.delete()


def expire_session(_user: User, session: SessionStore) -> None:
    session.set_expiry(datetime.now(UTC) - timedelta(seconds=1))
    session.save()


def delete_user(user: User, _session: SessionStore) -> None:
    user.delete()


def strange_backend(_user: User, session: SessionStore) -> None:
    session[BACKEND_SESSION_KEY] = "os.system"
    session.save()


def forge_hash(_user: User, session: SessionStore) -> None:
    session[HASH_SESSION_KEY] = "forged"
    session.save()


@pytest.mark.parametrize(
    "change",
    [
        deactivate,
        change_password,
        delete_session,
        expire_session,
        delete_user,
        strange_backend,
        forge_hash,
    ],
)
async def test_a_session_that_no_longer_counts_makes_a_guest(
    application: RealtimeApplication,
    alice: User,
    session: SessionStore,
    change: Callable[[User, SessionStore], None],
) -> None:
    await sync_to_async(change)(alice, session)
    me = await who(application, "plain", headers=cookie(session))
    assert me["person"]["id"].startswith("guest:")
    assert me["user"] == "AnonymousUser"


@pytest.mark.parametrize("key", ["", "x" * 32, "../../etc", "\xff", "a" * 5000])
async def test_a_forged_session_key_makes_a_guest(
    application: RealtimeApplication, alice: User, key: str
) -> None:
    del alice
    me = await who(application, "plain", headers=(("cookie", f"sessionid={key}"),))
    assert me["person"]["id"].startswith("guest:")


async def test_a_session_survives_a_change_of_the_secret_key_and_is_not_touched(
    door: str, alice: User, session: SessionStore
) -> None:
    before = await _stored(session)
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["only-for-tests"]):
        async with serving(ROUTES) as application:
            me = await who(application, door, headers=cookie(session))
    assert me["person"]["name"] == "alice"
    assert await _stored(session) == before
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=[]):
        async with serving(ROUTES) as application:
            me = await who(application, door, headers=cookie(session))
    assert me["person"]["id"].startswith("guest:")
    assert await _stored(session) == before


async def _stored(session: SessionStore) -> dict[str, Any]:
    row = await session.get_model_class().objects.aget(pk=session.session_key)
    return {"data": row.session_data, "expires": row.expire_date}


def test_a_name_shown_is_never_an_address() -> None:
    model = get_user_model()
    assert shown_name(model(username="alice", email="a@example.com")) == "alice"
    assert shown_name(model(username="alice", first_name="Alice")) == "Alice"
    assert shown_name(model(username="alice@example.com")) == "alice"


# Tickets.


async def test_a_ticket_lets_a_user_in_without_a_cookie(
    application: RealtimeApplication, door: str, alice: User
) -> None:
    me = await who(application, door, auth={"ticket": issue_ticket(alice)})
    assert me["person"]["name"] == "alice"


async def test_a_ticket_in_the_query_counts_on_both_doors(
    application: RealtimeApplication, door: str, alice: User
) -> None:
    me = await who(application, door, query=f"ticket={issue_ticket(alice)}")
    assert me["person"]["name"] == "alice"


async def test_a_ticket_is_good_for_one_session(
    application: RealtimeApplication, door: str, alice: User
) -> None:
    ticket = issue_ticket(alice)
    await who(application, door, auth={"ticket": ticket})
    refusal = await refused(application, door, "/lab", auth={"ticket": ticket})
    assert refusal.data == {"code": "invalid_ticket"}
    assert refusal.code == (4401 if door == "plain" else None)


async def test_the_session_that_bound_a_ticket_may_repeat_it(
    application: RealtimeApplication, alice: User
) -> None:
    auth = {"ticket": issue_ticket(alice)}
    async with connected(application, "socket.io", "/lab", auth=auth) as client:
        main = SocketIoClient(client.socket, "/")
        main.connect(auth)
        assert isinstance(await main.next(), Said)
        assert (await main.call("whoami"))[0]["person"]["name"] == "alice"


@pytest.mark.parametrize("ticket", ["", "forged", "x" * 500])
async def test_a_bad_ticket_is_refused_and_never_a_silent_guest(
    application: RealtimeApplication, door: str, ticket: str
) -> None:
    refusal = await refused(application, door, "/lab", auth={"ticket": ticket})
    assert refusal.data == {"code": "invalid_ticket"}


@pytest.mark.parametrize("ticket", [5, True, ["x"], {"a": 1}])
async def test_a_ticket_of_another_type_is_refused(
    application: RealtimeApplication, ticket: object
) -> None:
    refusal = await refused(application, "socket.io", "/lab", auth={"ticket": ticket})
    assert refusal.data == {"code": "invalid_ticket"}


async def test_a_bad_ticket_is_refused_beside_a_good_session(
    application: RealtimeApplication, alice: User, session: SessionStore
) -> None:
    del alice
    refusal = await refused(
        application, "plain", "/lab", query="ticket=forged", headers=cookie(session)
    )
    assert refusal.data == {"code": "invalid_ticket"}


@pytest.mark.parametrize("change", [deactivate, change_password, delete_user])
async def test_a_ticket_ends_with_what_it_stood_for(
    application: RealtimeApplication,
    alice: User,
    change: Callable[[User, SessionStore], None],
) -> None:
    ticket = issue_ticket(alice)
    await sync_to_async(change)(alice, SessionStore())
    refusal = await refused(application, "plain", "/lab", query=f"ticket={ticket}")
    assert refusal.data == {"code": "invalid_ticket"}


def test_a_ticket_expires_after_a_minute(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = issue_ticket(alice)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + tickets.TICKET_AGE_S - 1)
    assert redeem_ticket(ticket, binding="one") is not None
    other = issue_ticket(alice)
    monkeypatch.setattr(time, "time", lambda: real() + 2 * tickets.TICKET_AGE_S + 1)
    assert redeem_ticket(other, binding="two") is None


def test_of_two_sessions_that_present_a_ticket_at_once_one_wins(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one presents it between our look and our claim."""
    ticket = issue_ticket(alice)
    stolen: list[None] = []
    real_add = cache.add

    def add(*args: Any, **kwargs: Any) -> bool:
        if not stolen:
            stolen.append(None)
            assert redeem_ticket(ticket, binding="thief") is not None
        return real_add(*args, **kwargs)

    monkeypatch.setattr(cache, "add", add)
    assert redeem_ticket(ticket, binding="owner") is None


def test_nobody_who_reads_the_cache_can_use_a_ticket(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: dict[str, object] = {}
    monkeypatch.setattr(cache, "set", lambda key, value, _age_s: stored.update({key: value}))
    ticket = issue_ticket(alice)
    assert len(stored) == 1
    assert ticket not in repr(stored)
    assert len(ticket) >= 43


# Guests.


async def test_without_credentials_everybody_is_a_new_guest(
    application: RealtimeApplication, door: str
) -> None:
    one, two = await who(application, door), await who(application, door)
    assert one["person"]["id"] != two["person"]["id"]
    assert one["person"]["id"] == f"guest:{read_guest(one['guest'])}"
    assert one["person"]["name"].startswith("Guest ")


async def test_a_cookie_or_a_token_makes_the_same_guest_again(
    application: RealtimeApplication, door: str
) -> None:
    cookie_value = new_guest_cookie()
    headers = (("cookie", f"{GUEST_COOKIE}={cookie_value}"),)
    by_cookie = await who(application, door, headers=headers)
    by_token = await who(application, door, auth={"guest": by_cookie["guest"]})
    assert by_token["person"] == by_cookie["person"]
    other = sign_guest("other")
    both = await who(application, door, headers=headers, query=f"guest={other}")
    assert both["person"]["id"] == "guest:other"


@pytest.mark.parametrize("token", ["", "forged", "other:forged", "x" * 500, "\u20ac"])
async def test_a_malformed_token_makes_a_new_guest_even_beside_a_cookie(
    application: RealtimeApplication, token: str
) -> None:
    cookie_value = new_guest_cookie()
    headers = (("cookie", f"{GUEST_COOKIE}={cookie_value}"),)
    me = await who(application, "socket.io", headers=headers, auth={"guest": token})
    assert me["guest"] not in (cookie_value, token)
    forged = (("cookie", f"{GUEST_COOKIE}=forged"),)
    assert (await who(application, "plain", headers=forged))["guest"] != "forged"


async def test_the_namespaces_of_a_session_share_one_guest(
    application: RealtimeApplication,
) -> None:
    async with connected(application, "socket.io", "/lab") as client:
        main = SocketIoClient(client.socket, "/")
        main.connect()
        await main.next()
        mine, other = (await client.call("whoami"))[0], (await main.call("whoami"))[0]
        assert mine["person"] == other["person"]


@pytest.mark.parametrize("name", ["Zoë", "  trimmed ", "x" * 40, "👩\u200d🚀", "name"])
async def test_a_guest_may_choose_a_name(
    application: RealtimeApplication, alice: User, name: str
) -> None:
    del alice
    me = await who(application, "socket.io", auth={"name": name})
    assert me["person"]["name"] == name.strip()


@pytest.mark.parametrize(
    "name",
    [
        *["", "   ", "x" * 41, ".", "..", "a\x00b", "a\nb", "a\u202eb", "a\u2028b", 5, ["x"], True],
        *["alice", "ALICE", "Alice", " aLiCe "],
    ],
)
async def test_a_malformed_name_or_that_of_a_user_is_a_bad_request(
    application: RealtimeApplication, alice: User, name: object
) -> None:
    del alice
    refusal = await refused(application, "socket.io", "/lab", auth={"name": name})
    assert refusal.data == {"code": "bad_request", "field": "name"}


async def test_a_bad_name_closes_the_plain_door_with_4400(
    application: RealtimeApplication, alice: User
) -> None:
    del alice
    refusal = await refused(application, "plain", "/lab", query="name=alice")
    assert (refusal.code, refusal.data) == (4400, {"code": "bad_request", "field": "name"})


# Authenticators of one's own, and the end of an identity.


async def nobody(scope: Any, auth: dict[str, Any]) -> Identity | None:
    del scope, auth
    return None


async def refuses(scope: Any, auth: dict[str, Any]) -> Identity | None:
    del scope
    if "tenant" not in auth:
        raise Refused("forbidden", "Which tenant?", field="tenant")
    return None


async def anonymous(scope: Any, auth: dict[str, Any]) -> Identity | None:
    del scope, auth
    return Identity(AnonymousUser(), name="Visitor")


class Expiring:
    at: datetime | None = None


async def expiring(scope: Any, auth: dict[str, Any]) -> Identity | None:
    del scope, auth
    return Identity(AnonymousUser(), expires_at=Expiring.at, name="Passing", guest_id="passing")


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[RealtimeApplication]]]:
    async with AsyncExitStack() as stack:

        async def start(*authenticators: str) -> RealtimeApplication:
            paths = [f"{HERE}.{name}" for name in authenticators]
            return await stack.enter_async_context(serving(ROUTES, authenticators=paths))

        yield start


async def test_nobody_known_is_asked_to_sign_in(
    serve: Callable[..., Awaitable[RealtimeApplication]], door: str
) -> None:
    application = await serve("nobody")
    refusal = await refused(application, door, "/lab")
    assert refusal.data == {"code": "login_required"}
    assert refusal.code == (4401 if door == "plain" else None)


async def test_authenticators_are_tried_in_order_and_may_refuse(
    serve: Callable[..., Awaitable[RealtimeApplication]],
) -> None:
    application = await serve("nobody", "refuses", "anonymous")
    refusal = await refused(application, "socket.io", "/lab")
    assert refusal.data == {"code": "forbidden", "field": "tenant"}
    me = await who(application, "socket.io", auth={"tenant": 1})
    assert me["person"]["name"] == "Visitor"
    assert me["person"]["id"].startswith("guest:")


async def test_an_identity_that_expires_ends_its_sockets_as_signed_out(
    serve: Callable[..., Awaitable[RealtimeApplication]], door: str
) -> None:
    clock = MovedClock()
    Expiring.at = datetime.now(UTC) + timedelta(seconds=20)
    application = await serve("expiring")
    async with connected(application, door, "/lab") as client:
        await clock.advance(15)
        assert await client.call("one") == [{"ok": True}]
        await clock.advance(5)
        expected = ("signed_out", 4401) if door == "plain" else (None, None)
        assert await client.ended() == expected


async def test_an_expiry_without_a_zone_is_of_the_sites_own(
    serve: Callable[..., Awaitable[RealtimeApplication]], settings: Settings
) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    clock = MovedClock()
    Expiring.at = datetime.now(ZoneInfo("Asia/Tokyo")).replace(tzinfo=None) + timedelta(seconds=20)
    application = await serve("expiring")
    async with connected(application, "plain", "/lab") as client:
        await clock.advance(15)
        assert await client.call("one") == [{"ok": True}]
        await clock.advance(5)
        assert await client.ended() == ("signed_out", 4401)


async def test_a_site_without_time_zones_serves_who_is_signed_in(
    application: RealtimeApplication, alice: User, settings: Settings
) -> None:
    settings.USE_TZ = False
    session = await sync_to_async(log_in)(alice)
    me = await who(application, "plain", headers=cookie(session))
    assert me["person"]["id"] == str(alice.pk)


async def a_user(scope: Any, auth: dict[str, Any]) -> Any:
    del scope, auth
    return AnonymousUser()


async def a_miss(scope: Any, auth: dict[str, Any]) -> Identity | None:
    del scope, auth
    return Identity(None)


@pytest.mark.parametrize(("wrong", "says"), [("a_user", "AnonymousUser"), ("a_miss", "nobody")])
async def test_an_authenticator_that_gives_no_identity_lets_nobody_in_and_is_told_why(
    serve: Callable[..., Awaitable[RealtimeApplication]],
    wrong: str,
    says: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    application = await serve(wrong)
    refusal = await refused(application, "plain", "/lab")
    assert refusal.data == {"code": "internal"}
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.exc_info is not None
    error = record.exc_info[1]
    assert isinstance(error, UsageError)
    assert says in str(error)
