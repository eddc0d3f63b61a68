"""A process's figures as Prometheus metrics: names, help texts and labels.

Needs prometheus-client, and knows neither HTTP nor who may read. docs/reference/metrics.md lists
the metrics.
"""

import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from realtime.conf import Options
from realtime.counting import BOUNDS_S, Labels, Times
from realtime.namespaces.figures import Figures
from realtime.namespaces.process import ProcessState
from realtime.version import VERSION

Value = TypeVar("Value")

# What these options bound is denied to nobody, or somebody else counts it.
UNCOUNTED = frozenset(
    {
        # A number of a pair that the other name counts.
        *("ping_interval_s", "events_burst", "joins_burst", "password_window_s"),
        # How often, how long and where: no limits.
        *("history_page", "decision_days", "record_joins", "recheck_s", "drain_s", "gc_threshold"),
        *("allowed_origins", "metrics_networks", "metrics_token", "parser", "transports"),
        *("serve_client", "client_files", "socketio_path", "ws_prefix", "authenticators"),
    }
)
LIMITS = tuple(each.name for each in fields(Options) if each.name not in UNCOUNTED)

# Metric, its help text, and the labels of the tally of that name.
_TALLIES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "limits": ("limits", "How often a limit was in somebody's way", ("limit",)),
    "sessions": ("sessions_opened", "Engine.IO sessions and plain WebSockets opened", ("door",)),
    "connects": (
        "connects",
        "Sockets let into a namespace (ok) or refused, by code",
        ("namespace", "code"),
    ),
    "disconnects": ("disconnects", "Sockets ended, by reason", ("namespace", "reason")),
    "joins": ("joins", "Joins allowed (ok) or denied, by code", ("namespace", "code")),
    "evictions": (
        "evictions",
        "Sockets put out of a room, or ended, for what changed",
        ("namespace", "code"),
    ),
}


