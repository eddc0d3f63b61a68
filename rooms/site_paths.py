"""Which first words of a path the site uses already, so that no namespace takes one of them.

Asks the URLconf, the settings and the engine's options; no database.
"""

from collections.abc import Iterator
from urllib.parse import urlencode

from django.conf import settings
from django.urls import NoReverseMatch, URLResolver, get_resolver, reverse

from realtime.conf import options

OUR_URLS = "rooms"


def words_in_use() -> frozenset[str]:
    """Give the first words of every path that something but the rooms' own pages answers."""
    doors = (options().socketio_path, options().ws_prefix)
    # Another host's address may stand here: it has a scheme or two slashes, and takes no word.
    files = (settings.STATIC_URL or "", settings.MEDIA_URL or "")
    own = [url for url in files if not url.startswith("//") and "://" not in url]
    words = {_first_word(path) for path in (*doors, *own)}
    return frozenset((words | set(_routed_words(get_resolver()))) - {""})


def room_url(namespace: str, room: str, *, invitation: str = "") -> str:
    """Give the page of a room, with an invitation to it; empty where the site has no such pages."""
    try:
        page = reverse("rooms:room", args=[namespace.strip("/"), room])
    except NoReverseMatch:
        return ""
    return f"{page}?{urlencode({'invite': invitation})}" if invitation else page


def _routed_words(resolver: URLResolver) -> Iterator[str]:
    for entry in resolver.url_patterns:
        word = _first_word(str(entry.pattern).removeprefix("^"))
        if word:
            yield word
        elif isinstance(entry, URLResolver) and entry.app_name != OUR_URLS:
            yield from _routed_words(entry)


def _first_word(path: str) -> str:
    """Give the text before the first slash; a pattern's captures and anchors match no path."""
    return path.strip("/").partition("/")[0].removesuffix("$")
