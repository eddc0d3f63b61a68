"""What each page carries, whoever wrote it."""

import pytest
from django.test import Client, RequestFactory
from django.views.defaults import server_error

pytestmark = pytest.mark.django_db


def policy(client: Client, path: str) -> dict[str, str]:
    response = client.get(path)
    parts = response["Content-Security-Policy"].split("; ")
    return {name: value for name, _, value in (part.partition(" ") for part in parts)}


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/nothing-here/", "/admin/login/"])
def test_a_page_runs_only_scripts_and_styles_of_this_site(client: Client, path: str) -> None:
    found = policy(client, path)
    assert found["default-src"] == "'none'"
    assert found["script-src"] == found["style-src"] == found["connect-src"] == "'self'"
    assert found["frame-ancestors"] == found["base-uri"] == "'none'"


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/nothing-here/", "/administration/"])
def test_no_script_of_ours_writes_markup(client: Client, path: str) -> None:
    found = policy(client, path)
    assert found["require-trusted-types-for"] == "'script'"
    assert found["trusted-types"] == "'none'"


def test_the_admin_may_write_markup(client: Client) -> None:
    assert "require-trusted-types-for" not in policy(client, "/admin/login/")


def test_a_page_is_not_guessed_framed_or_told_abroad(client: Client) -> None:
    response = client.get("/")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"


def test_the_cookie_of_a_session_is_out_of_reach_of_scripts(
    client: Client, django_user_model: type
) -> None:
    django_user_model.objects.create_user("ann", password="a long one")  # type: ignore[attr-defined]
    client.post("/accounts/login/", {"username": "ann", "password": "a long one"})
    cookie = client.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_a_short_password_is_refused_at_sign_up(client: Client, django_user_model: type) -> None:
    client.post("/accounts/signup/", {"username": "bo", "password1": "abc", "password2": "abc"})
    assert not django_user_model.objects.exists()  # type: ignore[attr-defined]


def test_an_unknown_page_says_so_and_leads_home(client: Client) -> None:
    response = client.get("/nothing-here/")
    assert response.status_code == 404
    assert "There is nothing here" in response.text
    assert 'href="/"' in response.text


def test_a_form_without_its_token_is_refused_in_words() -> None:
    response = Client(enforce_csrf_checks=True).post("/accounts/login/", {"username": "ann"})
    assert response.status_code == 403
    assert "This form has grown old" in response.text


def test_the_page_of_our_own_faults_needs_nothing() -> None:
    response = server_error(RequestFactory().get("/"))
    assert response.status_code == 500
    assert b"Something broke on our side" in response.content


def test_a_browser_that_asks_for_an_icon_gets_one(client: Client) -> None:
    assert client.get("/favicon.ico")["Location"].startswith("/static/rooms/img/mark")
