"""Counters that every change of what decisions are made of raises in its own transaction."""

from django.db import models
from django.utils.translation import gettext_lazy as _

# Bans and mutes that hold everywhere.
SITE_KEY = "site"
# Users, groups, permissions and sessions.
PEOPLE_KEY = "people"


class PolicyVersion(models.Model):
    """One counter. ``key`` is a namespace's path, ``SITE_KEY`` or ``PEOPLE_KEY``.

    Never falls and is never deleted, so that whoever remembers a number knows whether anything
    has changed since. A key without a row counts as 0.
    """

    key = models.CharField(_("key"), primary_key=True, max_length=200)
    version = models.PositiveBigIntegerField(_("version"), default=0)

    class Meta:
        verbose_name = _("policy version")
        verbose_name_plural = _("policy versions")
        ordering = ("key",)

    def __str__(self) -> str:
        return f"{self.key}: {self.version}"
