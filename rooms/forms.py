"""The forms of the pages."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.forms import BaseUserCreationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

User = get_user_model()
# Django's own users have an address among these, and may do without it.
NEEDED_FIELDS = [
    name
    for name in User.REQUIRED_FIELDS
    if not getattr(User._meta.get_field(name), "blank", False)  # noqa: SLF001 -- documented
]


class SignUpForm(BaseUserCreationForm):  # type: ignore[type-arg]
    """A name and a password: all that an account needs, with any user model."""

    class Meta:
        model = User
        fields = (User.USERNAME_FIELD, *NEEDED_FIELDS)

    def clean(self) -> dict[str, Any] | None:
        """Refuse a name that differs from another's by its letters' case only."""
        cleaned = super().clean()
        field = User.USERNAME_FIELD
        name = self.cleaned_data.get(field)
        if name and User._default_manager.filter(**{f"{field}__iexact": name}).exists():  # noqa: SLF001
            self.add_error(field, ValidationError(_("This name is taken."), code="unique"))
        return cleaned
