// @ts-check
/** The state of the connection, always in sight: in words, with a way to hurry it. */

import { part, partAs, setText, show } from "./dom.js";
import { loginUrl, page } from "./page.js";
import { countText, text } from "./texts.js";

const SAY_AFTER_MS = 5_000;
const CAUGHT_UP_MS = 6_000;

export class Chip {
  #timer = 0;
  #sayTimer = 0;
  #hasBeenLive = false;
  #wasSaid = false;

  /** @param {HTMLElement} root
   * @param {import("./socket.js").Link} link
   * @param {(words: string) => void} say */
  constructor(root, link, say) {
    this.root = part(root, "chip");
    this.words = part(root, "chip-text");
    this.tryNow = partAs(root, "try-now", HTMLButtonElement);
    this.signIn = partAs(root, "chip-sign-in", HTMLAnchorElement);
    this.link = link;
    this.say = say;
    this.signIn.href = loginUrl();
    this.tryNow.addEventListener("click", () => link.tryNow());
    link.addEventListener("connection", () => this.#changed());
    this.#render();
  }

  /** Say for a while what a reconnect brought.
   * @param {number} count */
  caughtUp(count) {
    if (count === 0 || !this.link.isLive) return;
    const words = countText("caught_up", count);
    setText(this.words, words);
    this.say(words);
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#render(), CAUGHT_UP_MS);
  }

  #changed() {
    window.clearTimeout(this.#timer);
    this.#render();
    if (!this.link.isLive) return this.#sayLater();
    window.clearTimeout(this.#sayTimer);
    this.#sayTimer = 0;
    if (this.#wasSaid) this.say(text("chip.live_again"));
    this.#hasBeenLive = true;
    this.#wasSaid = false;
  }

  /** A loss is read out only when it lasts. */
  #sayLater() {
    if (this.#sayTimer || !this.#hasBeenLive) return;
    this.#sayTimer = window.setTimeout(() => {
      this.#wasSaid = true;
      this.say(this.#text());
    }, SAY_AFTER_MS);
  }

  #render() {
    const { connection } = this.link;
    this.root.dataset.phase = connection.phase;
    setText(this.words, this.#text());
    show(this.tryNow, ["waiting", "offline", "refused"].includes(connection.phase));
    show(this.signIn, connection.phase === "signed_out" && page.user !== null);
    if (connection.phase === "waiting") {
      this.#timer = window.setTimeout(() => this.#render(), 250);
    }
  }

  #text() {
    const { connection } = this.link;
    if (connection.phase === "waiting") {
      const seconds = Math.max(0, Math.ceil((connection.until - Date.now()) / 1_000));
      return countText("chip.waiting", seconds);
    }
    if (connection.phase === "connecting" && this.#hasBeenLive) return text("chip.reconnecting");
    return text(`chip.${connection.phase}`);
  }
}