def render(figures: Figures, accept: str) -> tuple[bytes, str]:
    """Return the metrics in the form that a reader accepts, and that form's content type."""
    registry = CollectorRegistry()
    registry.register(_Once(figures))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Once(Collector):
    """Gives one moment's figures, each sample with its process."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """Give the metrics."""
        figures = self._figures
        process = figures.process_id
        yield from (
            *_about(figures),
            *_present(figures),
            *_counted(figures),
            *_between_processes(figures),
            *_database(figures),
        )
        for own in ProcessCollector(namespace="roomkey", registry=None).collect():
            samples = [
                each._replace(labels={**each.labels, "process": process}) for each in own.samples
            ]
            own.samples = samples
            yield own


def _about(figures: Figures) -> Iterator[Metric]:
    info = {"version": VERSION, "python": platform.python_version()}
    yield _gauge("info", "Which release runs", figures, {tuple(info.values()): 1.0}, tuple(info))
    states = _by_one({state.value: int(state.value == figures.state) for state in ProcessState})
    yield _gauge("state", "1 for the state that the process is in", figures, states, ("state",))
    lag = _bare(figures.loop_lag_s)
    yield _gauge("loop_lag_seconds", "How late the event loop took its next turn", figures, lag)
    text = "Looks that staff have at packets (manage.py tail)"
    yield _gauge("taps", text, figures, _bare(figures.taps))
    if figures.lease_age_s is not None:
        age = _bare(figures.lease_age_s)
        yield _gauge("lease_age_seconds", "Time since the lease was renewed", figures, age)
    for name, text in (
        ("lease_renewals", "Renewals of the process's lease"),
        ("lease_losses", "Leases that had run out before they were renewed"),
    ):
        yield _counter(name, text, figures, _bare(figures.numbers[name]))


def _present(figures: Figures) -> Iterator[Metric]:
    labels = ("namespace", "door", "transport")
    text = "Engine.IO sessions and plain WebSockets that are open"
    yield _gauge("connections", text, figures, figures.connections, labels[1:])
    text = "Requests and WebSockets that pass here to the process that owns the session"
    yield _gauge("forwarded", text, figures, _bare(figures.forwarded))
    yield _gauge("sockets", "Sockets in a namespace now", figures, figures.sockets, labels)
    text = "Rooms with a socket of this process"
    yield _gauge("rooms", text, figures, figures.rooms, labels[:1])
    queues = _by_one({"outbox": figures.queues.outbox_bytes, "inbox": figures.queues.inbox_bytes})
    text = "Bytes that wait for clients (outbox) and for handlers (inbox)"
    yield _gauge("queue_bytes", text, figures, queues, ("queue",))


def _counted(figures: Figures) -> Iterator[Metric]:
    for tally, (name, text, labels) in _TALLIES.items():
        values = figures.tallies[tally]
        if tally == "limits":
            values = {**{(limit,): 0 for limit in LIMITS}, **values}
        yield _counter(name, text, figures, values, labels)
    text = "Clients' events handled, by outcome"
    yield _counter("events", text, figures, figures.events, ("namespace", "event", "code"))
    deliveries = _bare(figures.adapter.deliveries)
    yield _counter("deliveries", "Events handed to sockets of this process", figures, deliveries)
    dropped = _by_one(
        {
            "volatile": figures.numbers["volatile_dropped"],
            "outbox": figures.numbers["outbox_dropped"],
            "layer_in": figures.adapter.dropped_in,
            "layer_out": figures.adapter.dropped_out,
        }
    )
    text = "Messages lost: to clients (volatile, outbox), and from and to other processes"
    yield _counter("dropped", text, figures, dropped, ("where",))
    text = "Time that handlers of events took, their waits included"
    times = _by_one(figures.handler_times)
    yield _histogram("handler_seconds", text, figures, times, ("event",))


def _between_processes(figures: Figures) -> Iterator[Metric]:
    adapter = figures.adapter
    gauges: list[tuple[str, str, float]] = [
        ("layer_shared", "Whether other processes can be reached", int(figures.is_shared)),
        ("layer_lost_seconds", "Time since the channel layer was lost; 0 if not", figures.lost_s),
        ("layer_unsent", "Messages that wait for the channel layer", adapter.unsent),
        ("layer_peers", "Other processes heard lately", adapter.peers),
    ]
    if adapter.beat_s is not None:
        text = "How long the latest beat took over the channel layer and back"
        gauges.append(("layer_beat_seconds", text, adapter.beat_s))
    for name, text, value in gauges:
        yield _gauge(name, text, figures, _bare(value))
    text = "Streams to and from single processes (polling requests, WebSockets), by what became"
    yield _counter("streams", text, figures, _by_one(adapter.streams), ("outcome",))


def _database(figures: Figures) -> Iterator[Metric]:
    pool = figures.database
    if pool is None:
        return
    threads = _by_one({"busy": pool.threads - pool.idle, "idle": pool.idle})
    yield _gauge("database_threads", "Threads for database work", figures, threads, ("state",))
    waiting = _bare(pool.waiting)
    yield _gauge("database_waiting", "Units of database work that wait", figures, waiting)
    text = "Time that database work waited for a thread"
    yield _histogram("database_wait_seconds", text, figures, _bare(pool.waited))
    yield _histogram(
        "database_seconds", "Time that database work took", figures, _bare(pool.worked)
    )


def _bare(value: Value) -> dict[Labels, Value]:
    return {(): value}


def _by_one(values: Mapping[str, Value]) -> dict[Labels, Value]:
    return {(label,): value for label, value in values.items()}


def _gauge(
    name: str,
    text: str,
    figures: Figures,
    values: Mapping[Labels, float],
    labels: Iterable[str] = (),
) -> Metric:
    family = GaugeMetricFamily(f"roomkey_{name}", text, labels=["process", *labels])
    for key, value in values.items():
        family.add_metric([figures.process_id, *key], value)
    return family


def _counter(
    name: str,
    text: str,
    figures: Figures,
    values: Mapping[Labels, float],
    labels: Iterable[str] = (),
) -> Metric:
    family = CounterMetricFamily(f"roomkey_{name}", text, labels=["process", *labels])
    for key, value in values.items():
        family.add_metric([figures.process_id, *key], value)
    return family


def _histogram(
    name: str,
    text: str,
    figures: Figures,
    values: Mapping[Labels, Times],
    labels: Iterable[str] = (),
) -> Metric:
    family = HistogramMetricFamily(f"roomkey_{name}", text, labels=["process", *labels])
    for key, times in values.items():
        total = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), times.counts, strict=True):
            total += count
            buckets.append((bound, total))
        family.add_metric([figures.process_id, *key], buckets, sum_value=times.sum_s)
    return family
