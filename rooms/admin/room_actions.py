"""What staff do to whole rooms from the list: close, open, announce, evict all, clear history.

What cannot be undone asks first; each act is done by a service, and logged.
"""

import time
from collections.abc import Callable

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from realtime.exceptions import RealtimeError
from rooms.admin.pages import admin_page
from rooms.admin.receipts import tell_receipts
from rooms.admin.scope import staff_of
from rooms.models import Message, Room, Seat
from rooms.models.sanctions import REASON_MAX
from rooms.names import TEXT_MAX, clean_text
from rooms.services import clear_history, close_room, evict_everybody, open_room, post_message


class AnnouncementForm(forms.Form):
    """What the site itself says in some rooms."""

    text = forms.CharField(
        label=_("Message"), max_length=TEXT_MAX, widget=forms.Textarea(attrs={"rows": 4})
    )

    def clean_text(self) -> str:
        """Refuse what no message may have."""
        try:
            return clean_text(self.cleaned_data["text"])
        except ValueError as error:
            raise ValidationError(str(error)) from None


class ReasonForm(forms.Form):
    """Why, in the words that those concerned read."""

    reason = forms.CharField(label=_("Reason"), max_length=REASON_MAX, required=False)


class RoomActions(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """The actions of the list of rooms; the queryset holds the person's own rooms alone."""

    actions = ("close", "open", "announce", "evict_all", "clear_history")

    @admin.action(description=_("Close the selected rooms"), permissions=("change",))
    def close(self, request: HttpRequest, queryset: QuerySet[Room]) -> None:
        """Close them to everybody: those inside are evicted."""
        self._each(request, queryset, lambda room: close_room(room, actor=staff_of(request)))

    @admin.action(description=_("Open the selected rooms"), permissions=("change",))
    def open(self, request: HttpRequest, queryset: QuerySet[Room]) -> None:
        """Open them again, within their hours."""
        self._each(request, queryset, lambda room: open_room(room, actor=staff_of(request)))

    @admin.action(
        description=_("Announce a message in the selected rooms"), permissions=("change",)
    )
    def announce(self, request: HttpRequest, queryset: QuerySet[Room]) -> HttpResponse | None:
        """Say something as the site itself."""
        form = AnnouncementForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_bound or not form.is_valid():
            return self._confirm(
                request,
                queryset,
                "announce",
                gettext("Announce a message"),
                gettext("Everybody in these rooms hears it as said by the site itself."),
                form,
            )
        text = form.cleaned_data["text"]
        self._each(request, queryset, lambda room: post_message(room, text))
        return None

    @admin.action(description=_("Evict everybody from the selected rooms"), permissions=("change",))
    def evict_all(self, request: HttpRequest, queryset: QuerySet[Room]) -> HttpResponse | None:
        """Kick all who are there; they may join again."""
        form = ReasonForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_bound or not form.is_valid():
            present = Seat.objects.present(timezone.now())
            seats = present.filter(room__in=queryset.order_by())
            persons = seats.values("room", "person_key").distinct().count()
            sentence = ngettext(
                "%(count)d person is there and may join again.",
                "%(count)d people are there and may join again.",
                persons,
            )
            return self._confirm(
                request,
                queryset,
                "evict_all",
                gettext("Evict everybody"),
                sentence % {"count": persons},
                form,
            )
        reason = form.cleaned_data["reason"]
        self._each(
            request,
            queryset,
            lambda room: evict_everybody(room, reason=reason, actor=staff_of(request)),
        )
        return None

    @admin.action(description=_("Clear the history of the selected rooms"), permissions=("change",))
    def clear_history(self, request: HttpRequest, queryset: QuerySet[Room]) -> HttpResponse | None:
        """Delete all messages; offsets go on from where they are."""
        if "confirmed" not in request.POST:
            count = Message.objects.filter(room__in=queryset.order_by()).count()
            sentence = ngettext(
                "%(count)d message is deleted for good.",
                "%(count)d messages are deleted for good.",
                count,
            )
            return self._confirm(
                request,
                queryset,
                "clear_history",
                gettext("Clear the history"),
                sentence % {"count": count},
                None,
            )
        self._each(request, queryset, lambda room: clear_history(room, actor=staff_of(request)))
        return None

    def _each(
        self,
        request: HttpRequest,
        rooms: QuerySet[Room],
        act: Callable[[Room], object],
    ) -> None:
        """Do it to each room, log it, and tell what came of it."""
        name = gettext("Action “%(name)s”.") % {"name": request.POST["action"]}
        asked_at, done, namespaces = time.monotonic(), 0, set[str]()
        chosen = list(rooms.select_related("namespace"))
        for room in chosen:
            try:
                act(room)
            except RealtimeError as error:
                self.message_user(request, f"{room}: {error}", messages.ERROR)
                continue
            self.log_change(request, room, name)
            namespaces.add(room.namespace.path)
            done += 1
        text = ngettext("Done in %(count)d room.", "Done in %(count)d rooms.", done)
        self.message_user(request, text % {"count": done}, messages.SUCCESS)
        tell_receipts(request, namespaces, since=asked_at)

    def _confirm(  # noqa: PLR0917 - as many as the page shows
        self,
        request: HttpRequest,
        rooms: QuerySet[Room],
        action: str,
        title: str,
        sentence: str,
        form: forms.Form | None,
    ) -> HttpResponse:
        return admin_page(
            self.admin_site,
            request,
            "confirm_action.html",
            title,
            rows=rooms.select_related("namespace"),
            action=action,
            sentence=sentence,
            form=form,
            checkbox=ACTION_CHECKBOX_NAME,
        )
