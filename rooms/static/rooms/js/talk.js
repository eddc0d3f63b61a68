// @ts-check
/** What is said in one place, a room or a private conversation: sending with retries, reading what
 * is older or missing, and what has not been read yet. Knows no DOM; the parts of the page listen
 * to its "change" events, and to "arrived" for each message of somebody else.
 *
 * @typedef {import("./shapes.js").Denial} Denial
 * @typedef {import("./shapes.js").HistoryPage} HistoryPage
 * @typedef {import("./shapes.js").Message} Message
 * @typedef {import("./shapes.js").Stored} Stored
 * @typedef {import("./shapes.js").User} User
 */

import { keepOutgoing, keepReadPosition, outgoingOf, readPositionOf } from "./kept.js";
import { speaksTo } from "./mentions.js";
import { Timeline } from "./timeline.js";

const CATCH_UP_PAGES = 5;
const MOST_SHOWN = 2_000;

export class Talk extends EventTarget {
  timeline = new Timeline();
  /** Messages of others that have not been read yet, in any tab, and those that speak to us. */
  unread = 0;
  mentions = 0;
  /** The offset up to which this has been read; null until that is known.
   * @type {number | null} */
  readTo = null;
  /** The first message that came while nobody looked, by id: a line stands before it.
   * @type {string | number | null} */
  unreadFrom = null;
  /** Whether the end is being read, so that the other end may be forgotten. */
  isFollowed = true;
  /** Whether the end is on the screen right now, so that what comes is read as it comes. */
  isWatched = false;
  /** Messages that a reconnect brought, until the page has said so. */
  caughtUp = 0;
  #filling = false;

  /** @param {string} key  what drafts and unsent messages are kept under
   * @param {import("./socket.js").Link} link
   * @param {() => User | null} me */
  constructor(key, link, me) {
    super();
    this.key = key;
    this.link = link;
    this.me = me;
    for (const message of outgoingOf(key)) this.timeline.queue({ ...message, state: "waiting" });
  }

  /** What people call this place.
   * @returns {string} */
  get title() {
    throw new Error("A talk has a title.");
  }

  /** Which words the page uses of it.
   * @returns {"room" | "private"} */
  get kind() {
    throw new Error("A talk is of some kind.");
  }

  /** Whether our person may only read here, for more than a moment. */
  get isSilenced() {
    return false;
  }

  /** Whether what is sent now has a chance to arrive. */
  get canSend() {
    return this.link.isLive;
  }

  /** Hand a message to the server.
   * @param {string} text @param {string} nonce
   * @returns {Promise<Stored | Denial>} */
  async post(text, nonce) {
    throw new Error(`Nobody takes ${nonce}: ${text}`);
  }

  /** Ask for a page of messages.
   * @param {{before?: number, after?: number}} bounds
   * @returns {Promise<HistoryPage | Denial>} */
  async ask(bounds) {
    throw new Error(`Nobody knows of ${bounds}.`);
  }

  /** Send a text, shown at once. It is sent again after a reconnect until the server has answered;
   * the nonce makes all those one message.
   * @param {string} text */
  send(text) {
    const at = new Date().toISOString();
    const nonce = newNonce();
    this.timeline.queue({ nonce, text, at, state: "waiting", reason: null });
    this.unreadFrom = null;
    this.keep();
    void this.retry(nonce);
  }

  /** @param {string} nonce */
  async retry(nonce) {
    const message = this.timeline.unsent(nonce);
    if (!message || message.state === "sending") return;
    if (!this.canSend) {
      message.state = "waiting";
      this.changed();
      return;
    }
    message.state = "sending";
    this.changed();
    const answer = await this.post(message.text, nonce);
    if (answer.ok) this.sent(message, answer);
    else this.notSent(message, answer);
  }

  /** Send what waits for the connection. */
  retryWaiting() {
    for (const message of this.timeline.outgoing) {
      if (message.state === "waiting") void this.retry(message.nonce);
    }
  }

  /** @param {string} nonce */
  discard(nonce) {
    this.timeline.settle(nonce);
    this.keep();
  }

  /** The connection is gone: what was on its way will be sent again. */
  goneAway() {
    for (const message of this.timeline.outgoing) {
      if (message.state === "sending") message.state = "waiting";
    }
    this.changed();
  }

