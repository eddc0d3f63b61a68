"""What a person can be in a room, as rows store it and people read it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from rooms import policy_values


class Role(models.TextChoices):
    """What a person is in a room."""

    OWNER = policy_values.Role.OWNER.value, _("Owner")
    MODERATOR = policy_values.Role.MODERATOR.value, _("Moderator")
    MEMBER = policy_values.Role.MEMBER.value, _("Member")
