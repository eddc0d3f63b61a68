from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.adapters.base import Broadcast, Number
from realtime.adapters.envelope import MAX_BODY_BYTES, MESSAGE_TYPE, EnvelopeCodec, LayerEvent, _mac
from realtime.exceptions import ProtocolError
from realtime.protocol.encoded_event import EncodedEvent, encode_args
from tests.adapters.fakes import event, numbered

CODEC = EnvelopeCodec(["key"])
FIELDS = {"type": "event", "origin": "p", "namespace": "/", "event": "e", "args": "[]"}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = st.lists(texts, max_size=3).map(tuple)
broadcasts = st.builds(
    Broadcast,
    namespace=texts,
    event=st.builds(
        EncodedEvent, texts, st.lists(texts | st.binary(max_size=9), max_size=3).map(encode_args)
    ),
    rooms=names,
    users=names,
    excepted=names,
    volatile=st.booleans(),
)


def seal(broadcast: Broadcast, origin: str = "p", codec: EnvelopeCodec = CODEC) -> dict[str, Any]:
    return codec.seal(LayerEvent.of(broadcast, origin=origin))


def opened(message: object, codec: EnvelopeCodec = CODEC) -> LayerEvent:
    found = codec.open(message)
    assert isinstance(found, LayerEvent)
    return found


@given(broadcasts, texts)
def test_opening_undoes_sealing(broadcast: Broadcast, origin: str) -> None:
    envelope = opened(seal(broadcast, origin))
    assert envelope.origin == origin
    assert envelope.broadcast() == broadcast


def test_a_numbered_event_keeps_its_number() -> None:
    envelope = opened(seal(numbered(7)))
    assert envelope.broadcast().number == Number("one", 7)


def test_a_sealed_message_is_plain_data_of_one_fixed_type() -> None:
    message = seal(event())
    assert message["type"] == MESSAGE_TYPE
    assert {key: type(value) for key, value in message.items()} == {
        "type": str,
        "version": int,
        "body": bytes,
        "mac": bytes,
    }


def test_a_message_of_the_last_key_is_opened_and_of_a_strange_one_not() -> None:
    old = seal(event("old"), codec=EnvelopeCodec(["old"]))
    assert opened(old, codec=EnvelopeCodec(["new", "old"])).event == "old"
    with pytest.raises(ProtocolError, match="another SECRET_KEY"):
        EnvelopeCodec(["new"]).open(old)


def test_sealing_takes_the_first_key() -> None:
    message = seal(event(), codec=EnvelopeCodec(["new", "old"]))
    with pytest.raises(ProtocolError):
        EnvelopeCodec(["old"]).open(message)


FORGED: dict[str, dict[str, Any]] = {
    "another type": {"type": "websocket.close"},
    "no type": {"type": None},
    "unknown version": {"version": 2},
    "version as text": {"version": "1"},
    "body as text": {"body": "text"},
    "no body": {"body": None},
    "another body": {"body": b"\x80"},
    "code as text": {"mac": "x" * 16},
    "no code": {"mac": None},
    "half a code": {"mac": b"x" * 8},
    "another code": {"mac": b"x" * 16},
}


@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED)
def test_what_was_changed_on_the_way_is_refused(change: dict[str, Any]) -> None:
    message = seal(event())
    assert opened(message).event == "e"
    with pytest.raises(ProtocolError):
        CODEC.open(message | change)


@pytest.mark.parametrize("message", [{}, None, 5, [], b"bytes", "text"])
def test_what_is_no_message_at_all_is_refused(message: object) -> None:
    with pytest.raises(ProtocolError):
        CODEC.open(message)


def signed(body: bytes) -> dict[str, Any]:
    key = CODEC._keys[0]
    return {"type": MESSAGE_TYPE, "version": 1, "body": body, "mac": _mac(key, body)}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\x91" * 100_000,
        msgspec.msgpack.encode([]),
        msgspec.msgpack.encode({"type": "event", "origin": "p"}),
        msgspec.msgpack.encode({"type": "beat"}),
        msgspec.msgpack.encode({"type": "order", "origin": "p"}),
        msgspec.msgpack.encode({"origin": "p", "namespace": "/", "event": "e", "args": "[]"}),
        msgspec.msgpack.encode(
            {"type": "event", "origin": 1, "namespace": "/", "event": "e", "args": "[]"}
        ),
    ],
)
def test_a_body_of_another_shape_is_refused_even_if_signed(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        CODEC.open(signed(body))


def test_unknown_fields_of_a_later_release_are_ignored() -> None:
    fields = {
        "type": "event",
        "origin": "p",
        "namespace": "/",
        "event": "e",
        "args": "[]",
        "later": 1,
    }
    assert opened(signed(msgspec.msgpack.encode(fields))).event == "e"


def test_a_numbered_event_for_several_rooms_is_refused() -> None:
    envelope = opened(
        signed(msgspec.msgpack.encode(FIELDS | {"rooms": ["a", "b"], "epoch": "one", "offset": 1}))
    )
    with pytest.raises(ProtocolError):
        envelope.broadcast()


def test_an_oversized_body_is_refused_unread() -> None:
    assert opened(seal(event("e", "x" * (MAX_BODY_BYTES - 1000)))).event == "e"
    with pytest.raises(ProtocolError, match="malformed"):
        CODEC.open(signed(b"x" * (MAX_BODY_BYTES + 1)))


@given(
    st.dictionaries(
        st.sampled_from(["type", "version", "body", "mac", "x"]),
        st.just(MESSAGE_TYPE) | st.integers(0, 2) | st.binary(max_size=40) | st.text(max_size=5),
    )
)
def test_random_messages_are_refused_and_nothing_else(message: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        CODEC.open(message)
