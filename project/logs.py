"""Log records as lines: a time, a level, a logger, the message, and the data in ``key=value`` form.

Text that came from a client can hold anything; here it stays inside its own line.
"""

import datetime
import logging
import re

# What every record has; anything beyond came by `extra`.
OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"asctime", "message", "taskName"}
# A value longer than this says no more to the reader.
MAX_VALUE_CHARS = 200
BARE_VALUE = re.compile(r"[\w./:@+-]+", re.ASCII)


class LineFormatter(logging.Formatter):
    """One record in one line; its traceback too with ``fold_tracebacks``, else in marked lines."""

    def __init__(self, *, fold_tracebacks: bool) -> None:
        super().__init__()
        self.fold_tracebacks = fold_tracebacks

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        at = datetime.datetime.fromtimestamp(record.created, tz=datetime.UTC)
        words = [
            at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
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


def extra_fields(record: logging.LogRecord) -> list[tuple[str, object]]:
    """Return the plain values that were logged by ``extra``; objects such as a request are not."""
    return [
        (name, value)
        for name, value in vars(record).items()
        if name not in OWN_FIELDS and (value is None or isinstance(value, str | int | float))
    ]


def quote(value: object) -> str:
    """Return the value as one word: bare where that is plain, else in quotation marks."""
    text = str(value)
    if BARE_VALUE.fullmatch(text) and len(text) <= MAX_VALUE_CHARS:
        return text
    return quote_whole(text[:MAX_VALUE_CHARS] + ("…" if len(text) > MAX_VALUE_CHARS else ""))


def quote_whole(text: str) -> str:
    """Return the text in quotation marks, with its own ones escaped, however long it is."""
    return '"' + escape(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def escape(text: str) -> str:
    """Return the text with each character that does not print, line ends included, as an escape."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
