// @ts-check
/** Rooms that somebody waits for: closed ones until they open, full ones until there is a place.
 * The list of rooms, which the server keeps up to date, tells when. Knows no DOM. */

/** @typedef {import("./shapes.js").RoomRow} RoomRow */

/** The denials that pass by themselves, as far as the list shows them. */
const WAITED_FOR = new Set(["room_closed", "room_full", "namespace_closed"]);

/** Whether a denial is one that can be waited for.
 * @param {string | null | undefined} code
 * @returns {boolean} */
export const isWaitedFor = (code) => WAITED_FOR.has(code ?? "");

export class Watches extends EventTarget {
  /** @type {Set<string>} */
  #names = new Set();

  /** @param {import("./lobby.js").Lobby} lobby */
  constructor(lobby) {
    super();
    this.lobby = lobby;
    lobby.addEventListener("change", () => this.#look());
  }

  /** @param {string} name @returns {boolean} */
  has(name) {
    return this.#names.has(name);
  }

  /** @param {string} name @param {boolean} isWatched */
  set(name, isWatched) {
    if (isWatched) this.#names.add(name);
    else this.#names.delete(name);
    this.#look();
  }

  #look() {
    for (const name of this.#names) {
      const row = this.lobby.rows.get(name);
      if (!row || isWaitedFor(row.code)) continue;
      this.#names.delete(name);
      this.dispatchEvent(new CustomEvent("opened", { detail: row }));
    }
  }
}
