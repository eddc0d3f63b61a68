from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.template.loader import get_template
from django.test import Client

from realtime.conf import forget_options
from realtime.namespaces.guests import GUEST_COOKIE, read_guest_cookie
from realtime.namespaces.tickets import redeem_ticket
from rooms.models import Membership, Namespace, Room

pytestmark = pytest.mark.django_db

User = get_user_model()
PAYLOAD = "</script><img src=x onerror=alert(1)>"


@pytest.fixture
def games() -> Namespace:
    return Namespace.objects.create(path="/games", title="Games", welcome="Welcome to the games.")


@pytest.fixture
def alice() -> Any:
    return User.objects.create_user("alice", password="alice-secret")


def make_room(namespace: Namespace, name: str, **fields: Any) -> Room:
    room = Room(namespace=namespace, name=name, **fields)
    if room.access == "password":
        room.set_password("sesame")
    room.save()
    return room


def text_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def test_the_first_page_shows_namespaces_with_their_rooms(client: Client, games: Namespace) -> None:
    make_room(games, "csgo", title="Counter-Strike")
    page = text_of(client, "/")
    assert "Welcome to the games." in page
    assert 'href="/games/csgo/"' in page
    assert "Counter-Strike" in page


def test_a_namespace_that_one_may_not_enter_is_not_on_the_first_page(
    client: Client, games: Namespace, alice: Any
) -> None:
    staff = Group.objects.create(name="staff")
    secret = Namespace.objects.create(path="/secret", title="Secret place", access="groups")
    secret.groups.add(staff)
    assert "Secret place" not in text_of(client, "/")
    client.force_login(alice)
    assert "Secret place" not in text_of(client, "/")
    alice.groups.add(staff)
    assert "Secret place" in text_of(client, "/")


def test_a_row_says_in_words_why_its_door_is_shut(client: Client, games: Namespace) -> None:
    make_room(games, "vault", access="password")
    make_room(games, "club", access="login")
    make_room(games, "attic", is_open=False)
    make_room(games, "hall")
    rows = {row.name: row for row in client.get("/games/").context["rows"]}
    assert {name: row.state_text for name, row in rows.items()} == {
        "vault": "Locked",
        "club": "Sign in to join",
        "attic": "Closed",
        "hall": "",
    }
    assert rows["vault"].access_text == "Password"


def test_a_hidden_room_is_listed_for_its_members_only(
    client: Client, games: Namespace, alice: Any
) -> None:
    hidden = make_room(games, "attic", is_listed=False)
    assert "attic" not in text_of(client, "/games/")
    Membership.objects.create(room=hidden, user=alice)
    client.force_login(alice)
    assert "attic" in text_of(client, "/games/")


@pytest.mark.parametrize("url", ["/nothing/", "/nothing/csgo/", "/Games/", "/-/"])
def test_an_unknown_namespace_is_not_found(client: Client, games: Namespace, url: str) -> None:
    assert client.get(url).status_code == 404


def test_a_missing_room_and_a_hidden_one_have_the_same_page(
    client: Client, games: Namespace
) -> None:
    client.get("/")  # the guest cookie is there from now on
    missing = text_of(client, "/games/attic/")
    make_room(games, "attic", title="Nobody may know", is_listed=False)
    assert text_of(client, "/games/attic/") == missing


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("/games/rocket%20league/", "rocket league"),
        ("/games/a%2Fb/", "a/b"),
        ("/games/a%2F/", "a/"),
        ("/games/%20csgo%20/", "csgo"),
        ("/games/%E2%9C%93%3F/", "✓?"),
        ("/games/..%2Fadmin/", "../admin"),
    ],
)
def test_the_rest_of_the_path_is_the_rooms_name(
    client: Client, games: Namespace, url: str, name: str
) -> None:
    response = client.get(url)
    assert response.status_code == 200
    assert response.context["page_data"]["room"] == name


def test_a_rooms_address_is_one_segment_whatever_its_name_is(
    client: Client, games: Namespace
) -> None:
    make_room(games, "a/../b?c#d")
    assert 'href="/games/a%2F..%2Fb%3Fc%23d/"' in text_of(client, "/games/")


