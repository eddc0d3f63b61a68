// @ts-check
/** What one room's pane shows, in order: messages, comings and goings, and what is still on its
 * way out. Pure data: knows no DOM, no socket and no clock.
 *
 * Offsets have no gaps as assigned, so every hole between two neighbours is a message that we
 * do not have; `hole()` names the first that should be filled without being asked.
 *
 * @typedef {import("./shapes.js").Message} Message
 * @typedef {import("./shapes.js").Joined} Joined
 * @typedef {{kind: "message", key: string, message: Message}} MessageEntry
 * @typedef {{kind: "presence", key: string, joined: string[], left: string[], at: string}} PresenceEntry
 * @typedef {{kind: "note", key: string, note: "away" | "remade"}} NoteEntry
 * @typedef {MessageEntry | PresenceEntry | NoteEntry} Entry
 * @typedef {{nonce: string, text: string, at: string, state: "sending" | "waiting" | "failed",
 *            reason: string | null}} Outgoing
 */

export class Timeline {
  /** @type {Entry[]} */
  entries = [];
  /** @type {Outgoing[]} */
  outgoing = [];
  /** @type {string | null} */
  epoch = null;
  /** Every message up to this offset is here, as far back as we have read. */
  seen = 0;
  /** Whether messages older than the first may be kept by the server. */
  hasOlder = false;
  /** Gaps, by the offset before them, whose messages the server no longer has.
   * @type {Set<number>} */
  lost = new Set();

  /** @type {Set<number>} */
  #offsets = new Set();
  /** @type {Set<string | number>} */
  #ids = new Set();
  #newest = 0;
  #keys = 0;
  #entered = false;

  /** Take a join's answer.
   * @param {Joined} answer
   * @returns {number} how many messages that we did not have came with it */
  join(answer) {
    const again = this.#entered;
    this.#entered = true;
    if (answer.epoch === null) return this.#joinWithoutHistory(again);
    if (this.epoch !== null && this.epoch !== answer.epoch) {
      this.#forget();
      this.#note("remade");
    }
    const first = this.epoch !== answer.epoch;
    this.epoch = answer.epoch;
    const added = this.addPage(answer.messages);
    if (first) this.hasOlder = answer.more;
    if (first || !answer.recovered) this.#restart(answer);
    this.#advance();
    return added;
  }

