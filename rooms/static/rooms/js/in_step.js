// @ts-check
/** This page's share in keeping the tabs of one browser in step: drafts, what has been read, and
 * who is signed in. */

import { allDrafts, takeDraft } from "./kept.js";
import { page } from "./page.js";
import { hear, tell } from "./tabs.js";

const place = page.namespace.path;

/** @typedef {object} Handlers
 * @property {(room: string) => void} drafted  another tab has written this room's draft
 * @property {(room: string, offset: number | null) => void} read  another tab has read up to here
 * @property {() => void} changedPerson  another tab belongs to somebody else now */

/** Listen to the other tabs, and ask them for the drafts that they hold.
 * @param {Handlers} handlers */
export function keepInStep({ drafted, read, changedPerson }) {
  hear((word) => {
    if (word.kind === "here") return word.user === (page.user?.id ?? null) || changedPerson();
    if (word.place !== place) return undefined;
    if (word.kind === "hello") return tellDrafts();
    if (word.kind === "read") return read(word.room, word.offset);
    takeDraft(word.room, word.text);
    return drafted(word.room);
  });
  tell({ kind: "hello", place });
}

function tellDrafts() {
  for (const [room, text] of allDrafts()) tell({ kind: "draft", place, room, text });
}

/** @param {string} room @param {number | null} offset  null where no messages are kept */
export const tellRead = (room, offset) => tell({ kind: "read", place, room, offset });
