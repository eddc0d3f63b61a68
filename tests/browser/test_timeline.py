"""What a room's page shows, whatever order it hears things in: the module by itself."""

from typing import Any

import pytest
from playwright.sync_api import Page

SETUP = """
async (steps) => {
  const { Timeline } = await import("/static/rooms/js/timeline.js");
  const { logRows } = await import("/static/rooms/js/log_rows.js");
  const timeline = new Timeline();
  const message = (offset, more) => ({ id: `m${offset}`, room: "r", offset, text: "", ...more });
  const joined = (offsets, more) => ({
    ok: true, epoch: "one", offset: offsets.at(-1) ?? 0, recovered: false, more: false,
    messages: offsets.map((offset) => message(offset)), ...more,
  });
  const does = {
    join: (offsets, more) => timeline.join(joined(offsets, more)),
    hear: (...offsets) => timeline.addPage(offsets.map((offset) => message(offset))),
    remove: (offset) => timeline.remove(offset),
    trim: (most) => timeline.trim(most),
    skip: () => timeline.skipHoles(),
    came: (name, at = "2026-03-01T12:00:00.000Z") => timeline.presence(name, true, at),
    went: (name, at = "2026-03-01T12:00:00.000Z") => timeline.presence(name, false, at),
    say: (offset, at) => timeline.addPage([message(offset, { at })]),
  };
  const answers = steps.map(([name, ...values]) => does[name](...values) ?? null);
  const shown = timeline.entries.map((entry) => ({
    message: () => (entry.message.removed ? "removed" : entry.message.offset),
    presence: () => `+${entry.joined} -${entry.left}`,
    note: () => entry.note,
  }[entry.kind]()));
  const { seen, hasOlder, lost } = timeline;
  const rows = logRows(timeline, null, null).map(({ type }) => type);
  return { answers, shown, rows, seen, hasOlder, lost: [...lost], hole: timeline.hole() };
}
"""


@pytest.fixture
def after(page: Page) -> Any:
    page.goto("/")
    return lambda *steps: page.evaluate(SETUP, list(steps))


def test_messages_stand_in_offset_order_each_once(after: Any) -> None:
    timeline = after(["join", [1, 2]], ["hear", 5, 3], ["hear", 4], ["hear", 3, 4])
    assert timeline["shown"] == [1, 2, 3, 4, 5]
    assert timeline["answers"] == [2, 2, 1, 0]
    assert timeline["seen"] == 5


def test_a_hole_is_named_until_it_is_filled(after: Any) -> None:
    assert after(["join", [1, 2]], ["hear", 6])["hole"] == {"after": 2, "before": 6}
    assert after(["join", [1, 2]], ["hear", 6], ["hear", 3, 4, 5])["hole"] is None


def test_a_hole_that_is_given_up_is_not_asked_for_again(after: Any) -> None:
    timeline = after(["join", [1]], ["hear", 9], ["skip"])
    assert timeline["hole"] is None
    assert timeline["seen"] == 9


def test_a_first_join_says_whether_there_is_more_before_it(after: Any) -> None:
    assert after(["join", [41, 42], {"more": True}])["hasOlder"]
    assert not after(["join", [1, 2]])["hasOlder"]


def test_coming_back_adds_what_was_missed(after: Any) -> None:
    timeline = after(["join", [1, 2]], ["join", [3, 4], {"recovered": True}])
    assert timeline["shown"] == [1, 2, 3, 4]
    assert timeline["answers"] == [2, 2]
    assert not timeline["hasOlder"]


def test_what_is_not_kept_any_more_is_lost_and_not_asked_for(after: Any) -> None:
    timeline = after(["join", [1, 2]], ["join", [8, 9]])
    assert timeline["shown"] == [1, 2, 8, 9]
    assert timeline["lost"] == [2]
    assert timeline["hole"] is None


def test_a_room_made_anew_begins_anew(after: Any) -> None:
    timeline = after(["join", [7, 8]], ["join", [1], {"epoch": "two"}], ["hear", 2])
    assert timeline["shown"] == ["remade", 1, 2]
    assert timeline["seen"] == 2


def test_without_history_a_return_says_that_something_may_be_missing(after: Any) -> None:
    nothing = {"epoch": None, "offset": None}
    timeline = after(["join", [], nothing], ["join", [], nothing])
    assert timeline["shown"] == ["away"]


def test_a_removed_message_keeps_its_place(after: Any) -> None:
    assert after(["join", [1, 2, 3]], ["remove", 2])["shown"] == [1, "removed", 3]


def test_neighbouring_arrivals_and_departures_are_one_line(after: Any) -> None:
    timeline = after(
        ["join", [1]],
        ["came", "bob"],
        ["came", "eve"],
        ["went", "bob"],
        ["hear", 2],
        ["went", "eve"],
    )
    assert timeline["shown"] == [1, "+eve -bob", 2, "+ -eve"]


def test_each_day_begins_above_whatever_happened_on_it(after: Any) -> None:
    first, next_day = "2026-03-01T12:00:00.000Z", "2026-03-02T12:00:00.000Z"
    timeline = after(["join", []], ["came", "bob", first], ["say", 1, first])
    assert timeline["rows"] == ["day", "presence", "message"]
    timeline = after(["say", 1, first], ["came", "bob", next_day], ["say", 2, next_day])
    assert timeline["rows"] == ["day", "message", "day", "presence", "message"]


def test_a_forgotten_beginning_leaves_no_line_above_what_is_read_again(after: Any) -> None:
    timeline = after(["join", [1, 2]], ["came", "bob"], ["hear", 3, 4], ["trim", 3])
    assert timeline["shown"] == [3, 4]


def test_a_long_log_forgets_its_beginning_and_can_read_it_again(after: Any) -> None:
    timeline = after(["join", [1, 2, 3, 4]], ["trim", 2], ["hear", 5], ["hear", 2])
    assert timeline["shown"] == [2, 3, 4, 5]
    assert timeline["hasOlder"]
    assert timeline["hole"] is None
