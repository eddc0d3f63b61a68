// @ts-check
/** One namespace of the first page: its first rooms, kept true by `rooms` and `roomsChanged`. What is
 * not told to this visitor is not asked for otherwise. */

import { copyTemplate, part, reconcile, show } from "./dom.js";
import { page } from "./page.js";
import { isGuest } from "./person.js";
import { fillRow } from "./room_row.js";

/** @typedef {import("./shapes.js").RoomRow} RoomRow */

const ANSWER_MS = 10_000;
/** A refused namespace, or one that gave no answer, is asked again after this long. */
const AGAIN_MS = 15_000;
/** Refusals that say nothing about the namespace. */
const PASSING = new Set(["rate_limited", "busy", "internal"]);
const hasPointer = window.matchMedia("(hover: hover)");

export class HomeSection {
  /** Whether the rows are what the server says right now. */
  isLive = false;
  /** Whether this visitor may not enter: then nothing of it is shown. */
  isRefused = false;
  /** Whether the server takes us for somebody else than the page does. */
  isForeign = false;
  /** By name, in the server's order.
   * @type {Map<string, RoomRow>} */
  #rows = new Map();
  /** What stands there.
   * @type {Map<string, RoomRow>} */
  #drawn = new Map();
  /** Rooms that stand behind those that are shown here, as far as we were told of them.
   * @type {Set<string>} */
  #beyond = new Set();
  #isAsking = false;
  #isDue = false;
  #timer = 0;

  /** @param {HTMLElement} element
   * @param {import("socket.io-client").Socket} socket
   * @param {() => void} changed */
  constructor(element, socket, changed) {
    this.element = element;
    this.socket = socket;
    this.changed = changed;
    this.list = part(element, "rooms");
    this.heading = part(element, "section-link");
    this.url = this.heading.getAttribute("href") ?? "";
    this.limit = Number(element.dataset.limit);
    socket.on("connect", () => void this.#read());
    socket.on("disconnect", (/** @type {string} */ reason) => this.#lost(reason));
    socket.on("connect_error", (/** @type {any} */ error) => this.#failed(error));
    socket.on("identity", (/** @type {import("./shapes.js").IdentityEvent} */ { user }) => this.#identified(user));
    socket.on("roomsChanged", (/** @type {any} */ news) => this.#heard(news));
    this.list.addEventListener("pointerleave", () => this.#render());
  }

  /** Be told of changes from now on. */
  follow() {
    if (!this.socket.active) this.socket.connect();
  }

  /** Be told of nothing until it is followed again. */
  rest() {
    window.clearTimeout(this.#timer);
    if (this.socket.active) this.socket.disconnect();
    this.isLive = false;
  }

  /** Read the list; a change that comes during that is read after it. */
  async #read() {
    this.#isDue = true;
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      while (this.#isDue && this.socket.connected) {
        this.#isDue = false;
        const answer = await this.socket.timeout(ANSWER_MS).emitWithAck("rooms", { limit: this.limit });
        if (answer.ok) this.#take(answer);
      }
    } catch {
      // No answer: the connection is asked again, or is gone and comes back by itself.
      if (this.socket.connected) this.#later(() => void this.#read());
    } finally {
      this.#isAsking = false;
    }
  }

  /** @param {import("./shapes.js").RoomsPage} answer */
  #take({ rooms, more }) {
    this.#rows = new Map(rooms.map((row) => [row.name, row]));
    for (const name of this.#rows.keys()) this.#beyond.delete(name);
    this.isLive = true;
    this.isRefused = false;
    show(part(this.element, "more"), more);
    this.#render();
  }

  /** What is known is put right in place; who comes or goes may move others in from behind.
   * @param {{changed: RoomRow[], removed: string[]}} news */
  #heard({ changed, removed }) {
    let isMoved = false;
    for (const row of changed) {
      if (this.#rows.has(row.name)) this.#rows.set(row.name, row);
      else if (!this.#beyond.has(row.name)) {
        // If it is not in the next answer, it stands behind those that are.
        this.#beyond.add(row.name);
        isMoved = true;
      }
    }
    for (const name of removed) {
      isMoved ||= this.#rows.has(name);
      this.#beyond.delete(name);
    }
    if (isMoved) void this.#read();
    this.#render();
  }

  /** @param {string} reason */
  #lost(reason) {
    this.isLive = false;
    // Ended by the server: to ask again tells why.
    if (reason === "io server disconnect") this.socket.connect();
    this.changed();
  }

  /** @param {Error & {data?: {code?: string, retry_after?: number}}} error */
  #failed(error) {
    this.isLive = false;
    const isAnswer = error.data?.code !== undefined || error.message === "Invalid namespace";
    if (isAnswer) {
      this.isRefused ||= !PASSING.has(error.data?.code ?? "");
      const after_ms = (error.data?.retry_after ?? 0) * 1_000;
      this.#later(() => this.follow(), Math.max(AGAIN_MS, after_ms));
      if (this.isRefused) this.#rows.clear();
    }
    if (this.isRefused) this.#render();
    else this.changed();
  }

  /** @param {import("./shapes.js").User} user */
  #identified(user) {
    this.isForeign = page.user ? user.id !== page.user.id : !isGuest(user.id);
    this.changed();
  }

  /** @param {() => void} act @param {number} [after_ms] */
  #later(act, after_ms = AGAIN_MS) {
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(act, after_ms);
  }

  #render() {
    // Under a pointer nothing moves: what it is about to press would be another room.
    const isPointedAt = hasPointer.matches && this.list.matches(":hover");
    const wanted = isPointedAt && !this.isRefused ? this.#standing() : [...this.#rows.values()];
    this.#drawn = new Map(wanted.map((row) => [row.name, row]));
    const hadFocus = this.list.contains(document.activeElement);
    reconcile(
      this.list,
      wanted,
      (row) => row.name,
      () => copyTemplate("room-row"),
      (element, row) => {
        const url = `${this.url}${encodeURIComponent(row.name)}/`;
        fillRow(element, row, { url, stateIcons: page.stateIcons });
      },
    );
    show(this.element, !this.isRefused);
    show(this.list, wanted.length > 0);
    show(part(this.element, "no-rooms"), wanted.length === 0);
    if (hadFocus && !this.list.contains(document.activeElement)) this.heading.focus();
    this.changed();
  }

  /** The rooms that stand there, in their places, with what is known of them by now.
   * @returns {RoomRow[]} */
  #standing() {
    return [...this.list.children].flatMap((element) => {
      const name = /** @type {HTMLElement} */ (element).dataset.key ?? "";
      return this.#rows.get(name) ?? this.#drawn.get(name) ?? [];
    });
  }
}
