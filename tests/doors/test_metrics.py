"""`/metrics`: who may read it, and that what it says is Prometheus text about this process."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, override_settings
from prometheus_client.parser import text_string_to_metric_families

from realtime.conf import options
from realtime.doors.metrics import MetricsDoor
from realtime.doors.metrics_text import LIMITS
from realtime.namespaces.running import find_process
from tests.helpers.asgi_http import HttpAnswer, HttpClient
from tests.helpers.asgi_socket import Headers
from tests.helpers.door_clients import connected
from tests.helpers.serving import nothing_here, serving
from tests.helpers.waiting import DEADLINE_S
from tests.namespaces.lab import ROUTES

TOKEN = "a-token-of-the-tests"
BEARER = (("authorization", f"Bearer {TOKEN}"),)
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@asynccontextmanager
async def scraping(
    *, client: tuple[str, int] = ("127.0.0.1", 1), **given: Any
) -> AsyncIterator[HttpClient]:
    async with (
        serving(ROUTES, **given),
        HttpClient(MetricsDoor(nothing_here), path="/metrics", client=client) as http,
    ):
        yield http


async def read(http: HttpClient, headers: Headers = (), method: str = "GET") -> HttpAnswer:
    return await http.request(method, headers=headers)


def samples(answer: HttpAnswer) -> Samples:
    assert answer.status == 200, answer
    found: Samples = {}
    for family in text_string_to_metric_families(answer.body.decode()):
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def value(found: Samples, name: str, **labels: str) -> float:
    process = find_process()
    assert process is not None
    return found[f"roomkey_{name}", frozenset({**labels, "process": process.id}.items())]


async def test_nobody_may_read_them_unless_somebody_said_so() -> None:
    async with scraping() as http:
        for headers in ((), BEARER, (("authorization", "Bearer "),)):
            answer = await read(http, headers)
            assert answer.status == 403
            assert b"roomkey_" not in answer.body
            assert answer.header("cache-control") == "no-store"


async def test_the_token_reads_them() -> None:
    async with scraping(metrics_token=TOKEN) as http:
        assert (await read(http, BEARER)).status == 200
        assert (await read(http, (("authorization", f"bearer {TOKEN}"),))).status == 200
        forwarded = (*BEARER, ("x-forwarded-for", "198.51.100.7"))
        assert (await read(http, forwarded)).status == 200
        wrong: list[Headers] = [
            (),
            (("authorization", TOKEN),),
            (("authorization", f"Bearer {TOKEN}x"),),
            (("authorization", f"Bearer {TOKEN[:-1]}"),),
            (("authorization", f"Basic {TOKEN}"),),
            (("authorization", "Bearer \xff"),),
        ]
        for headers in wrong:
            assert (await read(http, headers)).status == 403, headers


@pytest.mark.parametrize("header", ["x-forwarded-for", "x-forwarded-proto", "forwarded", "via"])
async def test_a_network_reads_them_only_where_no_proxy_stands_between(header: str) -> None:
    networks = ["10.0.0.0/8", "::1"]
    async with scraping(metrics_networks=networks, client=("10.1.2.3", 1)) as http:
        assert (await read(http)).status == 200
        assert (await read(http, ((header, "10.1.2.3"),))).status == 403
    async with scraping(metrics_networks=networks, client=("11.1.2.3", 1)) as http:
        assert (await read(http)).status == 403
        assert (await read(http, (("x-forwarded-for", "10.1.2.3"),))).status == 403
    async with scraping(metrics_networks=networks, client=("::ffff:10.1.2.3", 1)) as http:
        assert (await read(http)).status == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("is_staff", "is_active", "status"), [(True, True, 200), (False, True, 403), (True, False, 403)]
)
async def test_staff_read_them_in_their_browser(
    is_staff: bool, is_active: bool, status: int
) -> None:
    people = get_user_model().objects
    user = await people.acreate(username="ann", is_staff=is_staff)
    browser = Client()
    await browser.aforce_login(user)
    await people.filter(pk=user.pk).aupdate(is_active=is_active)
    cookie = f"{settings.SESSION_COOKIE_NAME}={browser.cookies['sessionid'].value}"
    async with scraping() as http:
        assert (await read(http, (("cookie", cookie),))).status == status


async def test_they_tell_of_what_is_there_and_what_happened(door: str) -> None:
    async with (
        serving(ROUTES, metrics_token=TOKEN) as application,
        HttpClient(MetricsDoor(nothing_here), path="/metrics") as http,
        connected(application, door, "/lab") as client,
    ):
        await client.call("join", "csgo")
        await client.call("refuse", "forbidden")
        found = samples(await read(http, BEARER))
        where = {"namespace": "/lab", "door": door, "transport": "websocket"}
        assert value(found, "sockets", **where) == 1
        assert value(found, "connections", door=door, transport="websocket") == 1
        assert value(found, "rooms", namespace="/lab") == 1
        assert value(found, "events_total", namespace="/lab", event="join", code="ok") == 1
        refused = {"namespace": "/lab", "event": "refuse", "code": "forbidden"}
        assert value(found, "events_total", **refused) == 1
        assert value(found, "handler_seconds_count", event="join") == 1
        assert value(found, "handler_seconds_bucket", event="join", le="+Inf") == 1
        assert value(found, "state", state="ready") == 1
        assert value(found, "state", state="draining") == 0
        assert value(found, "layer_shared") == 0
        assert value(found, "database_waiting") == 0
        for limit in LIMITS:
            assert value(found, "limits_total", limit=limit) == 0
        # No name of a room, and no process but this one, is a label.
        assert "csgo" not in str(found)
        assert {dict(labels)["process"] for _name, labels in found} == {
            dict(next(iter(found))[1])["process"]
        }


async def test_they_tell_what_became_of_streams_between_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with (
        serving(ROUTES, metrics_token=TOKEN),
        HttpClient(MetricsDoor(nothing_here), path="/metrics") as http,
    ):
        process = find_process()
        assert process is not None
        known = replace(process.adapter.figures(), streams={"opened": 3, "broken": 1})
        monkeypatch.setattr(process.adapter, "figures", lambda: known)
        found = samples(await read(http, BEARER))
        assert value(found, "streams_total", outcome="opened") == 3
        assert value(found, "streams_total", outcome="broken") == 1


async def test_histograms_count_up_and_sums_are_seconds(door: str) -> None:
    async with (
        serving(ROUTES, metrics_token=TOKEN) as application,
        HttpClient(MetricsDoor(nothing_here), path="/metrics") as http,
        connected(application, door, "/lab") as client,
    ):
        for _ in range(3):
            await client.call("thread")
        found = samples(await read(http, BEARER))
        async with asyncio.timeout(DEADLINE_S):
            # A thread counts its work behind having answered.
            while value(found, "database_seconds_count") < 3:
                found = samples(await read(http, BEARER))
        for name, labels in (("handler_seconds", {"event": "thread"}), ("database_seconds", {})):
            buckets = sorted(
                (float(dict(each)["le"]), count)
                for (metric, each), count in found.items()
                if metric == f"roomkey_{name}_bucket" and labels.items() <= dict(each).items()
            )
            counts = [count for _bound, count in buckets]
            assert counts == sorted(counts)
            assert counts[-1] == value(found, f"{name}_count", **labels) == 3
            assert 0 < value(found, f"{name}_sum", **labels) < 5


async def test_other_methods_and_paths() -> None:
    async with scraping(metrics_token=TOKEN) as http:
        answer = await read(http, BEARER, "HEAD")
        assert (answer.status, answer.body) == (200, b"")
        assert int(answer.header("content-length") or "0") > 1_000
        answer = await read(http, BEARER, "POST")
        assert (answer.status, answer.header("allow")) == (405, "GET, HEAD")
        assert (await http.request("GET", path="/metrics/")).body == b"not ours"


async def test_openmetrics_is_spoken_to_those_who_ask() -> None:
    async with scraping(metrics_token=TOKEN) as http:
        accept = ("accept", "application/openmetrics-text; version=1.0.0")
        answer = await read(http, (*BEARER, accept))
        assert answer.body.endswith(b"# EOF\n")
        assert "openmetrics" in str(answer.header("content-type"))


async def test_without_the_package_they_are_not_implemented(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "realtime.doors.metrics_text")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    async with scraping(metrics_token=TOKEN) as http:
        answer = await read(http, BEARER)
        assert answer.status == 501
        assert b"pip install 'roomkey[metrics]'" in answer.body
        assert (await read(http)).status == 403


async def test_a_process_that_does_not_serve_says_so() -> None:
    with override_settings(REALTIME={"METRICS_TOKEN": TOKEN}):
        async with HttpClient(MetricsDoor(nothing_here), path="/metrics") as http:
            assert (await read(http, BEARER)).status == 503


@pytest.mark.parametrize(
    ("name", "wrong", "reason"),
    [
        ("METRICS_NETWORKS", ["10.0.0.1/8"], "host bits"),
        ("METRICS_NETWORKS", ["somewhere"], "somewhere"),
        ("METRICS_TOKEN", "has spaces", "spaces"),
        ("METRICS_TOKEN", "tökens", "ASCII"),
    ],
)
def test_a_wrong_option_stops_the_start(name: str, wrong: Any, reason: str) -> None:
    with override_settings(REALTIME={name: wrong}):
        with pytest.raises(ImproperlyConfigured, match=reason) as raised:
            options()
        assert name in str(raised.value)
        # Not even a wrong token is repeated.
        assert name != "METRICS_TOKEN" or wrong not in str(raised.value)


def test_the_token_does_not_show_where_options_do() -> None:
    with override_settings(REALTIME={"METRICS_TOKEN": TOKEN}):
        assert TOKEN not in repr(options())
