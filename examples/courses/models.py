"""Courses: rows that know nothing of rooms."""

from django.conf import settings
from django.db import models


class Course(models.Model):
    """A course, and who takes it."""

    code = models.CharField(max_length=20, unique=True)
    is_running = models.BooleanField(default=True)
    students = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True)

    def __str__(self) -> str:
        return self.code
