// @ts-check
/** The state of the connection, always in sight: in words, with a way to hurry it. */

import { part, partAs, setText, show } from "./dom.js";
import { loginUrl, page } from "./page.js";
import { countText, text } from "./texts.js";

const SAY_AFTER_MS = 5_000;
const CAUGHT_UP_MS = 6_000;
/** Every connection begins by polling; one that still polls after this long has no better way. */
const POLLS_AFTER_MS = 3_000;
const TICK_MS = 250;

export class Chip {
  #timer = 0;
  #sayTimer = 0;
  #pollTimer = 0;
  #hasBeenLive = false;
  #wasSaid = false;
  #isPolling = false;

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
    link.addEventListener("transport", () => this.#travels());
    this.#render();
  }

  /** Say for a while what a reconnect brought.
   * @param {number} count */
  caughtUp(count) {
    if (count === 0 || !this.link.isLive) return;
    const words = countText("caught_up", count);
    setText(this.words, words);
    this.root.toggleAttribute("data-news", true);
    this.say(words);
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#render(), CAUGHT_UP_MS);
  }

  #changed() {
    window.clearTimeout(this.#timer);
    window.clearTimeout(this.#pollTimer);
    this.#isPolling = false;
    this.#render();
    if (!this.link.isLive) return this.#sayLater();
    this.#pollTimer = window.setTimeout(() => this.#travels(), POLLS_AFTER_MS);
    window.clearTimeout(this.#sayTimer);
    this.#sayTimer = 0;
    if (this.#wasSaid) this.say(text("chip.live_again"));
    this.#hasBeenLive = true;
    this.#wasSaid = false;
  }

  /** How packets travel is known by now, or has changed. */
  #travels() {
    const isPolling = this.link.isLive && this.link.transport === "polling";
    if (isPolling === this.#isPolling) return;
    this.#isPolling = isPolling;
    this.#render();
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
    this.root.removeAttribute("data-news");
    this.root.dataset.phase = this.#isPolling ? "polling" : connection.phase;
    this.root.toggleAttribute("data-again", this.#hasBeenLive || connection.attempt > 0);
    this.root.title = this.#isPolling ? text("chip.polling_why") : "";
    setText(this.words, this.#text());
    const canHurry = ["waiting", "offline", "refused"].includes(connection.phase);
    // A button that is about to go hands its focus on, so that the keyboard does not lose its place.
    if (!canHurry && document.activeElement === this.tryNow) this.root.focus();
    show(this.tryNow, canHurry);
    show(this.signIn, connection.phase === "signed_out" && page.user !== null);
    if (connection.phase === "waiting") {
      this.#timer = window.setTimeout(() => this.#render(), TICK_MS);
    }
  }

  #text() {
    const { connection } = this.link;
    if (connection.phase === "waiting") {
      const seconds = Math.max(0, Math.ceil((connection.until - Date.now()) / 1_000));
      return countText("chip.waiting", seconds);
    }
    if (connection.phase === "connecting" && this.#hasBeenLive) return text("chip.reconnecting");
    return text(this.#isPolling ? "chip.polling" : `chip.${connection.phase}`);
  }
}
