import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from realtime.adapters.base import Broadcast, Number
from realtime.adapters.feed import MAX_EARLY, Feed, Lost
from tests.adapters.fakes import event, numbered


def offsets(items: Sequence[Broadcast | Lost]) -> list[int]:
    events = [item for item in items if isinstance(item, Broadcast)]
    return [each.number.offset for each in events if each.number is not None]


def placed(position: int = 0) -> Feed:
    feed = Feed()
    feed.place(position)
    return feed


def test_events_in_order_pass_at_once() -> None:
    feed = placed(5)
    assert [offsets(feed.take(numbered(offset))) for offset in (6, 7, 8)] == [[6], [7], [8]]
    assert not feed.has_gap()


def test_an_event_that_comes_early_waits_for_its_predecessors() -> None:
    feed = placed()
    assert feed.take(numbered(3)) == []
    assert feed.has_gap()
    assert feed.take(numbered(2)) == []
    assert offsets(feed.take(numbered(1))) == [1, 2, 3]
    assert not feed.has_gap()


def test_doubles_and_late_ones_are_left_out() -> None:
    feed = placed(5)
    assert offsets(feed.take(numbered(6))) == [6]
    assert feed.take(numbered(6)) == []
    assert feed.take(numbered(3)) == []
    assert not feed.has_gap()


def test_an_unplaced_feed_keeps_everything_until_it_is_placed() -> None:
    feed = Feed()
    for offset in (4, 6, 5, 8):
        assert feed.take(numbered(offset)) == []
    assert not feed.has_gap()
    assert offsets(feed.place(4)) == [5, 6]
    assert feed.has_gap()
    assert feed.place(100) == []
    assert feed.position == 6


def test_events_without_a_number_pass() -> None:
    plain = event()
    assert Feed().take(plain) == [plain]


def test_a_new_epoch_counts_from_the_beginning() -> None:
    feed = placed(7)
    feed.take(numbered(9))
    assert feed.take(numbered(2, epoch="two")) == []
    assert offsets(feed.take(numbered(1, epoch="two"))) == [1, 2]
    assert feed.epoch == "two"
    assert not feed.has_gap()


def test_a_filled_gap_lets_the_early_ones_follow() -> None:
    feed = placed()
    feed.take(numbered(4))
    assert offsets(feed.fill(3, [numbered(1), numbered(2), numbered(3)])) == [1, 2, 3, 4]
    assert not feed.has_gap()


def test_what_is_gone_for_good_is_skipped() -> None:
    feed = placed()
    feed.take(numbered(4))
    assert offsets(feed.fill(4, [numbered(2)])) == [2, 4]
    assert feed.take(numbered(3)) == []


def test_what_is_gone_for_good_is_told_in_its_place() -> None:
    feed = placed()
    feed.take(numbered(6))
    third, sixth = numbered(3), feed._early[6]
    assert feed.fill(5, [third]) == [Lost(1, 2), third, Lost(4, 5), sixth]


def test_the_last_offset_as_stored_shows_a_gap_that_nothing_came_after() -> None:
    feed = placed(5)
    feed.learn(Number("one", 5))
    assert not feed.has_gap()
    feed.learn(Number("one", 7))
    assert feed.has_gap()
    assert offsets(feed.take(numbered(6))) == [6]
    assert offsets(feed.take(numbered(7))) == [7]
    assert not feed.has_gap()


def test_a_room_made_anew_is_known_by_its_last_offset_too() -> None:
    feed = placed(5)
    feed.take(numbered(6))
    feed.learn(Number("two", 1))
    assert (feed.epoch, feed.position, feed.has_gap()) == ("two", 0, True)


def test_an_unplaced_feed_learns_nothing_from_what_is_stored() -> None:
    feed = Feed()
    feed.learn(Number("one", 7))
    assert (feed.position, feed.highest) == (None, 0)


def test_an_early_one_that_was_pruned_since_is_delivered_all_the_same() -> None:
    feed = placed()
    feed.take(numbered(2))
    feed.take(numbered(4))
    assert offsets(feed.fill(4, [numbered(3)])) == [2, 3, 4]


def test_too_many_early_ones_are_read_again_instead_of_kept() -> None:
    feed = placed()
    for offset in range(2, MAX_EARLY + 10):
        assert feed.take(numbered(offset)) == []
    assert feed.highest == MAX_EARLY + 9
    assert offsets(feed.take(numbered(1))) == list(range(1, MAX_EARLY + 2))
    assert feed.has_gap()


@given(st.lists(st.integers(1, 12), max_size=40), st.randoms(use_true_random=False))
def test_any_arrival_order_delivers_each_offset_once_and_in_order(
    doubles: list[int], chance: random.Random
) -> None:
    arriving = [*range(1, 13), *doubles]
    chance.shuffle(arriving)
    feed = placed()
    delivered = [each for offset in arriving for each in offsets(feed.take(numbered(offset)))]
    assert delivered == list(range(1, 13))


@given(
    st.lists(st.integers(1, 12), max_size=30),
    st.integers(0, 12),
    st.lists(st.booleans(), min_size=30, max_size=30),
)
def test_losses_that_are_read_again_leave_no_offset_out(
    arriving: list[int], start: int, fills: list[bool]
) -> None:
    feed = placed(start)
    delivered: list[int] = []
    for offset, fills_now in zip(arriving, fills, strict=False):
        delivered += offsets(feed.take(numbered(offset)))
        if fills_now and feed.has_gap() and feed.position is not None:
            missing = [numbered(at) for at in range(feed.position + 1, feed.highest + 1)]
            delivered += offsets(feed.fill(feed.highest, missing))
    assert delivered == list(range(start + 1, start + 1 + len(delivered)))
