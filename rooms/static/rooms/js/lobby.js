// @ts-check
/** The namespace's rooms, as the server lists them for this visitor. Knows no DOM.
 *
 * @typedef {import("./shapes.js").RoomRow} RoomRow
 */

const MOST_PAGES = 10;

export class Lobby extends EventTarget {
  /** By name, in the server's order.
   * @type {Map<string, RoomRow>} */
  rows = new Map();
  /** Whether the rows are the server's answer, and not the page's first state. */
  isRead = false;
  #reading = false;

  /** @param {import("./socket.js").Link} link @param {RoomRow[]} first */
  constructor(link, first) {
    super();
    this.link = link;
    this.#set(first);
  }

  /** Read the whole list again; a call during another is answered by that one. */
  async refresh() {
    if (this.#reading) return;
    this.#reading = true;
    try {
      const rows = await this.#readAll();
      if (rows) this.#set(rows);
      if (rows) this.isRead = true;
    } finally {
      this.#reading = false;
    }
    this.#changed();
  }

  /** @param {{changed: RoomRow[], removed: string[]}} news */
  hearRoomsChanged({ changed, removed }) {
    for (const row of changed) this.rows.set(row.name, row);
    for (const name of removed) this.rows.delete(name);
    this.#set([...this.rows.values()].sort((a, b) => (a.name < b.name ? -1 : 1)));
    this.#changed();
  }

  /** What the page knows by itself, between two readings.
   * @param {string} name
   * @param {{joined: boolean, members?: number}} known */
  learn(name, known) {
    const row = this.rows.get(name);
    if (!row) return;
    const isNew = row.joined !== known.joined || row.members !== (known.members ?? row.members);
    if (!isNew) return;
    this.rows.set(name, { ...row, ...known });
    this.#changed();
  }

  /** @returns {Promise<RoomRow[] | null>} */
  async #readAll() {
    /** @type {RoomRow[]} */
    const rows = [];
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const last = rows.at(-1)?.name;
      const answer = await this.link.ask("rooms", last === undefined ? {} : { after: last });
      if (!answer.ok) return null;
      const { rooms, more } = /** @type {import("./shapes.js").RoomsPage} */ (answer);
      rows.push(...rooms);
      if (!more || rooms.length === 0) break;
    }
    return rows;
  }

  /** @param {RoomRow[]} rows */
  #set(rows) {
    this.rows = new Map(rows.map((row) => [row.name, row]));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
