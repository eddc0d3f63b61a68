"""Instants as staff read them: in the site's own time zone."""

from datetime import datetime

from django.utils import timezone


def local_time(at: datetime) -> datetime:
    """Give an instant in the time zone that is on; where USE_TZ is off it already is."""
    return timezone.localtime(at) if timezone.is_aware(at) else at
