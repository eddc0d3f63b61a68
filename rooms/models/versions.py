"""Counters that every change of what decisions are made of raises in its own transaction."""

from django.db import models
from django.utils.translation import gettext_lazy as _

# Bans and mutes that hold everywhere.
SITE_KEY = "site"
# Users, groups, permissions and sessions.
PEOPLE_KEY = "people"


class PolicyChange(models.Model):
    """One change, or ``count`` that were put together later; a key's version is their sum.

    ``key`` is a namespace's path, ``SITE_KEY`` or ``PEOPLE_KEY``. Changes are added and never
    updated: two transactions that raise the same versions, in whatever order, never wait for each
    other. A key's version never falls; one without a row counts as 0.
    """

    key = models.CharField(_("key"), max_length=200, db_index=True)
    count = models.PositiveBigIntegerField(_("changes"), default=1)

    class Meta:
        verbose_name = _("policy change")
        verbose_name_plural = _("policy changes")
        ordering = ("key", "id")

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"
