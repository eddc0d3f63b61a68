from realtime.adapters import counts
from realtime.adapters.counts import TOLD_FOR_S, HeardCounts, SentCounts


def heard(*taken: int) -> HeardCounts:
    found = HeardCounts()
    for count in taken:
        found.take("room", "p", count)
    return found


def test_events_are_counted_for_each_group() -> None:
    sent = SentCounts()
    assert [sent.next("a", 0), sent.next("b", 0), sent.next("a", 0)] == [1, 1, 2]
    assert sent.of(["a", "c"]) == {"a": 2}


def test_a_count_is_told_for_a_while_after_it_has_changed() -> None:
    sent = SentCounts()
    sent.next("a", 0)
    sent.next("b", 3)
    assert sent.lately(TOLD_FOR_S - 1) == {"a": 1, "b": 1}
    assert sent.lately(TOLD_FOR_S) == {"b": 1}
    sent.tell_again(50)
    assert sent.lately(51) == {"b": 1}
    assert sent.of(["a"]) == {"a": 1}


def test_counts_are_bounded(monkeypatch: object) -> None:
    sent = SentCounts()
    for number in range(counts.MAX_GROUPS + 10):
        sent.next(str(number), 0)
    sent.next("10", 0)
    assert len(sent._counts) == len(sent._changed_at) == counts.MAX_GROUPS
    assert sent.of(["9", "10", "11"]) == {"10": 2, "11": 1}


def test_a_count_left_out_is_a_loss_and_the_first_is_none() -> None:
    found = HeardCounts()
    taken = [5, 6, 7, 9, 10]
    assert [found.take("room", "p", count) for count in taken] == [False] * 3 + [True, False]
    assert not found.take("other room", "p", 3)
    assert not found.take("room", "other process", 3)


def test_a_late_or_doubled_event_is_no_loss_and_sets_nothing_back() -> None:
    found = heard(5, 7)
    assert not found.take("room", "p", 6)
    assert not found.take("room", "p", 7)
    assert not found.take("room", "p", 8)


def test_a_process_that_begins_to_count_anew_is_believed() -> None:
    found = heard(5_000)
    assert not found.take("room", "p", 1)
    assert not found.take("room", "p", 2)


def test_what_a_process_says_that_it_has_sent_shows_what_nothing_came_after() -> None:
    found = heard(5)
    assert not found.is_behind("room", "p", 5)
    assert found.is_behind("room", "p", 6)
    found.take("room", "p", 6)
    assert not found.is_behind("room", "p", 6)


def test_what_was_sent_before_anybody_cared_is_not_missing() -> None:
    found = HeardCounts()
    assert found.begin("room")
    assert not found.begin("room")
    assert not found.is_behind("room", "p", 40)
    assert found.is_behind("room", "p", 41)


def test_a_process_is_forgotten_where_it_was_heard() -> None:
    found = heard(5)
    found.begin("silent room")
    assert found.forget_process("p") == ["room"]
    assert found.forget_process("p") == []
    found.take("room", "p", 9)
    found.forget_group("room")
    assert not found.take("room", "p", 12)
