// @ts-check
/** What the first sight of the page does without is made later, and once. */

/** Make something when it is first asked for, and again if that failed.
 * @template T
 * @param {() => Promise<T>} make
 * @returns {() => Promise<T>} */
export function once(make) {
  /** @type {Promise<T> | null} */
  let made = null;
  return () => {
    made ??= make().catch((error) => {
      made = null;
      throw error;
    });
    return made;
  };
}

/** The first sight of the page does without some things; the first sign of a person fetches them, so
 * that they are there when they are asked for, with or without a network by then.
 * @param {() => Promise<unknown>} make */
export function fetchEarly(make) {
  for (const sign of ["pointermove", "pointerdown", "keydown"]) {
    document.addEventListener(sign, () => void make().catch(() => undefined), { once: true });
  }
}
