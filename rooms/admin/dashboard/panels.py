"""What the dashboard says: cards and panels with words, links and charts, made of the readings.

The same value is rendered by the template and sent to the page's script as JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin.utils import quote
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from realtime.conf import options
from rooms.admin.dashboard.charts import Point, Tree, draw_bars, draw_columns, draw_spark
from rooms.admin.dashboard.readings import MINUTES, Outcome, Readings
from rooms.admin.links import admin_url
from rooms.admin.local_time import local_time
from rooms.models.records import RecordKind
from rooms.models.tallies import TallyKind

CONNECTIONS = "rooms_connection_changelist"
RECORDS = "rooms_decisionrecord_changelist"
TALLIES = "rooms_tally_changelist"


@dataclass(frozen=True, slots=True)
class Card:
    """One number, where it leads, and what is to be said of it."""

    key: str
    title: str
    value: str
    note: str
    url: str
    spark: Tree | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a panel's table; ``url`` is its filtered list."""

    key: str
    label: str
    value: str
    note: str
    url: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart and its table; without rows ``empty`` says why, and what would fill it."""

    key: str
    title: str
    about: str
    heads: tuple[str, str, str]
    empty: str
    rows: tuple[Row, ...]
    chart: Tree
    is_long: bool = False


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The page: as of when, its cards and its panels."""

    as_of: str
    as_of_at: str
    cards: tuple[Card, ...]
    panels: tuple[Panel, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return asdict(self)


def make_dashboard(readings: Readings) -> Dashboard:
    """Make the whole page."""
    local = local_time(readings.now)
    panels = [
        _messages(readings),
        _namespaces(readings),
        _transports(readings),
        _rooms(readings),
        _joins(readings),
        _evictions(readings),
    ]
    if readings.processes is not None:
        panels.append(_processes(readings))
    return Dashboard(
        as_of=date_format(local, "H:i:s"),
        as_of_at=local.isoformat(timespec="seconds"),
        cards=tuple(_cards(readings)),
        panels=tuple(panels),
    )


def _cards(readings: Readings) -> list[Card]:
    since = _moment(readings.since)
    denials = readings.of_kind(RecordKind.JOIN, RecordKind.CONNECT)
    evictions = readings.of_kind(RecordKind.EVICTION)
    minute, last = readings.messages[-2]
    cards = [
        Card(
            "connections",
            _("Live connections"),
            str(readings.connections),
            _people(readings.people),
            admin_url(CONNECTIONS),
        ),
        Card(
            "rooms",
            _("Occupied rooms"),
            str(readings.occupied),
            _("of %(rooms)d; %(full)d full")
            % {"rooms": readings.room_count, "full": readings.full},
            admin_url("rooms_room_changelist", occupied="yes"),
        ),
        Card(
            "messages",
            _("Messages in the last minute"),
            str(last),
            _("%(count)d in the last hour") % {"count": _total(readings)},
            _messages_url(minute),
            draw_spark([Point(_clock(at), count, str(count)) for at, count in readings.messages]),
        ),
        Card(
            "joins",
            _("Joins let in"),
            str(readings.joins),
            _("in the last hour"),
            admin_url(TALLIES, kind__exact=TallyKind.JOIN.value, minute__gte=since),
        ),
        Card(
            "denials",
            _("Denials"),
            str(sum(each.times for each in denials)),
            _most_frequent(denials),
            admin_url(RECORDS, allowed__exact=0, kind__in="connect,join", created_at__gte=since),
        ),
        Card(
            "evictions",
            _("Evictions"),
            str(sum(each.times for each in evictions)),
            _most_frequent(evictions),
            admin_url(RECORDS, kind__exact=RecordKind.EVICTION.value, created_at__gte=since),
        ),
    ]
    if readings.processes is not None:
        cards.append(
            Card(
                "drops",
                _("Dropped for slow readers"),
                str(readings.drops),
                _("in the last hour"),
                admin_url(TALLIES, kind__exact=TallyKind.DROP.value, minute__gte=since),
            )
        )
        alive = [each for each in readings.processes if each.is_alive]
        lost = len(readings.processes) - len(alive)
        cards.append(
            Card(
                "processes",
                _("Processes alive"),
                str(len(alive)),
                _("%(count)d without a lease") % {"count": lost} if lost else _("all leases hold"),
                admin_url("rooms_process_changelist", alive="yes"),
            )
        )
    return cards


def _namespaces(readings: Readings) -> Panel:
    rows = [
        Row(path, path, str(count), "", admin_url(CONNECTIONS, namespace=path))
        for path, count in readings.by_namespace.most_common()
    ]
    return _bars(
        "namespaces",
        _("Live connections by namespace"),
        _("Sockets that are connected now, over all processes."),
        rows,
        heads=(_("Namespace"), _("Connections"), ""),
        empty=_("Nobody is connected. Open a room's page, and its socket is counted here."),
    )


def _transports(readings: Readings) -> Panel:
    rows = [
        Row(name, name or _("unknown"), str(count), "", admin_url(CONNECTIONS, transport=name))
        for name, count in readings.by_transport.most_common()
    ]
    return _bars(
        "transports",
        _("Live connections by transport"),
        _("What carries each socket; an upgrade is written down within seconds."),
        rows,
        heads=(_("Transport"), _("Connections"), ""),
        empty=_("Nobody is connected."),
    )


def _rooms(readings: Readings) -> Panel:
    rows = []
    for room in readings.rooms:
        places = (
            _("no limit")
            if room.capacity is None
            else _("of %(capacity)d places") % {"capacity": room.capacity}
        )
        url = admin_url(CONNECTIONS, seats__room__id__exact=room.id)
        label = f"{room.path.rstrip('/')}/{room.name}"
        rows.append(Row(str(room.id), label, str(room.persons), places, url))
    return _bars(
        "rooms",
        _("Rooms by occupancy"),
        _("The rooms with most people in them; somebody with two devices counts once."),
        rows,
        heads=(_("Room"), _("People"), _("Places")),
        empty=_("Every room is empty."),
    )


def _joins(readings: Readings) -> Panel:
    since = _moment(readings.since)
    rows = []
    if readings.joins:
        url = admin_url(TALLIES, kind__exact=TallyKind.JOIN.value, minute__gte=since)
        rows.append(Row("ok", _("let in"), str(readings.joins), _("counted by the minute"), url))
    for each in readings.of_kind(RecordKind.JOIN, RecordKind.CONNECT):
        is_connect = each.kind == RecordKind.CONNECT.value
        label = _("%(code)s (connecting)") % {"code": each.code} if is_connect else each.code
        rows.append(_outcome_row(each, label, since))
    return _bars(
        "joins",
        _("Joins and denials by code"),
        _("The last hour. Denials are decision records, joins let in are counted by the minute."),
        rows,
        heads=(_("Code"), _("Times"), _("Kept as")),
        empty=_("Nobody has asked to join within the hour."),
        good=("ok",),
        all_bad=True,
    )


def _evictions(readings: Readings) -> Panel:
    since = _moment(readings.since)
    rows = [_outcome_row(each, each.code, since) for each in readings.of_kind(RecordKind.EVICTION)]
    return _bars(
        "evictions",
        _("Evictions by code"),
        _("Who was put out of a room or a namespace within the last hour, and by which code."),
        rows,
        heads=(_("Code"), _("Times"), _("Kept as")),
        empty=_("Nobody was put out within the hour."),
        all_bad=True,
    )


def _outcome_row(each: Outcome, label: str, since: str) -> Row:
    kept = ngettext("%(count)d record", "%(count)d records", each.records)
    url = admin_url(RECORDS, kind__exact=each.kind, code=each.code, created_at__gte=since)
    note = kept % {"count": each.records}
    return Row(f"{each.kind} {each.code}", label, str(each.times), note, url)


def _messages(readings: Readings) -> Panel:
    points = [Point(_clock(at), count, str(count)) for at, count in readings.messages]
    rows = [
        Row(_moment(at), _clock(at), str(count), "", _messages_url(at))
        for at, count in reversed(readings.messages)
        if count
    ]
    title = _("Messages per minute")
    about = _(
        "The last %(minutes)d minutes, written down every few seconds. Private messages and rooms "
        "that keep no history are counted too, and stand in no list."
    ) % {"minutes": MINUTES}
    return Panel(
        "messages",
        title,
        about,
        (_("Minute"), _("Messages"), ""),
        _("Nobody has said anything within the hour."),
        tuple(rows),
        draw_columns("messages", title, about, points),
        is_long=True,
    )


def _processes(readings: Readings) -> Panel:
    rows, points = [], []
    for each in readings.processes or ():
        age = _("%(seconds).0f s") % {"seconds": each.renewed_s}
        state = _("%(count)d connections") % {"count": each.sockets}
        if not each.is_alive:
            state = _("lease has run out")
        url = admin_url("rooms_process_change", quote(each.id))
        rows.append(Row(each.id, each.name, age, state, url))
        points.append(Point(each.name, each.renewed_s, age, is_bad=not each.is_alive))
    title = _("Processes and the age of their leases")
    about = _(
        "How long ago each server renewed its lease. One that does so no more is cleared away."
    )
    return Panel(
        "processes",
        title,
        about,
        (_("Process"), _("Renewed ago"), _("State")),
        _("No server runs that serves sockets."),
        tuple(rows),
        draw_bars("processes", title, about, points, whole=options().lease_s),
    )


def _bars(
    key: str,
    title: str,
    about: str,
    rows: Sequence[Row],
    *,
    heads: tuple[str, str, str],
    empty: str,
    good: Sequence[str] = (),
    all_bad: bool = False,
) -> Panel:
    points = [
        Point(row.label, float(row.value), row.value, is_bad=all_bad and row.key not in good)
        for row in rows
    ]
    return Panel(key, title, about, heads, empty, tuple(rows), draw_bars(key, title, about, points))


def _people(count: int) -> str:
    text = ngettext("%(count)d person in rooms", "%(count)d people in rooms", count)
    return text % {"count": count}


def _most_frequent(outcomes: Sequence[Outcome]) -> str:
    if not outcomes:
        return _("none in the last hour")
    return _("in the last hour, mostly %(code)s") % {"code": outcomes[0].code}


def _total(readings: Readings) -> int:
    return sum(count for _at, count in readings.messages)


def _messages_url(minute: datetime) -> str:
    return admin_url(
        "rooms_message_changelist",
        created_at__gte=_moment(minute),
        created_at__lt=_moment(minute + timedelta(minutes=1)),
    )


def _clock(at: datetime) -> str:
    return date_format(local_time(at), "H:i")


def _moment(at: datetime) -> str:
    return at.isoformat(sep=" ", timespec="seconds")
