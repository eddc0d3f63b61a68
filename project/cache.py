"""How the shared cache writes its values: as JSON.

Django's own way is pickle, which runs whatever the one who can write to Redis puts there.
"""

import json


class JsonSerializer:
    """Values of JSON's types to bytes and back; a whole number stays one that Redis can count."""

    def dumps(self, value: object) -> int | bytes:
        """Return what is stored; raises ``TypeError`` for a value that JSON does not know."""
        # `type`, not `isinstance`: True is a value, not a counter.
        if type(value) is int:
            return value
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()

    def loads(self, stored: bytes) -> object:
        """Return the value that was stored."""
        return json.loads(stored)
