// @ts-check
/** Reads JSON every few seconds while somebody looks: not in a hidden tab, one answer at a time;
 * and the bar that says as of when, holds still, and reads now. */

import { setAttribute, setText } from "./build.js";

/** A wait grows up to this many times the usual one while the server does not answer. */
const PATIENCE = 6;

/** @template T */
export class Poll {
  #timer = 0;
  #failures = 0;
  #isBusy = false;
  isPaused = false;

  /** @param {string} url
   * @param {number} every_s
   * @param {(data: T) => void} show
   * @param {(state: "live" | "stale" | "paused") => void} tell */
  constructor(url, every_s, show, tell) {
    this.url = url;
    this.every_ms = every_s * 1_000;
    this.show = show;
    this.tell = tell;
    document.addEventListener("visibilitychange", () => this.#wake());
    window.addEventListener("online", () => this.#wake());
    tell("live");
    this.#wait();
  }

  /** Read now. */
  async read() {
    if (this.#isBusy) return;
    this.#isBusy = true;
    window.clearTimeout(this.#timer);
    try {
      const answer = await fetch(this.url, {
        credentials: "same-origin",
        headers: { Accept: "application/json" },
        signal: AbortSignal.timeout(10_000),
      });
      // Whoever is signed out is sent to a page of HTML.
      if (!answer.ok || answer.redirected) throw new Error(`answered ${answer.status}`);
      this.show(await answer.json());
      this.#failures = 0;
      if (!this.isPaused) this.tell("live");
    } catch {
      this.#failures += 1;
      this.tell("stale");
    } finally {
      this.#isBusy = false;
      this.#wait();
    }
  }

  /** @param {boolean} isPaused */
  pause(isPaused) {
    this.isPaused = isPaused;
    window.clearTimeout(this.#timer);
    this.tell(isPaused ? "paused" : "live");
    if (!isPaused) this.read();
  }

  #wait() {
    window.clearTimeout(this.#timer);
    if (this.isPaused || document.hidden) return;
    const growth = Math.min(2 ** this.#failures, PATIENCE);
    this.#timer = window.setTimeout(() => this.read(), this.every_ms * growth);
  }

  /** Somebody looks again: what they see is old. */
  #wake() {
    window.clearTimeout(this.#timer);
    if (!this.isPaused && !document.hidden) this.read();
  }
}

/** Keep something up to date by the bar over it, whose attributes say from where and how often.
 * @template {{as_of: string, as_of_at: string}} T
 * @param {HTMLElement} bar
 * @param {(data: T) => void} show */
export function follow(bar, show) {
  const state = bar.querySelector("[data-state]");
  const asOf = bar.querySelector("[data-as-of]");
  const pause = bar.querySelector("[data-pause]");
  /** @type {Poll<T>} */
  const poll = new Poll(
    bar.dataset.follow ?? "",
    Number(bar.dataset.everyS),
    (data) => {
      setText(asOf, data.as_of);
      setAttribute(asOf, "datetime", data.as_of_at);
      show(data);
    },
    (now) => {
      if (!(state instanceof HTMLElement)) return;
      setText(state, state.dataset[now] ?? "");
      state.dataset.now = now;
    },
  );
  bar.querySelector("[data-refresh]")?.addEventListener("click", (event) => {
    event.preventDefault();
    poll.read();
  });
  if (!(pause instanceof HTMLButtonElement)) return;
  pause.hidden = false;
  pause.addEventListener("click", () => {
    poll.pause(!poll.isPaused);
    pause.setAttribute("aria-pressed", String(poll.isPaused));
  });
}
