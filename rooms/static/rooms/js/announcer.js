// @ts-check
/** The page's one live region: what a screen reader hears, gathered so that it can keep up. */

const GATHER_MS = 1_000;
const MOST_LINES = 5;

/** How long a region has to be in its place before what changes in it is read out. */
const SETTLE_MS = 200;

export class Announcer {
  /** @type {string[]} */
  #lines = [];
  #timer = 0;

  /** @param {HTMLElement} region */
  constructor(region) {
    this.region = region;
    this.home = region.parentElement ?? document.body;
  }

  /** @param {string} words */
  say(words) {
    this.#lines.push(words);
    this.#settle();
    this.#timer ||= window.setTimeout(() => this.#speak(), GATHER_MS);
  }

  #speak() {
    // A dialog opened or closed meanwhile.
    if (this.#settle()) {
      this.#timer = window.setTimeout(() => this.#speak(), SETTLE_MS);
      return;
    }
    this.#timer = 0;
    // Of a flood only the end is of use: what is read out minutes late helps nobody.
    this.region.textContent = this.#lines.slice(-MOST_LINES).join("\n");
    this.#lines = [];
  }

  /** Go into the dialog that lies over the page: what lies under it is heard by nobody.
   * @returns {boolean} whether the region was elsewhere */
  #settle() {
    const place = document.querySelector("dialog:modal") ?? this.home;
    if (this.region.parentElement === place) return false;
    this.region.textContent = "";
    place.append(this.region);
    return true;
  }
}
