// @ts-check
/** What is kept for a person across reloads. In this tab, and gone with it: the text being typed,
 * messages that have not been acknowledged yet, the rooms that are joined, an invitation. In this
 * browser: how far each room has been read, and choices about the page. */

import { page, roomUrl } from "./page.js";
import { tell } from "./tabs.js";

/** @typedef {import("./timeline.js").Outgoing} Outgoing
 * @typedef {{epoch: string, offset: number}} ReadPosition */

const owner = page.user?.id ?? "guest";

/** @param {string} kind @param {string} [room] */
const keyOf = (kind, room = "") => `roomkey ${kind} ${owner} ${page.namespace.path} ${room}`;

/** The unfinished text of a room, or "".
 * @param {string} room
 * @returns {string} */
export const draftOf = (room) => read("sessionStorage", keyOf("draft", room)) ?? "";

/** Keep an unfinished text, and tell the other tabs of it.
 * @param {string} room @param {string} text */
export function keepDraft(room, text) {
  takeDraft(room, text);
  tell({ kind: "draft", place: page.namespace.path, room, text });
}

/** Keep an unfinished text that another tab has told.
 * @param {string} room @param {string} text */
export const takeDraft = (room, text) =>
  write("sessionStorage", keyOf("draft", room), text || null);

/** Every unfinished text of this namespace, by room.
 * @returns {[string, string][]} */
export function allDrafts() {
  const start = keyOf("draft");
  return keysOf("sessionStorage")
    .filter((key) => key.startsWith(start))
    .map((key) => [key.slice(start.length), read("sessionStorage", key) ?? ""]);
}

/** The messages of a room that were on their way when the page went.
 * @param {string} room
 * @returns {Outgoing[]} */
export const outgoingOf = (room) => readList("sessionStorage", keyOf("outgoing", room));

/** @param {string} room @param {Outgoing[]} outgoing */
export const keepOutgoing = (room, outgoing) =>
  writeList("sessionStorage", keyOf("outgoing", room), outgoing);

/** The rooms that this tab was in.
 * @returns {string[]} */
export const joinedRooms = () => readList("sessionStorage", keyOf("joined"));

/** @param {string[]} names */
export const keepJoinedRooms = (names) => writeList("sessionStorage", keyOf("joined"), names);

/** How far a room has been read in this browser.
 * @param {string} room
 * @returns {ReadPosition | null} */
export const readPositionOf = (room) => readList("localStorage", keyOf("read", room))[0] ?? null;

/** @param {string} room @param {ReadPosition} position */
export const keepReadPosition = (room, position) =>
  writeList("localStorage", keyOf("read", room), [position]);

/** The invitation that brought this tab here; `invitation.js` has put it away.
 * @param {string} room
 * @returns {string | null} */
export const invitationOf = (room) =>
  read("sessionStorage", invitationKey(room)) ??
  (room === page.room ? new URLSearchParams(window.location.search).get("invite") : null);

/** @param {string} room */
export const forgetInvitation = (room) => write("sessionStorage", invitationKey(room), null);

/** A choice about the page that this browser keeps for everybody.
 * @param {string} name
 * @returns {string | null} */
export const choiceOf = (name) => read("localStorage", `roomkey ${name}`);

/** @param {string} name @param {string | null} value */
export const keepChoice = (name, value) => write("localStorage", `roomkey ${name}`, value);

/** @param {string} room */
const invitationKey = (room) => `roomkey invitation ${decodeURIComponent(roomUrl(room))}`;

/** @typedef {"localStorage" | "sessionStorage"} Where */

/** @param {Where} where @param {string} key @returns {any[]} */
function readList(where, key) {
  try {
    const kept = JSON.parse(read(where, key) ?? "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

/** @param {Where} where @param {string} key @param {unknown[]} list */
const writeList = (where, key, list) =>
  write(where, key, list.length ? JSON.stringify(list) : null);

/** Storage may be forbidden or full: then the page works, and forgets when it is reloaded.
 * @param {Where} where @param {string} key @returns {string | null} */
function read(where, key) {
  try {
    return window[where].getItem(key);
  } catch {
    return null;
  }
}

/** @param {Where} where @param {string} key @param {string | null} value */
function write(where, key, value) {
  try {
    if (value === null) window[where].removeItem(key);
    else window[where].setItem(key, value);
  } catch {
    // See `read`.
  }
}

/** @param {Where} where @returns {string[]} */
function keysOf(where) {
  try {
    return Object.keys(window[where]);
  } catch {
    return [];
  }
}
