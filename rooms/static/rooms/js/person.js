// @ts-check
/** How a person looks: a disc with an initial, in a colour that stays theirs. */

import { setText } from "./dom.js";

const TONES = 8;

/** Paint a person's disc.
 * @param {HTMLElement} element
 * @param {{id: string | null, name: string}} person */
export function paintAvatar(element, { id, name }) {
  const initial = [...name.trim()][0] ?? "?";
  setText(element, initial.toLocaleUpperCase());
  element.dataset.tone = String(hash(id ?? name) % TONES);
}

/** Whether an id is that of somebody who has not signed in.
 * @param {string | null | undefined} id
 * @returns {boolean} */
export const isGuest = (id) => id?.startsWith("guest:") ?? false;

/** @param {string} value */
function hash(value) {
  let sum = 7;
  for (const char of value) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 65_521;
  return sum;
}