  /** Read the page of messages before the oldest.
   * @returns {Promise<void>} */
  async loadOlder() {
    const before = this.timeline.oldest;
    if (before === null || this.#filling) return;
    await this.read({ before }, (answer) => {
      this.timeline.hasOlder = answer.more;
    });
  }

  /** Read messages into a gap that a person asked to be filled.
   * @param {number} after  the offset before the gap
   * @param {number} before  the offset behind it
   * @returns {Promise<void>} */
  async fillGap(after, before) {
    await this.read({ after }, (answer) => {
      const first = answer.messages[0]?.offset ?? null;
      if (first === null || first >= before) this.timeline.lost.add(after);
    });
  }

  /** A message was heard live.
   * @param {Message} message */
  hearMessage(message) {
    const isMine = message.user?.id === this.me()?.id;
    if (isMine && message.nonce) this.#settle(message.nonce);
    const added = this.timeline.addPage([message]);
    if (this.isFollowed) this.timeline.trim(MOST_SHOWN);
    if (added && !isMine) this.#arrived(message);
    this.changed();
  }

  /** Which history the read position is one of.
   * @returns {string | null} */
  get readEpoch() {
    return this.timeline.epoch;
  }

  /** All that is here has been read; the other tabs hear of it by the "read" event. */
  markRead() {
    const { newest } = this.timeline;
    const isFurther = newest !== null && newest > (this.readTo ?? 0);
    if (!isFurther && this.unread === 0) return;
    this.hearRead(newest);
    this.dispatchEvent(new CustomEvent("read", { detail: newest }));
  }

  /** It has been read up to an offset, here or in another tab; null where none are kept.
   * @param {number | null} offset */
  hearRead(offset) {
    if (offset === null) this.unread = this.mentions = 0;
    else this.setReadTo(offset);
    this.changed();
  }

  /** What another visit has read counts; what was said before the first one does not.
   * @param {number | null} otherwise  where reading begins if nothing is known of an earlier visit */
  findReadPosition(otherwise) {
    const epoch = this.readEpoch;
    if (epoch === null) return;
    const kept = readPositionOf(this.key);
    // What is kept of a history that was begun anew since says nothing of this one.
    if (kept?.epoch !== epoch) this.readTo = null;
    const offset = kept?.epoch === epoch ? kept.offset : otherwise;
    if (offset !== null) this.setReadTo(offset);
  }

  /** @param {number} offset */
  setReadTo(offset) {
    const epoch = this.readEpoch;
    if (this.readTo !== null && offset <= this.readTo) return;
    this.readTo = offset;
    if (epoch !== null) keepReadPosition(this.key, { epoch, offset });
  }

  /** Count what has not been read among the messages that are here. */
  countUnread() {
    if (this.readTo === null) return;
    const me = this.me();
    const unread = this.timeline.after(this.readTo).filter(({ user }) => user?.id !== me?.id);
    this.unread = unread.length;
    this.mentions = unread.filter((message) => speaksTo(message.text, me)).length;
  }

  /** Read on until nothing is missing up to the newest message; a hole of many pages stays a gap.
   * @param {number | null} [target]  an offset that we know to exist */
  async fillHoles(target = null) {
    if (this.#filling) return;
    this.#filling = true;
    try {
      for (let page = 0; page < CATCH_UP_PAGES; page += 1) {
        const isBehind = target !== null && this.timeline.seen < target;
        if (!this.timeline.hole() && !isBehind) return;
        const added = await this.read({ after: this.timeline.seen }, () => undefined);
        if (added === null) return;
        if (added === 0) break;
        this.caughtUp += added;
      }
      await this.read({}, () => this.timeline.skipHoles());
    } finally {
      this.#filling = false;
      this.changed();
    }
  }

  /** @param {{before?: number, after?: number}} bounds
   * @param {(answer: HistoryPage) => void} then
   * @returns {Promise<number | null>} how many messages were new; null if there was no answer */
  async read(bounds, then) {
    const answer = await this.ask(bounds);
    if (!answer.ok || answer.epoch !== this.timeline.epoch) return null;
    const added = this.timeline.addPage(answer.messages);
    then(answer);
    this.changed();
    return added;
  }

  /** @param {import("./timeline.js").Outgoing} outgoing @param {Stored} answer */
  sent({ nonce, text }, { id, offset, at }) {
    this.#settle(nonce);
    const message = { id, room: this.title, offset, user: this.me(), text, at, nonce };
    this.timeline.addPage([message]);
    this.changed();
    void this.fillHoles();
  }

  /** @param {import("./timeline.js").Outgoing} outgoing @param {Denial} denial */
  notSent(outgoing, denial) {
    if (!this.timeline.unsent(outgoing.nonce)) return;
    const isAway = denial.code === "away";
    outgoing.state = isAway ? "waiting" : "failed";
    outgoing.reason = isAway ? null : denial.message;
    this.keep();
  }

  keep() {
    keepOutgoing(this.key, this.timeline.outgoing);
    this.changed();
  }

  changed() {
    this.countUnread();
    this.dispatchEvent(new Event("change"));
  }

  /** @param {Message} message */
  #arrived(message) {
    if (!this.isWatched && this.unread === 0) this.unreadFrom = message.id;
    if (message.offset === null) {
      this.unread += 1;
      if (speaksTo(message.text, this.me())) this.mentions += 1;
    }
    this.dispatchEvent(new CustomEvent("arrived", { detail: message }));
  }

  /** @param {string} nonce */
  #settle(nonce) {
    if (!this.timeline.unsent(nonce)) return;
    this.timeline.settle(nonce);
    this.keep();
  }
}

/** `randomUUID` is there in secure contexts only; a page by plain HTTP in a local network has none. */
function newNonce() {
  const bytes = window.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
