import math
from typing import Any

import pytest
from django.core.cache.backends.redis import RedisCache
from hypothesis import given
from hypothesis import strategies as st

from project.cache import JsonSerializer
from tests.helpers import services

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)  # fmt: skip


@given(JSON)
def test_a_value_comes_back_as_it_went(value: object) -> None:
    stored = JsonSerializer().dumps(value)
    # Redis gives numbers back as text.
    assert JsonSerializer().loads(str(stored).encode() if type(stored) is int else stored) == value  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [object(), math.nan, b"bytes", {1, 2}])
def test_what_json_does_not_know_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        JsonSerializer().dumps(value)


@pytest.mark.redis
def test_the_shared_cache_keeps_values_and_counts(redis_environment: dict[str, str]) -> None:
    parameters: dict[str, Any] = {
        "KEY_PREFIX": redis_environment["REDIS_PREFIX"],
        "OPTIONS": {"serializer": "project.cache.JsonSerializer"},
    }
    cache = RedisCache(services.REDIS_URL, parameters)
    try:
        assert cache.add("ticket", {"user": 7, "session": None}, timeout=60)
        assert cache.get("ticket") == {"user": 7, "session": None}
        assert cache.add("tries", 1, timeout=60)
        assert cache.incr("tries") == 2
        assert cache.get("tries") == 2
    finally:
        cache.delete_many(["ticket", "tries"])
        cache.close()
