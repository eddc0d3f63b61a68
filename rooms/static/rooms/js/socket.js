// @ts-check
/** The one place that creates sockets: one to this page's namespace, and its way back after a loss.
 *
 * The client's own reconnection is off, because a person wants to see when the next try comes and
 * to make it come now.
 *
 * @typedef {{phase: "connecting" | "live" | "offline" | "signed_out", attempt: number}
 *   | {phase: "waiting", attempt: number, until: number}
 *   | {phase: "refused", attempt: number, denial: import("./shapes.js").Denial}} Connection
 */

import { page } from "./page.js";
import { text } from "./texts.js";

const ANSWER_MS = 10_000;
const CONNECT_MS = 20_000;
const FIRST_DELAY_MS = 1_000;
const DELAY_GROWTH = 1.5;
const LONGEST_DELAY_MS = 20_000;
/** A connection that lasts this long is a good one: the next loss waits short again. */
const STEADY_MS = 5_000;

export class Link extends EventTarget {
  /** @type {Connection} */
  connection = { phase: "connecting", attempt: 0 };
  /** @type {import("socket.io-client").Socket | null} */
  #socket = null;
  #timer = 0;
  #attempt = 0;

  /** Load the official client and connect for the first time. */
  async open() {
    const { Manager } = await import(page.socket.client);
    // Events must not be sent twice, so nothing is buffered while away: `send` says no instead.
    const manager = new Manager(window.location.origin, {
      path: page.socket.path,
      transports: page.socket.transports,
      reconnection: false,
      timeout: CONNECT_MS,
      autoConnect: false,
    });
    const socket = manager.socket(page.namespace.path);
    this.#socket = socket;
    socket.on("connect", () => this.#live());
    socket.on("disconnect", () => this.#lost());
    socket.on("connect_error", (/** @type {any} */ error) => this.#failed(error));
    socket.onAny((/** @type {string} */ name, /** @type {any[]} */ ...args) => this.#hear(name, args));
    window.addEventListener("online", () => this.tryNow());
    window.addEventListener("offline", () => this.#goOffline());
    document.addEventListener("visibilitychange", () => this.#wake());
    socket.connect();
  }

  get isLive() {
    return this.connection.phase === "live";
  }

  /** Connect at once, instead of when the wait is over. */
  tryNow() {
    if (["live", "connecting", "signed_out"].includes(this.connection.phase)) return;
    window.clearTimeout(this.#timer);
    this.#become({ phase: "connecting", attempt: this.#attempt });
    this.#socket?.connect();
  }

  /** The person behind this page has gone: stay away until the page is loaded again. */
  signOut() {
    window.clearTimeout(this.#timer);
    this.#become({ phase: "signed_out", attempt: this.#attempt });
    this.#socket?.disconnect();
  }

  /** Send an event and await its answer; never rejects: silence and a lost connection are denials
   * with the codes `no_answer` and `away`, which only this page knows.
   * @template {{ok: true}} T
   * @param {string} event
   * @param {unknown} argument
   * @returns {Promise<T | import("./shapes.js").Denial>} */
  async ask(event, argument) {
    const socket = this.#socket;
    if (!socket || !this.isLive) return { ok: false, code: "away", message: text("away") };
    try {
      return await socket.timeout(ANSWER_MS).emitWithAck(event, argument);
    } catch {
      return this.isLive
        ? { ok: false, code: "no_answer", message: text("no_answer") }
        : { ok: false, code: "away", message: text("away") };
    }
  }

  /** @param {string} name @param {any[]} args */
  #hear(name, args) {
    this.dispatchEvent(new CustomEvent(`heard:${name}`, { detail: args }));
  }

  #live() {
    this.#become({ phase: "live", attempt: this.#attempt });
    this.#timer = window.setTimeout(() => {
      this.#attempt = 0;
    }, STEADY_MS);
  }

  /** Where the server has ended the socket itself, asking again tells why: a refusal, or that we
   * are somebody else now. */
  #lost() {
    if (this.connection.phase !== "signed_out") this.#wait(null);
  }

  /** @param {{message: string, data?: {code?: string, message?: string, retry_after?: number}}} error */
  #failed(error) {
    if (this.connection.phase === "signed_out") return;
    const code = error.data?.code;
    const isInvalid = error.message === "Invalid namespace";
    if (!code && !isInvalid) return this.#wait(null);
    const denial = { ...error.data, code: code ?? "unknown_namespace", message: error.message };
    if (error.data?.retry_after) return this.#wait(error.data.retry_after * 1_000);
    return this.#become({
      phase: "refused",
      attempt: this.#attempt,
      denial: { ok: false, ...denial },
    });
  }

  /** @param {number | null} delay_ms  null: longer than the last one, up to a bound */
  #wait(delay_ms) {
    window.clearTimeout(this.#timer);
    if (!navigator.onLine) return this.#goOffline();
    const grown = Math.min(FIRST_DELAY_MS * DELAY_GROWTH ** this.#attempt, LONGEST_DELAY_MS);
    // Spread out, so that a restarted server does not meet everyone in the same instant.
    const delay = delay_ms ?? grown * (0.75 + Math.random() / 2);
    this.#attempt += 1;
    this.#become({ phase: "waiting", attempt: this.#attempt, until: Date.now() + delay });
    this.#timer = window.setTimeout(() => this.tryNow(), delay);
  }

  #goOffline() {
    if (this.connection.phase === "signed_out") return;
    window.clearTimeout(this.#timer);
    this.#become({ phase: "offline", attempt: this.#attempt });
  }

  /** A laptop that wakes up has waited long enough. */
  #wake() {
    if (document.visibilityState === "visible" && this.connection.phase === "waiting") this.tryNow();
  }

  /** @param {Connection} connection */
  #become(connection) {
    this.connection = connection;
    this.dispatchEvent(new Event("connection"));
  }
}
