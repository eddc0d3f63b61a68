"""The registry in Django's admin: one module for each family of rows.

Django imports this package to register them, so this package file imports, as others do not.
"""

from rooms.admin import inner, inviting, messages, people, presence, records, registry, sanctions
from rooms.admin.dashboard import page as dashboard

__all__ = [
    "dashboard",
    "inner",
    "inviting",
    "messages",
    "people",
    "presence",
    "records",
    "registry",
    "sanctions",
]
