// @ts-check
/** The one place of this page that creates sockets: one to its namespace, and its way back after a loss.
 *
 * The client's own reconnection is off, because a person wants to see when the next try comes and
 * to make it come now. Each try has a connection of its own, so that nothing of a dead one can
 * answer for the next.
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
/** Somebody who waits for a closed namespace is let in within this time. */
const WATCH_MS = 10_000;
// What ends for many at once is not asked about by all in the same instant.
const SPREAD_MS = 1_000;
// Browsers take a longer one for none.
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** An answer that takes longer than this is none: the connection is taken for dead. */
const PROBE_MS = 4_000;
const BEAT_MS = 1_000;
/** A beat that comes this late was slept through. Browsers slow down pages in the background. */
const SLEPT_MS = { visible: 15_000, hidden: 120_000 };

export class Link extends EventTarget {
  /** @type {Connection} */
  connection = { phase: "connecting", attempt: 0 };
  /** Why the namespace is refused; still so while it is asked again.
   * @type {import("./shapes.js").Denial | null} */
  denial = null;
  /** Whether to ask a refused namespace again and again. */
  isWatching = false;
  /** @type {typeof import("socket.io-client").Manager | null} */
  #Manager = null;
  /** @type {import("socket.io-client").Socket | null} */
  #socket = null;
  #timer = 0;
  #attempt = 0;
  #beatAt = Date.now();
  #isProbing = false;

  /** Load the official client and connect for the first time. */
  async open() {
    this.#Manager = (await import(page.socket.client)).Manager;
    window.addEventListener("online", () => this.tryNow());
    window.addEventListener("offline", () => this.#goOffline());
    document.addEventListener("visibilitychange", () => this.#wake());
    /** @type {{connection?: EventTarget}} */ (navigator).connection?.addEventListener("change", () =>
      void this.#probe(),
    );
    window.setInterval(() => this.#beat(), BEAT_MS);
    if (navigator.onLine) this.#connect();
    else this.#goOffline();
  }

  get isLive() {
    return this.connection.phase === "live";
  }

  /** How packets travel right now: "polling" or "websocket". */
  get transport() {
    return this.#socket?.io.engine?.transport?.name ?? null;
  }

  /** Connect at once, instead of when the wait is over. */
  tryNow() {
    if (["live", "connecting", "signed_out"].includes(this.connection.phase)) return;
    if (!this.#Manager) return;
    this.#connect();
  }

  /** The person behind this page has gone: stay away until the page is loaded again. */
  signOut() {
    window.clearTimeout(this.#timer);
    this.#become({ phase: "signed_out", attempt: this.#attempt });
    this.#drop();
  }

  /** Send an event and await its answer; never rejects: silence and a lost connection are denials
   * with the codes `no_answer` and `away`, which only this page knows.
   * @template {{ok: true}} T
   * @param {string} event
   * @param {unknown} [argument]
   * @returns {Promise<T | import("./shapes.js").Denial>} */
  async ask(event, argument) {
    const socket = this.#socket;
    if (!socket || !this.isLive) return { ok: false, code: "away", message: text("away") };
    try {
      return await socket.timeout(ANSWER_MS).emitWithAck(event, ...(argument === undefined ? [] : [argument]));
    } catch {
      return this.isLive && socket === this.#socket
        ? { ok: false, code: "no_answer", message: text("no_answer") }
        : { ok: false, code: "away", message: text("away") };
    }
  }

  #connect() {
    window.clearTimeout(this.#timer);
    this.#drop();
    if (!this.#Manager) return;
    // Events must not be sent twice, so nothing is buffered while away: `ask` says no instead.
    const manager = new this.#Manager(window.location.origin, {
      path: page.socket.path,
      transports: /** @type {any} */ (page.socket.transports),
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
    manager.on("open", () => manager.engine.on("upgrade", () => this.#tell("transport")));
    this.#become({ phase: "connecting", attempt: this.#attempt });
    socket.connect();
  }

  /** Let go of the connection, whatever state it is in, and hear nothing of it any more. */
  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.offAny();
    socket.off();
    socket.disconnect();
  }

  /** @param {string} name @param {any[]} args */
  #hear(name, args) {
    this.dispatchEvent(new CustomEvent(`heard:${name}`, { detail: args }));
  }

  #live() {
    this.denial = null;
    this.isWatching = false;
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
    if (error.data?.retry_after) return this.#wait(error.data.retry_after * 1_000);
    const denial = { ...error.data, code: code ?? "unknown_namespace", message: error.message };
    this.denial = { ok: false, ...denial };
    this.#become({ phase: "refused", attempt: this.#attempt, denial: this.denial });
    this.#askLater();
  }

  /** Ask again what has refused us: when it ends, and now and then for who waits for that. */
  #askLater() {
    window.clearTimeout(this.#timer);
    const end = Date.parse(this.denial?.until ?? "");
    // Past the end, by our clock, and still refused: the server's is behind.
    const left_ms = end > Date.now() ? end - Date.now() + Math.random() * SPREAD_MS : WATCH_MS;
    const waits = [...(end ? [left_ms] : []), ...(this.isWatching ? [WATCH_MS] : [])];
    if (waits.length === 0) return;
    this.#timer = window.setTimeout(() => this.tryNow(), Math.min(...waits, LONGEST_TIMER_MS));
  }

  /** Ask a namespace that is refused again and again, or not any more.
   * @param {boolean} isWatching */
  watch(isWatching) {
    this.isWatching = isWatching;
    if (this.connection.phase !== "refused") return;
    this.#askLater();
    this.#tell("connection");
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
    this.#drop();
  }

  /** A person who comes back to the page has waited long enough. */
  #wake() {
    if (document.visibilityState === "visible" && this.connection.phase === "waiting") this.tryNow();
  }

  /** A laptop that slept wakes up with timers that have stood still and a connection that may be
   * dead without a word. */
  #beat() {
    const late_ms = Date.now() - this.#beatAt - BEAT_MS;
    this.#beatAt = Date.now();
    if (late_ms < SLEPT_MS[document.visibilityState]) return;
    this.#attempt = 0;
    if (this.connection.phase === "waiting") this.tryNow();
    else void this.#probe();
  }

  /** Ask for an answer, where there is cause to doubt that the other end is still there. */
  async #probe() {
    const socket = this.#socket;
    if (!socket || !this.isLive || this.#isProbing) return;
    this.#isProbing = true;
    try {
      await socket.timeout(PROBE_MS).emitWithAck("rooms", { limit: 1 });
    } catch {
      if (this.isLive && socket === this.#socket) this.#connect();
    } finally {
      this.#isProbing = false;
    }
  }

  /** @param {Connection} connection */
  #become(connection) {
    this.connection = connection;
    this.#tell("connection");
  }

  /** @param {string} name */
  #tell(name) {
    this.dispatchEvent(new Event(name));
  }
}
