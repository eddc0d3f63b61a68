// @ts-check
/** The page's one live region: what a screen reader hears, gathered so that it can keep up. */

const GATHER_MS = 1_000;
const MOST_LINES = 5;

export class Announcer {
  /** @type {string[]} */
  #lines = [];
  #timer = 0;

  /** @param {HTMLElement} region */
  constructor(region) {
    this.region = region;
  }

  /** @param {string} words */
  say(words) {
    this.#lines.push(words);
    if (this.#timer) return;
    this.#timer = window.setTimeout(() => {
      this.#timer = 0;
      // Of a flood only the end is of use: what is read out minutes late helps nobody.
      this.region.textContent = this.#lines.slice(-MOST_LINES).join("\n");
      this.#lines = [];
    }, GATHER_MS);
  }
}
