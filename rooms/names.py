"""The rules for names and texts that people type: trimmed and passed on, or refused.

Pure functions; no database, no request. Each raises ``ValueError`` with a translated sentence
that says what is wrong, so that an event, a form and a validator answer with the same words.
Source: DESIGN, "Names and texts".
"""

import unicodedata

from django.utils.translation import gettext as _

from realtime.namespaces.names import DOT_NAMES, WHITE_SPACE, is_refused_in_name

ROOM_NAME_MAX = 100
TEXT_MAX = 4_000
NONCE_MAX = 64

# The rules of a room's name once more, for the database's own check. Escapes of four digits are
# those that Python's and PostgreSQL's expressions read alike; surrogates reach neither database.
_REFUSED = r"\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069"
_BLANK = r"\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
ROOM_NAME_PATTERN = (
    rf"\A[^{_REFUSED}{_BLANK}]([^{_REFUSED}]{{0,{ROOM_NAME_MAX - 2}}}[^{_REFUSED}{_BLANK}])?\Z"
)


def clean_room_name(raw: str) -> str:
    """Give a room's name without the white space around it.

    Raises ``ValueError`` when it is empty, over ``ROOM_NAME_MAX`` code points, ``.`` or ``..``,
    or holds a control character, a lone surrogate, a line separator or a bidi control.
    """
    name = raw.strip(WHITE_SPACE)
    if not name:
        raise ValueError(_("A room's name may not be empty."))
    if len(name) > ROOM_NAME_MAX:
        raise ValueError(
            _("A room's name has at most %(most)d characters.") % {"most": ROOM_NAME_MAX}
        )
    if name in DOT_NAMES:
        raise ValueError(_("A room may not be named “.” or “..”."))
    refused = next((character for character in name if is_refused_in_name(character)), None)
    if refused is not None:
        raise ValueError(
            _("A room's name may not hold the character %(code)s.") % {"code": _code_point(refused)}
        )
    return name


def clean_text(raw: str) -> str:
    """Give a message's text without the white space around it.

    Raises ``ValueError`` when it is empty, over ``TEXT_MAX`` code points, or holds a lone
    surrogate or a control character other than tab and newline.
    """
    text = raw.strip(WHITE_SPACE)
    if not text:
        raise ValueError(_("The text may not be empty."))
    if len(text) > TEXT_MAX:
        raise ValueError(_("A text has at most %(most)d characters.") % {"most": TEXT_MAX})
    refused = next((character for character in text if _is_refused_in_text(character)), None)
    if refused is not None:
        raise ValueError(
            _("The text may not hold the character %(code)s.") % {"code": _code_point(refused)}
        )
    return text


def clean_nonce(raw: str) -> str:
    """Give the nonce as it is; ``ValueError`` unless it has 1 to ``NONCE_MAX`` characters.

    NUL and lone surrogates are refused too, since no database stores them.
    """
    if not 1 <= len(raw) <= NONCE_MAX:
        raise ValueError(_("A nonce has 1 to %(most)d characters.") % {"most": NONCE_MAX})
    if any(character == "\0" or unicodedata.category(character) == "Cs" for character in raw):
        raise ValueError(_("A nonce may not hold NUL or half of a surrogate pair."))
    return raw


def _is_refused_in_text(character: str) -> bool:
    return character not in "\t\n" and unicodedata.category(character) in {"Cc", "Cs"}


def _code_point(character: str) -> str:
    """Name a character that had better not be printed, such as ``U+202E``."""
    return f"U+{ord(character):04X}"
