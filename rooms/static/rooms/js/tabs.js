// @ts-check
/** The tabs of one browser, in step: what one of them learns is told to the others. Words travel by
 * a channel of the browser's own, and only to tabs of the same person.
 *
 * @typedef {{kind: "here", user: string | null}
 *   | {kind: "hello", place: string}
 *   | {kind: "draft", place: string, room: string, text: string}
 *   | {kind: "read", place: string, room: string, offset: number | null}} Word
 */

const channel = "BroadcastChannel" in window ? new BroadcastChannel("roomkey") : null;

/** The id of the user that this page was made for; null for a guest, and where nobody was asked. */
const user = document.body.dataset.user || null;

/** Tell the other tabs.
 * @param {Word} word */
export const tell = (word) => channel?.postMessage({ ...word, from: user });

/** Hear what other tabs of the same person tell; and of any other, who they are.
 * @param {(word: Word) => void} handle */
export function hear(handle) {
  channel?.addEventListener("message", ({ data }) => {
    if (data.from === user || data.kind === "here") handle(data);
  });
}

// A page whose bar says who looks: signing in and out, wherever it is done, ends on one.
if (document.body.dataset.user !== undefined) tell({ kind: "here", user });
