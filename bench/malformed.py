"""Endless malformed packets, payloads and frames: seeded, so that a failure can be had again.

What real clients send is the seed; it is cut, doubled, spliced, and has characters and bytes put
in that parsers trip over.
"""

import random

SEPARATOR = "\x1e"
TEXTS = (
    "0",
    "1",
    "2probe",
    "3",
    "5",
    "6",
    "40",
    '40/lab,{"token":"abc","pid":"x","offset":"y"}',
    "41/lab,",
    '42["echo",1,-2.5e3,null,true,"\\u00e4",{"a":[[],{}]}]',
    '42/lab,12["echo",{"_placeholder":true,"num":0}]',
    '43/lab,0["yes"]',
    '44{"message":"x","data":{"code":"y"}}',
    '452-/lab,7["echo",{"_placeholder":true,"num":0},{"x":{"_placeholder":true,"num":1}}]',
    '461-0[{"_placeholder":true,"num":0}]',
    "bAQIDBA==",
    '{"event":"echo","args":[1,{"a":"b"}],"id":7}',
    '{"ack":7,"args":[]}',
    '{"ping":1}',
)
BINARIES = (
    b"",
    b"\x01\x02\x03",
    b"\x83\xa4type\x00\xa3nsp\xa1/\xa4data\x81\xa1t\x01",
    b"\x84\xa4type\x02\xa3nsp\xa4/lab\xa4data\x92\xa4echo\xc4\x01\xff\xa2id\x07",
    b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x93\xa1e\xd7\x00\x00\x00\x01\x8c\x00\x00\x00\x00\xd4\x00\x00",
    b"\x84\xa4type\x03\xa3nsp\xa1/\xa4data\x90\xa2id\x00",
)
_BITS = (
    *'0123456789-/,[]{}":\\ \x1e\x00b',
    "[" * 60,
    '{"a":' * 60,
    "9" * 30,
    "-",
    "1e999",
    "NaN",
    "null",
    "true",
    "999999999999-",
    "11-",
    "0-",
    "\\ud800",
    "\ud800",
    "\U0001f600",
    "\u0661",
    "__proto__",
    '"connect"',
    '"_placeholder":true',
    '{"_placeholder":true,"num":-1}',
    '{"_placeholder":true,"num":1e9}',
    "/" + "a" * 200,
)
_BYTES = (
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff\x00",
    b"\xd7\x00\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\xd6\xff\x00\x00\x00\x00",
    b"\x91" * 60,
    b"\x81\xa1a" * 60,
    b"\xc1",
    b"\xcf" + b"\xff" * 8,
    b"\xcb\x7f\xf8" + bytes(6),
    b"\xff",
    b"\x00",
)
_MOST_CHANGES = 4


class Malformed:
    """A source of wrong things; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def text(self) -> str:
        """Return a packet's or frame's text."""
        chosen = self._random.choice
        text = chosen(TEXTS)
        for _ in range(self._random.randint(0, _MOST_CHANGES)):
            start, end = self._slice(len(text))
            match self._random.randrange(4):
                case 0:
                    text = text[:start] + text[end:]
                case 1:
                    text = text[:start] + chosen(_BITS) + text[start:]
                case 2:
                    text = text[:start] + chosen(_BITS) + text[end:]
                case _:
                    text = text[:end] + chosen(TEXTS)[start:]
        return text

    def binary(self) -> bytes:
        """Return a binary message."""
        chosen = self._random.choice
        data = chosen(BINARIES)
        for _ in range(self._random.randint(0, _MOST_CHANGES)):
            start, end = self._slice(len(data))
            match self._random.randrange(4):
                case 0:
                    data = data[:start] + data[end:]
                case 1:
                    data = data[:start] + chosen(_BYTES) + data[start:]
                case 2:
                    data = data[:start] + self._random.randbytes(3) + data[end:]
                case _:
                    data = data[:end] + chosen(BINARIES)[start:]
        return data

    def message(self) -> str | bytes:
        """Return either."""
        return self.binary() if self._random.random() < 1 / 3 else self.text()

    def body(self) -> bytes:
        """Return a request body: some packets, or what is none."""
        packets = [self.text() for _ in range(self._random.randint(1, 4))]
        body = SEPARATOR.join(packets).encode("utf-8", "surrogatepass")
        return body + b"\xff" if self._random.random() < 1 / 20 else body

    def _slice(self, length: int) -> tuple[int, int]:
        start = self._random.randint(0, length)
        return start, self._random.randint(start, min(length, start + 8))
