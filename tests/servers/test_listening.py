"""Addresses that can and cannot be had, and the limit of open files."""

import resource
import socket

import pytest

from realtime.exceptions import UsageError
from realtime.servers.listening import bind, describe, listen, raise_open_files


def test_port_0_takes_one_free_port_and_says_which() -> None:
    (bound,) = bind("localhost", 0)
    with bound:
        listen([bound])
        port = bound.getsockname()[1]
        assert describe([bound]) in {f"http://127.0.0.1:{port}", f"http://[::1]:{port}"}


def test_a_port_in_use_is_named() -> None:
    (bound,) = bind("127.0.0.1", 0)
    with bound:
        listen([bound])
        port = bound.getsockname()[1]
        with pytest.raises(UsageError, match=f"Port {port} of 127.0.0.1 is in use"):
            bind("127.0.0.1", port)


def test_two_that_bound_before_either_listened_do_not_share_a_port() -> None:
    (first,) = bind("127.0.0.1", 0)
    (second,) = bind("127.0.0.1", first.getsockname()[1])
    with first, second:
        listen([first])
        with pytest.raises(UsageError, match="is in use"):
            listen([second])


@pytest.mark.parametrize(
    ("host", "problem"),
    [
        ("no-such-host.invalid", "not the name or address of a host"),
        ("a" * 70, "not the name or address of a host"),
        ("192.0.2.1", "not an address of this machine"),
    ],
)
def test_a_host_that_is_not_ours_is_named(host: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as refused:
        bind(host, 0)
    assert host in str(refused.value)


def test_every_address_of_a_name_is_bound() -> None:
    (probe,) = bind("127.0.0.1", 0)
    port = probe.getsockname()[1]
    probe.close()
    bound = bind("localhost", port)
    try:
        expected = {info[4][0] for info in socket.getaddrinfo("localhost", port)}
        assert {each.getsockname()[0] for each in bound} <= expected
        assert "127.0.0.1" in {each.getsockname()[0] for each in bound}
    finally:
        for each in bound:
            each.close()


def test_the_limit_of_open_files_becomes_the_hard_one() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, soft), hard))
        assert raise_open_files() == hard
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
