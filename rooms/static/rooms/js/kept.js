// @ts-check
/** What this tab keeps for a person across reloads: the text being typed, and messages that have
 * not been acknowledged yet. It goes when the tab is closed. */

import { page } from "./page.js";

/** @typedef {import("./timeline.js").Outgoing} Outgoing */

const owner = page.user?.id ?? "guest";

/** @param {string} kind @param {string} room */
const keyOf = (kind, room) => `roomkey ${kind} ${owner} ${page.namespace.path} ${room}`;

/** The unfinished text of a room, or "".
 * @param {string} room
 * @returns {string} */
export const draftOf = (room) => read(keyOf("draft", room)) ?? "";

/** @param {string} room @param {string} text */
export const keepDraft = (room, text) => write(keyOf("draft", room), text || null);

/** The messages of a room that were on their way when the page went.
 * @param {string} room
 * @returns {Outgoing[]} */
export function outgoingOf(room) {
  try {
    const kept = JSON.parse(read(keyOf("outgoing", room)) ?? "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

/** @param {string} room @param {Outgoing[]} outgoing */
export const keepOutgoing = (room, outgoing) =>
  write(keyOf("outgoing", room), outgoing.length ? JSON.stringify(outgoing) : null);

/** Storage may be forbidden or full: then the page works, and forgets when it is reloaded.
 * @param {string} key */
function read(key) {
  try {
    return window.sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

/** @param {string} key @param {string | null} value */
function write(key, value) {
  try {
    if (value === null) window.sessionStorage.removeItem(key);
    else window.sessionStorage.setItem(key, value);
  } catch {
    // See `read`.
  }
}
