// @ts-check
/** Whether a text speaks to somebody: "@name", as a word of its own, in any case. */

/** @param {string | undefined} words
 * @param {string | undefined} name
 * @returns {boolean} */
export function speaksTo(words, name) {
  if (!words || !name) return false;
  const said = words.toLocaleLowerCase();
  const wanted = `@${name.toLocaleLowerCase()}`;
  for (let at = said.indexOf(wanted); at >= 0; at = said.indexOf(wanted, at + 1)) {
    if (!isWordy(said[at - 1]) && !isWordy(said[at + wanted.length])) return true;
  }
  return false;
}

/** @param {string | undefined} char */
const isWordy = (char) => char !== undefined && /[\p{L}\p{N}_]/u.test(char);
