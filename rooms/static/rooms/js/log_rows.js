// @ts-check
/** From a room's timeline to the rows of its log: days, groups, gaps. Pure, apart from the zone that
 * days are counted in.
 *
 * @typedef {import("./timeline.js").Timeline} Timeline
 * @typedef {import("./timeline.js").Outgoing} Outgoing
 * @typedef {import("./shapes.js").Message} Message
 * @typedef {{type: "day", key: string, at: Date}} DayRow
 * @typedef {{type: "gap", key: string, after: number, before: number, isLost: boolean}} GapRow
 * @typedef {{type: "message", key: string, message: Message, isGrouped: boolean,
 *            outgoing: Outgoing | null}} MessageRow
 * @typedef {{type: "presence", key: string, joined: string[], left: string[], at: string}} PresenceRow
 * @typedef {{type: "note", key: string, note: "away" | "remade"}} NoteRow
 * @typedef {{type: "unread", key: string}} UnreadRow
 * @typedef {DayRow | GapRow | MessageRow | PresenceRow | NoteRow | UnreadRow} Row
 */

import { dayKey } from "./clock.js";

const GROUP_MS = 5 * 60_000;

/** @param {Timeline} timeline
 * @param {import("./shapes.js").User | null} me
 * @param {string | number | null} unreadFrom  the message before which the unread line stands, by id
 * @returns {Row[]} */
export function logRows(timeline, me, unreadFrom) {
  /** @type {Row[]} */
  const rows = [];
  /** @type {Message | null} */
  let previous = null;
  /** @type {Message | null} */
  let above = null;
  let day = "";
  /** @param {string | undefined} at */
  const begin = (at) => {
    // A removed message and a note have no time: the day goes on.
    if (!at || dayKey(new Date(at)) === day) return;
    day = dayKey(new Date(at));
    rows.push({ type: "day", key: `day ${day}`, at: new Date(at) });
    above = null;
  };
  for (const { entry, outgoing } of lines(timeline, me)) {
    if (entry.kind !== "message") {
      if (entry.kind === "presence") begin(entry.at);
      rows.push(lineRow(entry));
      above = null;
      continue;
    }
    const { message, key } = entry;
    const gap = previous && gapBetween(previous, message, timeline.lost);
    if (gap) rows.push(gap);
    begin(message.at);
    if (message.id === unreadFrom) {
      rows.push({ type: "unread", key: "unread" });
      above = null;
    }
    const isGrouped = !gap && above !== null && belongTogether(above, message);
    rows.push({ type: "message", key, message, isGrouped, outgoing });
    previous = message;
    above = message;
  }
  return unique(rows);
}

/** @param {Timeline} timeline @param {import("./shapes.js").User | null} me */
function* lines(timeline, me) {
  for (const entry of timeline.entries) yield { entry, outgoing: null };
  for (const outgoing of timeline.outgoing) {
    const { nonce, text, at } = outgoing;
    const message = { id: nonce, room: "", offset: null, user: me, text, at, nonce };
    const key = `nonce ${nonce} ${me?.id}`;
    yield { entry: { kind: /** @type {const} */ ("message"), key, message }, outgoing };
  }
}

/** @param {import("./timeline.js").PresenceEntry | import("./timeline.js").NoteEntry} entry
 * @returns {PresenceRow | NoteRow} */
const lineRow = (entry) =>
  entry.kind === "presence" ? { ...entry, type: "presence" } : { ...entry, type: "note" };

/** @param {Message} previous @param {Message} message @param {Set<number>} lost
 * @returns {GapRow | null} */
function gapBetween({ offset: after }, { offset: before }, lost) {
  if (after === null || before === null || before <= after + 1) return null;
  return { type: "gap", key: `gap ${after}`, after, before, isLost: lost.has(after) };
}

/** @param {Message} above @param {Message} message */
function belongTogether(above, message) {
  if (above.removed || message.removed || !above.user || !message.user) return false;
  const apart_ms = Date.parse(message.at ?? "") - Date.parse(above.at ?? "");
  return above.user.id !== null && above.user.id === message.user.id && apart_ms < GROUP_MS;
}

/** A clock that was set back may show one day twice; a key must not come twice.
 * @param {Row[]} rows */
function unique(rows) {
  const seen = new Set();
  return rows.filter(({ key }) => !seen.has(key) && seen.add(key));
}
