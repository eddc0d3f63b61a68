"""The rooms app's config."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RoomsConfig(AppConfig):
    """Rooms, their permissions, and who is in them."""

    name = "rooms"
    verbose_name = _("Rooms")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register checks, listen to changes and sign-ins; models can be imported by now."""
        import_module("rooms.checks")
        import_module("rooms.changes").connect_changes()
        import_module("rooms.live").connect_notices()
        import_module("rooms.inspecting").connect_questions()
        import_module("rooms.signing_in").connect_signing_in()
