// @ts-check
/** Names in what people write: `@alice`. Pure. */

/** A name that somebody is called by in a text; names of guests may have spaces, so the reader's
 * own is looked for as it is. */
const SOMEBODY = String.raw`@[\p{L}\p{N}_][\p{L}\p{N}_.\-]*[\p{L}\p{N}_]|@[\p{L}\p{N}_]`;

/** @typedef {{index: number, text: string, isMine: boolean}} Mention */

/** The mentions in a text, in order.
 * @param {string} text
 * @param {{name: string} | null} me
 * @returns {Mention[]} */
export function mentionsIn(text, me) {
  if (!text.includes("@")) return [];
  const own = me ? `@${escape(me.name)}(?![\\p{L}\\p{N}_])|` : "";
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}_@.])(?:${own}${SOMEBODY})`, "giu");
  const wanted = me ? `@${me.name}`.toLocaleLowerCase() : "";
  return [...text.matchAll(pattern)].map((match) => ({
    index: match.index,
    text: match[0],
    isMine: me !== null && match[0].toLocaleLowerCase() === wanted,
  }));
}

/** Whether a text speaks to this person.
 * @param {string | undefined} text
 * @param {{name: string} | null} me
 * @returns {boolean} */
export const speaksTo = (text, me) => mentionsIn(text ?? "", me).some(({ isMine }) => isMine);

/** How to name somebody in a text.
 * @param {string} name
 * @returns {string} */
export const mentionOf = (name) => `@${name} `;

/** @param {string} text */
const escape = (text) => text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
