"""What staff who look on may see of an event's arguments."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.namespaces.redacting import HIDDEN, MAX_ITEMS, MAX_TEXT, SECRET_WORDS, redact

CANARY = "canary0123456789"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
)


@pytest.mark.parametrize("texts", [False, True])
@pytest.mark.parametrize(
    "key", [*SECRET_WORDS, "newPassword", "passphrase", "access_token", "API-KEY", "URL", "invite"]
)
def test_a_secret_is_hidden_wherever_it_stands(key: str, texts: bool) -> None:
    for args in (
        [{key: CANARY}],
        [{"room": "csgo", "nested": [{key: {"deeper": CANARY}}]}],
        [{key: [CANARY]}],
    ):
        assert CANARY not in json.dumps(redact("joinRoom", args, texts=texts))


@pytest.mark.parametrize(
    "args",
    [
        [CANARY],
        [{"text": CANARY, "room": "csgo"}],
        [{"data": {"anything": CANARY}}],
        [[CANARY], {"messages": [{"text": CANARY}]}],
        ["csgo", CANARY],
    ],
)
def test_a_text_is_hidden_unless_asked_for(args: list[Any]) -> None:
    event = "typing" if args[0] == "csgo" else "say"
    assert CANARY not in json.dumps(redact(event, args, texts=False))
    assert CANARY in json.dumps(redact(event, args, texts=True))


@pytest.mark.parametrize("texts", [False, True])
def test_what_was_given_beside_a_rooms_name_to_join_it_is_hidden(texts: bool) -> None:
    # A password, as some expect it to be given.
    assert redact("joinRoom", ["csgo", CANARY], texts=texts) == ["csgo", HIDDEN]


@pytest.mark.parametrize("name", ["invite", "password", "access_token", "sid", "X-Ticket"])
@pytest.mark.parametrize("mark", ["?", "?a=b&", "#"])
def test_a_secret_within_a_link_is_hidden_in_a_text_too(name: str, mark: str) -> None:
    link = f"https://rooms.example/games/vault/{mark}{name}={CANARY}"
    hidden = link.replace(CANARY, HIDDEN)
    assert redact("say", [f"See {link} and {link} now"], texts=True) == [
        f"See {hidden} and {hidden} now"
    ]
    # Pasted where the name of a room belongs.
    assert redact("joinRoom", [link], texts=False) == [hidden]
    assert redact("joinRoom", [{"room": link}], texts=False) == [{"room": hidden}]


def test_a_secret_is_hidden_where_its_link_is_cut() -> None:
    text = "x" * (MAX_TEXT - 20) + f"?invite={CANARY}" + "y" * 99
    assert CANARY[:4] not in json.dumps(redact("say", [text], texts=True))


def test_other_fields_of_a_link_stay() -> None:
    link = "https://example.org/?page=2&q=hello"
    assert redact("say", [link], texts=True) == [link]


def test_what_says_where_and_what_is_shown() -> None:
    assert redact("joinRoom", ["csgo"], texts=False) == ["csgo"]
    shown = {"room": "csgo", "ok": False, "code": "room_full", "ref": "0bcdfghj", "offset": 7}
    assert redact(None, [shown], texts=False) == [shown]
    assert redact("say", ["csgo"], texts=False) == ["«4 characters»"]


@given(JSON, st.booleans())
def test_whatever_came_is_short_and_json(value: Any, texts: bool) -> None:
    assert len(json.dumps(redact("x", [value], texts=texts))) < 100_000


def test_much_is_cut() -> None:
    shown = redact("x", [list(range(500)), "y" * 5_000, b"z" * 9], texts=True)
    assert len(shown[0]) == MAX_ITEMS + 1
    assert len(shown[1]) < 250
    assert shown[2] == "«9 bytes»"
    deep: Any = CANARY
    for _ in range(50):
        deep = [deep]
    assert CANARY not in json.dumps(redact("x", deep, texts=True))