def test_names_and_titles_cannot_break_out_of_the_page(client: Client, games: Namespace) -> None:
    make_room(games, PAYLOAD, title=PAYLOAD)
    games.welcome = games.title = PAYLOAD
    games.save()
    for url in ("/", "/games/", "/games/%3C%2Fscript%3E%3Cimg%20src=x%20onerror=alert(1)%3E/"):
        page = text_of(client, url)
        assert "<img src=x" not in page
        assert "alert(1)" in page


def test_a_namespace_that_refuses_says_why_and_lists_nothing(
    client: Client, games: Namespace
) -> None:
    make_room(games, "csgo")
    games.access = "login"
    games.save()
    page = text_of(client, "/games/")
    assert "Sign in" in page
    assert "csgo" not in page


def test_a_guest_keeps_one_cookie_and_a_user_gets_none(
    client: Client, games: Namespace, alice: Any
) -> None:
    cookie = client.get("/games/").cookies[GUEST_COOKIE]
    assert read_guest_cookie(cookie.value)
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert GUEST_COOKIE not in client.get("/games/").cookies
    signed_in = Client()
    signed_in.force_login(alice)
    assert GUEST_COOKIE not in signed_in.get("/games/").cookies


def test_a_forged_guest_cookie_is_replaced(client: Client, games: Namespace) -> None:
    client.cookies[GUEST_COOKIE] = "somebody:else"
    assert read_guest_cookie(client.get("/").cookies[GUEST_COOKIE].value)


def test_the_list_costs_the_same_queries_for_any_number_of_rooms(
    client: Client, games: Namespace, alice: Any, django_assert_max_num_queries: Any
) -> None:
    client.force_login(alice)
    for number in range(60):
        make_room(games, f"room {number:02}", is_listed=bool(number % 3))
    client.get("/games/")  # what holds in the rooms is remembered from here on
    with django_assert_max_num_queries(16):
        client.get("/games/")


def test_signing_up_signs_in_and_goes_back(client: Client) -> None:
    secret = "correct-horse-battery"
    form = {"username": "carol", "password1": secret, "password2": secret, "next": "/games/csgo/"}
    response = client.post("/accounts/signup/", form)
    assert response.status_code == 302
    assert response["Location"] == "/games/csgo/"
    assert int(client.session["_auth_user_id"]) == User.objects.get(username="carol").pk


@pytest.mark.parametrize("page", ["login", "signup"])
def test_no_form_leads_to_another_site(client: Client, alice: Any, page: str) -> None:
    secret = "correct-horse-battery"
    fields = {"username": "carol", "password1": secret, "password2": secret}
    if page == "login":
        fields = {"username": "alice", "password": "alice-secret"}
    response = client.post(f"/accounts/{page}/", fields | {"next": "https://example.org/"})
    assert response["Location"] == "/"


def test_a_name_that_differs_in_case_only_is_taken(client: Client, alice: Any) -> None:
    secret = "correct-horse-battery"
    form = {"username": "ALICE", "password1": secret, "password2": secret}
    response = client.post("/accounts/signup/", form)
    assert response.status_code == 200
    assert "This name is taken." in response.content.decode()


def test_signing_out_takes_a_post_and_leads_home(client: Client, alice: Any) -> None:
    client.force_login(alice)
    assert client.get("/accounts/logout/").status_code == 405
    assert client.post("/accounts/logout/")["Location"] == "/"
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("url", ["/", "/games/csgo/"])
def test_the_pages_lead_staff_to_the_admin_and_nobody_else(
    client: Client, games: Namespace, alice: Any, url: str
) -> None:
    make_room(games, "csgo")
    link = 'href="/admin/"'
    assert link not in text_of(client, url)
    client.force_login(alice)
    assert link not in text_of(client, url)
    client.force_login(User.objects.create_user("keeper", is_staff=True))
    assert link in text_of(client, url)


