from realtime.protocol.encoded_event import EncodedEvent, encode_args
from realtime.protocol.wires import PLAIN_WIRE, SOCKET_IO_WIRE

EVENT = EncodedEvent("say", encode_args(["hi", {"n": 1}]))
EMPTY = EncodedEvent("bare", encode_args([]))
BINARY = EncodedEvent("bin", encode_args([b"\x01", "x", [b"\x02"]]))


def test_socket_io_packets_are_written_to_the_letter() -> None:
    wire = SOCKET_IO_WIRE
    assert wire.connected("/", "id1").parts == ('40{"sid":"id1"}',)
    assert wire.connected("/a", "id1").parts == ('40/a,{"sid":"id1"}',)
    assert wire.refused("/a", "No", None).parts == ('44/a,{"message":"No"}',)
    assert wire.refused("/", "No", {"code": "x"}).parts == (
        '44{"message":"No","data":{"code":"x"}}',
    )
    assert wire.event("/", EVENT).parts == ('42["say","hi",{"n":1}]',)
    assert wire.event("/a", EVENT, 7).parts == ('42/a,7["say","hi",{"n":1}]',)
    assert wire.event("/", EMPTY).parts == ('42["bare"]',)
    assert wire.event("/a", BINARY, 0).parts == (
        '452-/a,0["bin",{"_placeholder":true,"num":0},"x",[{"_placeholder":true,"num":1}]]',
        b"\x01",
        b"\x02",
    )
    assert wire.ack("/a", 12, encode_args([])).parts == ("43/a,12[]",)
    assert wire.ack("/", 0, encode_args([1, 2])).parts == ("430[1,2]",)
    assert wire.ack("/a", 7, encode_args([b"x"])).parts == (
        '461-/a,7[{"_placeholder":true,"num":0}]',
        b"x",
    )
    assert wire.disconnected("/", "any").parts == ("41",)
    assert wire.disconnected("/a", "any").parts == ("41/a,",)


def test_plain_frames_are_written_to_the_letter() -> None:
    wire = PLAIN_WIRE
    assert wire.connected("/a", "id1").parts == ('{"connect":{"sid":"id1","namespace":"/a"}}',)
    assert wire.refused("/a", "No", {"code": "x"}).parts == (
        '{"connect_error":{"message":"No","data":{"code":"x"}}}',
    )
    assert wire.event("/a", EVENT).parts == ('{"event":"say","args":["hi",{"n":1}]}',)
    assert wire.event("/a", EMPTY, 7).parts == ('{"event":"bare","args":[],"id":7}',)
    assert wire.event("/a", BINARY).parts == ('{"event":"bin","args":["AQ==","x",["Ag=="]]}',)
    assert wire.ack("/a", 7, encode_args([b"\x01"])).parts == ('{"ack":7,"args":["AQ=="]}',)
    assert wire.disconnected("/a", "outbox").parts == ('{"disconnect":{"reason":"outbox"}}',)
    assert wire.error("bad_frame", "What?").parts == (
        '{"error":{"code":"bad_frame","message":"What?"}}',
    )
    assert wire.pong({"n": [1]}).parts == ('{"pong":{"n":[1]}}',)


def test_names_are_escaped_in_both_forms() -> None:
    event = EncodedEvent('a"b\\c', encode_args([]))
    assert SOCKET_IO_WIRE.event("/", event).parts == ('42["a\\"b\\\\c"]',)
    assert PLAIN_WIRE.event("/", event).parts == ('{"event":"a\\"b\\\\c","args":[]}',)
