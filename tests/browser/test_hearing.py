"""What is said aloud by the page, and what a room's page knows by itself: modules on their own."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.parts import enter, log, message, say

# What the live region has said, one entry for each time.
LISTEN = """() => {
  const region = document.querySelector("[data-part=live-region]");
  globalThis.heard = [];
  new MutationObserver(() => globalThis.heard.push(region.textContent)).observe(
    region, { childList: true, characterData: true, subtree: true });
}"""
ROOM = """
async (steps) => {
  const { Room } = await import("/static/rooms/js/room.js");
  const asked = [];
  const answers = {
    joinRoom: {
      ok: true, room: "r", members: 1, role: null, epoch: "e", offset: 0, messages: [],
      more: false, recovered: false,
    },
    members: { ok: true, members: [], count: 0 },
    rights: {
      ok: true, room: "r", role: null, rank: 0, moderates: false, roles: [], slow_mode_s: 0,
      refusal: null,
    },
  };
  const link = Object.assign(new EventTarget(), {
    isLive: true,
    ask: async (event, argument) => {
      asked.push(event);
      return structuredClone(answers[event]) ?? { ok: false, code: "busy", message: "" };
    },
  });
  const room = new Room("r", link, () => ({ id: "1", name: "alice" }));
  const message = (offset, text, id) =>
    ({ id: `m${offset}`, room: "r", offset, user: { id, name: id }, text, at: "2026-01-01" });
  await room.join();
  const does = {
    hear: (offset, text, id = "2") => room.hearMessage(message(offset, text, id)),
    watch: () => Object.assign(room, { isWatched: true }),
    read: () => room.markRead(),
    members: (count) => room.hearMembersChanged(count),
    type: (id) => room.hearTyping({ id, name: id }),
    muted: (ms) => {
      const until = new Date(Date.now() + ms).toISOString();
      answers.rights.refusal = { ok: false, code: "muted", message: "", until };
      return room.readRights().then(() => { answers.rights.refusal = null; });
    },
    await: () => new Promise((resolve) => room.addEventListener("change", resolve, { once: true })),
  };
  for (const [name, ...values] of steps) await does[name](...values);
  const { unread, mentions, unreadFrom, count, rights } = room;
  return { unread, mentions, unreadFrom, count, refusal: rights?.refusal ?? null, asked,
    typing: [...room.typing.values()].map(({ name }) => name) };
}
"""


@pytest.fixture
def after(page: Page) -> Any:
    page.goto("/place/")
    return lambda *steps: page.evaluate(ROOM, list(steps))


def test_history_is_not_read_out_and_news_come_gathered(alice: Page, bob: Page) -> None:
    enter(bob, "/place/a%2Fb/")
    for number in range(3):
        say(bob, f"before {number}")
    expect(message(bob, "before 2")).to_have_attribute("data-state", "sent")
    enter(alice, "/place/long/")
    alice.evaluate(LISTEN)
    alice.get_by_role("link", name="a/b").click()
    expect(log(alice)).to_contain_text("before 2")
    for number in range(3):
        say(bob, f"after {number}")
    expect(alice.get_by_role("status")).to_contain_text("bob: after 2")
    heard = " | ".join(alice.evaluate("globalThis.heard"))
    assert "before" not in heard
    for number in range(3):
        assert heard.count(f"bob: after {number}") == 1


def test_messages_of_others_are_counted_until_somebody_looks(after: Any) -> None:
    room = after(["hear", 1, "hello"], ["hear", 2, "@Alice, look"], ["hear", 3, "mine", "1"])
    assert (room["unread"], room["mentions"], room["unreadFrom"]) == (2, 1, "m1")
    room = after(["hear", 1, "hello"], ["watch"], ["read"], ["hear", 2, "again"])
    assert (room["unread"], room["unreadFrom"]) == (1, "m1")
    room = after(["watch"], ["hear", 1, "hello"], ["read"])
    assert (room["unread"], room["unreadFrom"]) == (0, None)


def test_a_large_room_tells_numbers_and_reads_its_members_in_time(after: Any) -> None:
    room = after(["members", 1_200], ["members", 1_201])
    assert room["count"] == 1_201
    assert room["asked"].count("members") == 1


def test_a_mute_that_is_over_is_asked_about_again(after: Any) -> None:
    assert after(["muted", 60_000])["refusal"]["code"] == "muted"
    room = after(["muted", 50], ["await"])
    assert room["refusal"] is None


def test_whoever_types_is_known_by_name_and_no_longer_once_they_have_written(after: Any) -> None:
    assert after(["type", "2"], ["type", "3"], ["type", "2"])["typing"] == ["2", "3"]
    assert after(["type", "2"], ["type", "3"], ["hear", 1, "hm", "2"])["typing"] == ["3"]
    assert after(["type", "1"])["typing"] == []