  /** Add messages in any order; those that are here already change nothing, or are marked removed.
   * @param {Message[]} messages
   * @returns {number} how many were new */
  addPage(messages) {
    const added = messages.filter((message) => this.#insert(message)).length;
    this.#advance();
    return added;
  }

  /** A message was removed by a moderator: it keeps its place.
   * @param {number} offset */
  remove(offset) {
    const entry = this.entries.find((each) => offsetOf(each) === offset);
    if (entry?.kind !== "message") return;
    const { id, room } = entry.message;
    entry.message = { id, room, offset, removed: true };
  }

  /** The newest offset that is here; null where none is.
   * @returns {number | null} */
  get newest() {
    return this.#newest || null;
  }

  /** The messages after an offset, the newest first.
   * @param {number} offset
   * @returns {Message[]} */
  after(offset) {
    const messages = [];
    for (let at = this.entries.length - 1; at >= 0; at -= 1) {
      const entry = this.entries[at];
      if (entry.kind !== "message" || entry.message.offset === null) continue;
      if (entry.message.offset <= offset) break;
      if (!entry.message.removed) messages.push(entry.message);
    }
    return messages;
  }

  /** The first hole that we should fill by ourselves: messages after `after`, before `before`.
   * @returns {{after: number, before: number} | null} */
  hole() {
    if (this.#newest <= this.seen) return null;
    let before = this.#newest;
    for (const offset of this.#offsets) if (offset > this.seen && offset < before) before = offset;
    return { after: this.seen, before };
  }

  /** Give up the holes up to the newest message: they stay visible as gaps. */
  skipHoles() {
    this.seen = Math.max(this.seen, this.#newest);
  }

  /** The oldest offset that is here, or null.
   * @returns {number | null} */
  get oldest() {
    for (const entry of this.entries) {
      const offset = offsetOf(entry);
      if (offset !== null) return offset;
    }
    return null;
  }

  /** Forget the oldest entries beyond so many; the server still has the messages among them.
   * @param {number} most */
  trim(most) {
    let count = Math.max(0, this.entries.length - most);
    // A line that is no message has no place of its own: what is read again would come in below it.
    while (count > 0 && (this.entries[count]?.kind ?? "message") !== "message") count += 1;
    const gone = this.entries.splice(0, count);
    for (const entry of gone) {
      if (entry.kind !== "message") continue;
      this.#ids.delete(entry.message.id);
      if (entry.message.offset === null) continue;
      this.#offsets.delete(entry.message.offset);
      this.hasOlder = true;
    }
  }

  /** Somebody came or went. Neighbouring lines are folded into one, of the time of the first.
   * @param {string} name
   * @param {boolean} came
   * @param {string} at */
  presence(name, came, at) {
    const last = this.entries.at(-1);
    if (last?.kind === "presence") {
      last.joined = last.joined.filter((each) => each !== name);
      last.left = last.left.filter((each) => each !== name);
      (came ? last.joined : last.left).push(name);
      return;
    }
    const lists = { joined: came ? [name] : [], left: came ? [] : [name] };
    this.entries.push({ kind: "presence", key: this.#key(), ...lists, at });
  }

  /** @param {Outgoing} message */
  queue(message) {
    this.outgoing.push(message);
  }

  /** @param {string} nonce @returns {Outgoing | undefined} */
  unsent(nonce) {
    return this.outgoing.find((each) => each.nonce === nonce);
  }

  /** @param {string} nonce */
  settle(nonce) {
    this.outgoing = this.outgoing.filter((each) => each.nonce !== nonce);
  }

  /** @param {boolean} again */
  #joinWithoutHistory(again) {
    this.epoch = null;
    this.hasOlder = false;
    if (again && this.entries.at(-1)?.kind !== "note") this.#note("away");
    return 0;
  }

  /** Nothing connects what we had with what came: count on from the newest page.
   * @param {Joined} answer */
  #restart(answer) {
    const start = answer.messages[0]?.offset;
    const before = this.#before(start ?? null);
    if (before !== null && !answer.more) this.lost.add(before);
    this.seen = answer.messages.at(-1)?.offset ?? answer.offset ?? 0;
  }

  /** @param {number | null} start @returns {number | null} the offset of the neighbour before */
  #before(start) {
    if (start === null) return null;
    const older = [...this.#offsets].filter((offset) => offset < start);
    return older.length ? Math.max(...older) : null;
  }

  #advance() {
    while (this.#offsets.has(this.seen + 1)) this.seen += 1;
  }

  /** @param {Message} message @returns {boolean} whether it was new */
  #insert(message) {
    const { offset } = message;
    if (this.#ids.has(message.id) || (offset !== null && this.#offsets.has(offset))) {
      if (message.removed && offset !== null) this.remove(offset);
      return false;
    }
    this.#ids.add(message.id);
    const key = message.nonce ? `nonce ${message.nonce} ${message.user?.id}` : `id ${message.id}`;
    /** @type {MessageEntry} */
    const entry = { kind: "message", key, message };
    this.entries.splice(this.#placeOf(offset), 0, entry);
    if (offset !== null) {
      this.#offsets.add(offset);
      this.#newest = Math.max(this.#newest, offset);
    }
    return true;
  }

  /** Before the first message with a greater offset; looked for from the end, where most belong.
   * @param {number | null} offset */
  #placeOf(offset) {
    let place = this.entries.length;
    if (offset === null) return place;
    for (let index = place - 1; index >= 0; index -= 1) {
      const other = offsetOf(this.entries[index]);
      if (other === null) continue;
      if (other < offset) break;
      place = index;
    }
    return place;
  }

  #forget() {
    this.entries = [];
    this.#offsets.clear();
    this.#ids.clear();
    this.lost.clear();
    this.seen = 0;
    this.#newest = 0;
  }

  /** @param {"away" | "remade"} note */
  #note(note) {
    this.entries.push({ kind: "note", key: this.#key(), note });
  }

  #key() {
    this.#keys += 1;
    return `line ${this.#keys}`;
  }
}

/** @param {Entry} entry @returns {number | null} */
const offsetOf = (entry) => (entry.kind === "message" ? entry.message.offset : null);
