"""The rule for names that people type: one line, trimmed, without invisible mischief. Pure."""

import unicodedata

# Unicode's White_Space property. str.strip() alone would also drop U+001C to U+001F, which are
# control characters that a name has to be refused for.
WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
DOT_NAMES = frozenset({".", ".."})
GUEST_NAME_MAX = 40


def is_refused_in_name(character: str) -> bool:
    """Say whether no name may hold this character."""
    return character in BIDI_CONTROLS or unicodedata.category(character) in REFUSED_CATEGORIES


def clean_guest_name(raw: object) -> str | None:
    """Return a guest's chosen name without the white space around it, or None if it is malformed.

    A name has 1 to 40 code points under the rules of room names.
    """
    if not isinstance(raw, str):
        return None
    name = raw.strip(WHITE_SPACE)
    if not 1 <= len(name) <= GUEST_NAME_MAX or name in DOT_NAMES:
        return None
    return None if any(map(is_refused_in_name, name)) else name
