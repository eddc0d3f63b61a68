"""Log records as lines: words with the data in ``key=value`` form, or one JSON object each.

A time, a level, a logger, the message, and what the code gave by ``extra``.

Text that came from a client can hold anything; here it stays inside its own line.
"""

import codecs
import datetime
import json
import logging
import math
import re

# What every record has; anything beyond came by `extra`.
OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"asctime", "message", "taskName"}
# A value longer than this says no more to the reader.
MAX_VALUE_CHARS = 200
# `process` is the operating system's number in each record, so that ours has a longer name there.
RENAMED = {"process_id": "process"}
FORMATS = ("text", "json")
# Found while the interpreter still finds codecs: the last lines are logged when it ends.
_escape_bytes = codecs.getencoder("unicode_escape")
BARE_VALUE = re.compile(r"[\w./:@+-]+", re.ASCII)


class LineFormatter(logging.Formatter):
    """One record in one line; its traceback too with ``fold_tracebacks``, else in marked lines."""

    def __init__(self, *, fold_tracebacks: bool) -> None:
        super().__init__()
        self.fold_tracebacks = fold_tracebacks

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        words = [
            instant_of(record),
            record.levelname,
            record.name,
            escape(record.getMessage()),
            *(f"{name}={quote(value)}" for name, value in extra_fields(record)),
        ]
        line = " ".join(words)
        if not record.exc_info:
            return line
        traceback = self.formatException(record.exc_info).splitlines()
        if self.fold_tracebacks:
            return f"{line} traceback={quote_whole(chr(10).join(traceback))}"
        return "\n".join([line, *(f"  | {escape(each)}" for each in traceback)])


class JsonFormatter(logging.Formatter):
    """One record as one JSON object in one line, its traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object, without the line's end."""
        fields: dict[str, object] = {
            "at": instant_of(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in extra_fields(record):
            # A key of ours is never replaced by one that somebody else's code gives.
            fields.setdefault(name, shortened(value))
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


class ClientFaults(logging.Filter):
    """Lets what a client did wrong be one line: with a traceback each, a stranger fills the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Take the traceback of Django's own refusals, a Host that is not ours among them."""
        if record.name.startswith("django.security."):
            record.exc_info = None
        return True


def instant_of(record: logging.LogRecord) -> str:
    """Return when a record was made: RFC 3339, UTC, milliseconds."""
    at = datetime.datetime.fromtimestamp(record.created, tz=datetime.UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shortened(value: object) -> object:
    """Return a text cut to what says something; a number as it is, NaN and the like as text."""
    if isinstance(value, str) and len(value) > MAX_VALUE_CHARS:
        return value[:MAX_VALUE_CHARS] + "…"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def extra_fields(record: logging.LogRecord) -> list[tuple[str, object]]:
    """Return the plain values that were logged by ``extra``; objects such as a request are not."""
    return [
        (RENAMED.get(name, name), value)
        for name, value in vars(record).items()
        if name not in OWN_FIELDS and (value is None or isinstance(value, str | int | float))
    ]


def quote(value: object) -> str:
    """Return the value as one word: bare where that is plain, else in quotation marks."""
    text = str(shortened(value))
    return text if BARE_VALUE.fullmatch(text) else quote_whole(text)


def quote_whole(text: str) -> str:
    """Return the text in quotation marks, with its own ones escaped, however long it is."""
    return '"' + escape(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def escape(text: str) -> str:
    """Return the text with each character that does not print, line ends included, as an escape."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escape_bytes(each)[0].decode() for each in text)