def test_the_first_page_says_how_to_sign_in_while_debug_is_on(
    client: Client, settings: Any, alice: Any
) -> None:
    assert "demo" not in text_of(client, "/")
    settings.DEBUG = True
    page = text_of(client, "/")
    assert "<code>alice</code>" in page
    assert "<code>bob</code>" not in page


@pytest.fixture
def strict() -> Client:
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def fresh_options() -> Iterator[None]:
    yield
    forget_options()


def test_a_ticket_lets_its_user_in_once(client: Client, alice: Any) -> None:
    client.force_login(alice)
    response = client.post("/accounts/ticket/")
    assert response.status_code == 200
    answer = response.json()
    assert answer["expires_in"] == 60
    holder = redeem_ticket(answer["ticket"], binding="one")
    assert holder
    assert holder.user_id == str(alice.pk)
    assert holder.session_key == client.session.session_key
    assert redeem_ticket(answer["ticket"], binding="two") is None


def test_who_is_not_signed_in_gets_no_ticket(strict: Client) -> None:
    response = strict.post("/accounts/ticket/")
    assert response.status_code == 401
    assert response.json()["code"] == "login_required"
    assert response.json()["message"]


def test_a_ticket_takes_the_csrf_token(strict: Client, alice: Any) -> None:
    strict.force_login(alice)
    assert strict.post("/accounts/ticket/").status_code == 403
    strict.get("/accounts/login/")
    token = strict.cookies["csrftoken"].value
    answered = strict.post("/accounts/ticket/", headers={"x-csrftoken": token})
    assert answered.status_code == 200


def test_a_ticket_is_posted_for(client: Client, alice: Any) -> None:
    client.force_login(alice)
    assert client.get("/accounts/ticket/").status_code == 405


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://testserver, http://testserver"},
        {"origin": "http://testserver:8000"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_foreign_page_gets_no_ticket(
    client: Client, alice: Any, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    client.force_login(alice)
    response = client.post("/accounts/ticket/", headers=headers)
    assert response.status_code == 403
    assert "ticket" not in response.json()
    assert "ALLOWED_ORIGINS" in caplog.text


def test_an_allowed_page_gets_a_ticket_and_may_read_it(
    strict: Client, alice: Any, settings: Any, fresh_options: None
) -> None:
    settings.REALTIME = {"ALLOWED_ORIGINS": ["https://friend.example"]}
    forget_options()
    strict.force_login(alice)
    strict.get("/accounts/login/")
    token = strict.cookies["csrftoken"].value
    headers = {"origin": "https://friend.example", "x-csrftoken": token}
    response = strict.post("/accounts/ticket/", headers=headers)
    assert response.status_code == 200
    assert response["Access-Control-Allow-Origin"] == "https://friend.example"
    assert response["Access-Control-Allow-Credentials"] == "true"


def test_where_every_origin_is_allowed_a_foreign_ones_cookies_do_not_count(
    client: Client, alice: Any, settings: Any, fresh_options: None
) -> None:
    settings.REALTIME = {"ALLOWED_ORIGINS": ["*"]}
    forget_options()
    client.force_login(alice)
    response = client.post("/accounts/ticket/", headers={"origin": "https://any.example"})
    assert response.status_code == 401
    assert "Access-Control-Allow-Credentials" not in response


@pytest.mark.urls("tests.rooms.prefixed_urls")
def test_the_pages_work_under_a_prefix(client: Client, games: Namespace) -> None:
    make_room(games, "a/b")
    page = text_of(client, "/talk/")
    assert 'href="/talk/games/a%2Fb/"' in page
    data = client.get("/talk/games/a%2Fb/").context["page_data"]
    assert data["namespace"]["url"] == "/talk/games/"
    assert data["urls"]["login"] == "/talk/accounts/login/"


@pytest.mark.parametrize("name", ["403.html", "403_csrf.html", "404.html", "500.html"])
def test_a_page_for_a_problem_needs_nothing_from_the_view(name: str) -> None:
    page = get_template(name).render()
    assert "<h1>" in page
    assert 'href="/"' in page
