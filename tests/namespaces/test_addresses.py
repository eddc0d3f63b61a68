from ipaddress import ip_network
from typing import Any

import pytest

from realtime.namespaces.addresses import Client, _warn_of_blind_proxy, client_of

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def client(peer: str | None, *headers: tuple[str, str]) -> Client:
    scope: dict[str, Any] = {
        "client": None if peer is None else (peer, 1),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }
    return client_of(scope, PROXIES)


def test_a_direct_client_is_its_own_address() -> None:
    assert client("203.0.113.9") == Client("203.0.113.9")
    assert client("2001:db8::1") == Client("2001:db8::1")


def test_an_ipv4_address_in_ipv6_clothes_is_ipv4() -> None:
    assert client("::ffff:203.0.113.9") == Client("203.0.113.9")


def test_an_interface_is_no_part_of_an_address() -> None:
    assert client("fe80::1%eth0") == Client("fe80::1")
    assert client("10.0.0.1", ("x-forwarded-for", "fe80::1%eth0")) == Client("fe80::1")


def test_a_peer_without_an_address_has_none() -> None:
    assert client(None) == Client(None)
    assert client("unix:") == Client(None)


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        (["198.51.100.7"], "198.51.100.7"),
        (["6.6.6.6, 198.51.100.7"], "198.51.100.7"),
        (["6.6.6.6", "198.51.100.7"], "198.51.100.7"),
        (["198.51.100.7, 10.9.9.9"], "198.51.100.7"),
        (["198.51.100.7, 10.9.9.9, fd00::9"], "198.51.100.7"),
        (["::ffff:198.51.100.7"], "198.51.100.7"),
        (["2001:db8::7"], "2001:db8::7"),
        (["10.9.9.9"], "10.0.0.1"),
        ([""], "10.0.0.1"),
        (["unknown"], "10.0.0.1"),
        (["198.51.100.7, rubbish"], "10.0.0.1"),
        (["198.51.100.7:80"], "10.0.0.1"),
        ([], "10.0.0.1"),
    ],
)
def test_behind_trusted_proxies_the_rightmost_other_hop_counts(
    forwarded: list[str], address: str
) -> None:
    headers = [("x-forwarded-for", value) for value in forwarded]
    assert client("10.0.0.1", *headers) == Client(address)
    assert client("::ffff:10.0.0.1", *headers) == Client(address)


@pytest.mark.parametrize(
    "header", ["x-forwarded-for", "forwarded", "x-forwarded-host", "x-forwarded-proto"]
)
def test_headers_of_anybody_else_count_for_nothing_and_are_logged_once(
    header: str, caplog: pytest.LogCaptureFixture
) -> None:
    _warn_of_blind_proxy.cache_clear()
    for _ in range(3):
        found = client("203.0.113.9", (header, "6.6.6.6"))
        assert found == Client("203.0.113.9", is_proxied_blindly=True)
    assert len(caplog.records) == 1
    assert "TRUSTED_PROXIES" in caplog.text


@pytest.mark.parametrize("header", ["x_forwarded_for", "x-real-ip", "client-ip"])
def test_lookalike_headers_are_never_read(header: str) -> None:
    assert client("10.0.0.1", (header, "6.6.6.6")) == Client("10.0.0.1")
    assert client("203.0.113.9", (header, "6.6.6.6")) == Client("203.0.113.9")
