"""Impact: before a save that puts people out, who they are; after it, what was done.

The save is made for trial in a transaction that is rolled back, so that what is shown is what
would happen. Works without scripts: the page asks once more with all that was sent, and what was
confirmed is saved without another trial: whoever has to go goes as soon as that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext

from rooms.admin.pages import admin_page
from rooms.admin.receipts import tell_receipts
from rooms.impact import (
    NAMED_MOST,
    Attendance,
    Flip,
    Places,
    find_attendances,
    find_paths,
    flips,
    judge,
)

CONFIRMED = "impact_confirmed"
BACK = "impact_back"
_TRIAL = "rooms_trial"
_ASKED = "rooms_asked"


class _TrialOver(Exception):  # noqa: N818 - no error: the way back out of a savepoint
    """Ends the savepoint that a trial was made in."""


class _NotYet(forms.BaseForm):
    """A form that was sent to be shown once more as it was typed, not to be saved."""

    def is_valid(self) -> bool:
        """Say that there is something left to do; what is wrong is still said at its field."""
        super().is_valid()
        return False


@dataclass(slots=True)
class _Trial:
    """What came of saving for trial: ``row`` was saved, and these people would be ``gone``."""

    row: Any = None
    is_saved: bool = False
    gone: list[Flip] = field(default_factory=list)
    hidden: list[tuple[str, str]] = field(default_factory=list)
    namespaces: set[str] = field(default_factory=set)


class ShowsImpact(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Saving and deleting ask first whether those who go are meant to go."""

    def places(self, row: Any) -> Places:  # noqa: ANN401 - a row of any model of ours
        """Give the rooms that a row is about, or the paths of whole namespaces."""
        raise NotImplementedError

    def get_form(
        self,
        request: HttpRequest,
        obj: Any = None,  # noqa: ANN401 - a row of any model of ours
        change: bool = False,
        **kwargs: Any,  # noqa: ANN401 - Django's own
    ) -> Any:  # noqa: ANN401 - Django's own
        """Show a form once more where somebody has come back from the question."""
        form = super().get_form(request, obj, change, **kwargs)
        return type("ReturnedForm", (_NotYet, form), {}) if BACK in request.POST else form

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:  # noqa: ANN401
        """Save, and remember which row it was."""
        super().save_model(request, obj, form, change)
        trial = vars(request).get(_TRIAL)
        if trial is not None:
            trial.row = obj
        elif _ASKED in vars(request):
            vars(request)[_ASKED].append(self.places(obj))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - Django's own
        """Save, unless people would go who were not asked about."""
        view = super().changeform_view
        return self._with_impact(
            request, object_id, lambda: view(request, object_id, form_url, extra_context)
        )

    def delete_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401 - Django's own
        """Delete, unless people would go who were not asked about."""
        view = super().delete_view
        return self._with_impact(
            request, object_id, lambda: view(request, object_id, extra_context)
        )

    def message_user(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Say it, unless it is only a trial."""
        if _TRIAL not in vars(request):
            super().message_user(request, *args, **kwargs)

    def hidden_fields(self, request: HttpRequest, row: Any) -> list[tuple[str, str]]:  # noqa: ANN401
        """Give what the page sends once more; ``row`` is as the trial has saved it."""
        return [
            (name, value)
            for name, values in request.POST.lists()
            if name not in {"csrfmiddlewaretoken", CONFIRMED, BACK}
            for value in values
        ]

    def _with_impact(
        self, request: HttpRequest, object_id: str | None, view: Callable[[], Any]
    ) -> Any:  # noqa: ANN401 - Django's own
        if request.method != "POST" or BACK in request.POST:
            return view()
        asked_at = time.monotonic()
        if CONFIRMED in request.POST:
            return self._save_as_asked(request, object_id, view, asked_at)
        trial = self._try(request, object_id, view)
        if trial.gone:
            return self._ask_first(request, trial)
        response = view()
        if trial.is_saved:
            tell_receipts(request, trial.namespaces, since=asked_at)
        return response

    def _save_as_asked(
        self,
        request: HttpRequest,
        object_id: str | None,
        view: Callable[[], Any],
        asked_at: float,
    ) -> Any:  # noqa: ANN401 - Django's own
        places = [self.places(row) for row in self._rows(request, object_id)]
        # A deletion takes away what says where a room was.
        namespaces = find_paths(places)
        saved = vars(request)[_ASKED] = list[Places]()
        response = view()
        if response.status_code == HTTPStatus.FOUND:
            namespaces |= find_paths(place for place in saved if place not in places)
            tell_receipts(request, namespaces, since=asked_at)
        return response

    def _rows(self, request: HttpRequest, object_id: str | None) -> Iterable[Any]:
        return self.get_queryset(request).filter(pk=object_id) if object_id else ()

    def _try(self, request: HttpRequest, object_id: str | None, view: Callable[[], Any]) -> _Trial:
        """Save for trial and look at both sides; nothing of it stays."""
        now = timezone.now()
        trial = _Trial()
        vars(request)[_TRIAL] = trial
        try:
            with transaction.atomic():
                places = [self.places(row) for row in self._rows(request, object_id)]
                # Looked for before it: they are in a room by the name that it has now.
                attendances = _attendances(now, places)
                try:
                    with transaction.atomic():
                        trial.is_saved = view().status_code == HTTPStatus.FOUND
                        moved_to = self.places(trial.row) if trial.row is not None else None
                        if moved_to is None:
                            # Of those in a deleted room the page that asks has given the number.
                            attendances = _attendances(now, places)
                        elif moved_to not in places:
                            found = _attendances(now, [moved_to])
                            attendances = list(dict.fromkeys(attendances + found))
                        after = judge(attendances, now)
                        if trial.row is not None:
                            trial.hidden = self.hidden_fields(request, trial.row)
                        raise _TrialOver
                except _TrialOver:
                    before = judge(attendances, now)
                    trial.gone = flips(before, after)
                trial.namespaces = {at.namespace for at in attendances}
                transaction.set_rollback(True)
        finally:
            del vars(request)[_TRIAL]
        trial.hidden = trial.hidden or self.hidden_fields(request, None)
        return trial

    def _ask_first(self, request: HttpRequest, trial: _Trial) -> HttpResponse:
        persons = {flip.attendance.person.key for flip in trial.gone}
        return admin_page(
            self.admin_site,
            request,
            "impact.html",
            gettext("This puts people out"),
            opts=self.opts,
            gone=trial.gone if len(persons) <= NAMED_MOST else (),
            count=len(persons),
            hidden=trial.hidden,
            confirmed=CONFIRMED,
            # Before a deletion nothing was typed that a way back could lose.
            back=BACK if "post" not in request.POST else "",
        )


def _attendances(now: datetime, places: Iterable[Places]) -> list[Attendance]:
    found = [at for place in dict.fromkeys(places) for at in find_attendances(now, place)]
    return list(dict.fromkeys(found))
