"""The courses app's config."""

from importlib import import_module

from django.apps import AppConfig


class CoursesConfig(AppConfig):
    """Courses, and a room for each."""

    name = "examples.courses"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to what changes in courses."""
        import_module("examples.courses.changes")
