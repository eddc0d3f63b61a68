"""Tries at passwords are counted, for a person in a room and for an address."""

import os
import secrets
import subprocess
import sys
from contextlib import ExitStack
from ipaddress import ip_address

import pytest

from rooms.throttle import ADDRESS_SHARE, Limits, Throttled, Tried, give_back, take_try
from tests.helpers.services import REDIS_URL, ROOT

LIMITS = Limits(tries=3, window_s=600)
HERE = ip_address("192.0.2.1")


def try_once(place: str = "/games/pw", person: str = "7", address: str = "192.0.2.1") -> object:
    """Count one wrong try."""
    return take_try(place, person, ip_address(address), LIMITS)


def test_each_try_says_how_many_are_left_and_the_one_beyond_is_throttled() -> None:
    left = [try_once() for _ in range(3)]
    assert [tried.left for tried in left if isinstance(tried, Tried)] == [2, 1, 0]
    throttled = try_once()
    assert isinstance(throttled, Throttled)
    assert 0 < throttled.retry_after_s <= 600


def test_a_right_password_is_not_counted() -> None:
    for _ in range(10):
        tried = try_once()
        assert isinstance(tried, Tried)
        give_back(tried)


def test_a_person_is_counted_in_each_room_apart() -> None:
    for _ in range(4):
        try_once("/games/pw")
    assert isinstance(try_once("/games/other"), Tried)


def test_an_address_has_four_times_the_tries_over_all_its_persons() -> None:
    outcomes = [try_once(person=f"guest:{n}") for n in range(3 * ADDRESS_SHARE + 1)]
    assert [type(outcome) for outcome in outcomes] == [Tried] * 12 + [Throttled]
    assert isinstance(try_once(person="guest:99", address="192.0.2.2"), Tried)


def test_a_throttled_address_does_not_use_up_the_tries_of_a_person() -> None:
    for n in range(3 * ADDRESS_SHARE):
        try_once(person=f"guest:{n}")
    for _ in range(5):
        assert isinstance(try_once(person="7"), Throttled)
    elsewhere = try_once(person="7", address="192.0.2.2")
    assert isinstance(elsewhere, Tried)
    assert elsewhere.left == 2


def test_ipv6_addresses_of_one_subscriber_count_as_one() -> None:
    for n in range(3 * ADDRESS_SHARE):
        try_once(person=f"guest:{n}", address=f"2001:db8::{n + 1:x}")
    assert isinstance(try_once(person="guest:99", address="2001:db8::ffff"), Throttled)
    assert isinstance(try_once(person="guest:99", address="2001:db8:0:1::1"), Tried)


def test_no_tries_means_no_throttle() -> None:
    off = Limits(tries=0, window_s=600)
    assert [take_try("/p", "7", HERE, off).left for _ in range(50)] == [None] * 50  # type: ignore[union-attr]


GUESSING = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
import django
django.setup()
from rooms.throttle import Limits, Tried, take_try

def guess(number):
    # A person in each of five rooms, all behind one address.
    return isinstance(
        take_try(f"/games/{number % 5}", "7", ip_address("192.0.2.1"), Limits(5, 600)), Tried
    )

print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(guess, range(400))))
"""


@pytest.mark.redis
def test_processes_that_guess_at_once_share_their_tries() -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "project.settings",
        "REDIS_URL": REDIS_URL,
        "REDIS_PREFIX": f"test-{secrets.token_hex(6)}",
        "DEBUG": "1",
    }
    with ExitStack() as stack:
        guessers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", GUESSING],
                    cwd=ROOT,
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _process in range(2)
        ]
        for each in guessers:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        answers = [each.communicate("go\n", timeout=60)[0] for each in guessers]
    # Five for the person in each room, and four times that for the address.
    assert sum(map(int, answers)) == 5 * ADDRESS_SHARE
