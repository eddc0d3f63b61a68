// @ts-check
/** Private conversations of this page's reader in its namespace: one talk with each other user, how
 * much of it is new, and whom they block. Knows no DOM.
 *
 * @typedef {import("./shapes.js").Denial} Denial
 * @typedef {import("./shapes.js").Message} Message
 * @typedef {import("./shapes.js").User} User
 */

import { tellRead } from "./in_step.js";
import { page } from "./page.js";
import { Talk } from "./talk.js";
import { text } from "./texts.js";

/** The rows of a pair of users are never made anew, so that their offsets need no epoch. */
const READ_EPOCH = "private";

export class PrivateTalk extends Talk {
  /** The last offset that we know of. */
  offset = 0;
  /** When the last word was said, RFC 3339; "" if nothing was.
   * @type {string} */
  at = "";
  isBlocked = false;
  /** Whether somebody looks at it, so that its messages are wanted. */
  isOpen = false;
  /** Whether its messages are here, and not only how many there are. */
  isLoaded = false;
  /** Why they could not be read.
   * @type {Denial | null} */
  denial = null;

  /** @param {{id: string, name: string}} user
   * @param {import("./socket.js").Link} link
   * @param {() => User | null} me */
  constructor(user, link, me) {
    // No room's name holds a tab.
    super(`\t${user.id}`, link, me);
    this.user = user;
  }

  get title() {
    return this.user.name;
  }

  get kind() {
    return /** @type {const} */ ("private");
  }

  /** @param {string} words @param {string} nonce
   * @returns {Promise<import("./talk.js").Stored | Denial>} */
  async post(words, nonce) {
    /** @type {import("./talk.js").Stored | Denial} */
    const answer = await this.link.ask("private", { to: this.user.id, text: words, nonce });
    if (answer.ok || answer.code !== "forbidden") return answer;
    // The server's sentence is about the namespace, where nothing may be wrong.
    return { ...answer, message: text("private_refused", { name: this.user.name }) };
  }

  /** @param {{before?: number, after?: number}} bounds
   * @returns {Promise<import("./talk.js").HistoryPage | Denial>} */
  ask(bounds) {
    return this.link.ask("history", { with: this.user.id, ...bounds });
  }

  /** Read what was said, or what was missed since it was read. */
  async load() {
    const isAgain = this.timeline.epoch !== null;
    const answer = await this.ask(isAgain ? { after: this.timeline.seen } : {});
    if (!answer.ok) {
      this.denial = answer.code === "away" ? null : answer;
      return this.changed();
    }
    this.denial = null;
    this.isLoaded = true;
    if (answer.epoch !== null) {
      const offset = answer.messages.at(-1)?.offset ?? null;
      const about = { room: this.title, members: 2, role: null, offset, recovered: isAgain };
      this.timeline.join({ ...answer, ...about });
      void this.fillHoles(this.offset);
    }
    this.retryWaiting();
    return this.changed();
  }

  /** What the server's list says of it.
   * @param {import("./shapes.js").ConversationRow} row */
  take({ user, offset, at, blocked }) {
    this.user = user;
    this.offset = Math.max(this.offset, offset);
    this.at = at ?? this.at;
    this.isBlocked = blocked;
    // Of what was never read in this browser we only know that it is there.
    this.findReadPosition(Math.max(0, this.offset - 1));
    this.changed();
  }

  /** @param {Message} message */
  hearMessage(message) {
    this.offset = Math.max(this.offset, message.offset ?? 0);
    this.at = message.at ?? this.at;
    this.findReadPosition(Math.max(0, this.offset - 1));
    // Whoever answers has read.
    if (message.user?.id === this.me()?.id) this.setReadTo(this.offset);
    super.hearMessage(message);
    if (this.isLoaded) void this.fillHoles();
  }

  get readEpoch() {
    return READ_EPOCH;
  }

  /** What is not here yet cannot have been read. */
  markRead() {
    if (this.isLoaded) super.markRead();
  }

  /** As long as the messages are not here, by their number. */
  countUnread() {
    if (this.isLoaded) super.countUnread();
    else this.unread = this.readTo === null ? 0 : Math.max(0, this.offset - this.readTo);
  }
}

export class PrivateChats extends EventTarget {
  /** @type {Map<string, PrivateTalk>} */
  #talks = new Map();

  /** @param {import("./socket.js").Link} link @param {() => User | null} me */
  constructor(link, me) {
    super();
    this.link = link;
    this.me = me;
    link.addEventListener("connection", () => this.#connection());
    link.addEventListener("heard:private", (event) =>
      this.#hear(/** @type {CustomEvent} */ (event).detail[0]),
    );
  }

  /** Whether this page's reader has private conversations at all. */
  get isOffered() {
    return page.user !== null && page.namespace.allowsPrivate;
  }

  /** The conversations with something in them, the latest first, and whoever is blocked.
   * @returns {PrivateTalk[]} */
  get list() {
    return [...this.#talks.values()]
      .filter((talk) => talk.offset > 0 || talk.isBlocked || talk.timeline.outgoing.length > 0)
      .sort((a, b) => (a.at < b.at ? 1 : -1));
  }

  /** How many messages are new, in all conversations but those with blocked users. */
  get unread() {
    return this.list.reduce((sum, talk) => sum + (talk.isBlocked ? 0 : talk.unread), 0);
  }

  /** The conversation with a user; made when first needed.
   * @param {{id: string, name: string}} user
   * @returns {PrivateTalk} */
  with(user) {
    let talk = this.#talks.get(user.id);
    if (!talk) {
      talk = new PrivateTalk(user, this.link, this.me);
      const made = talk;
      talk.addEventListener("change", () => this.#changed());
      talk.addEventListener("read", (event) =>
        tellRead(made.key, /** @type {CustomEvent} */ (event).detail),
      );
      talk.addEventListener("arrived", (event) => {
        const { detail } = /** @type {CustomEvent} */ (event);
        this.dispatchEvent(new CustomEvent("arrived", { detail: { talk: made, message: detail } }));
      });
      this.#talks.set(user.id, talk);
    }
    return talk;
  }

  /** The conversation whose drafts are kept under a key.
   * @param {string} key
   * @returns {PrivateTalk | undefined} */
  ofKey(key) {
    return [...this.#talks.values()].find((talk) => talk.key === key);
  }

  /** @param {string} id @returns {PrivateTalk | undefined} */
  get(id) {
    return this.#talks.get(id);
  }

  /** Take no more private messages of a user, or take them again.
   * @param {PrivateTalk} talk @param {boolean} isBlocked
   * @returns {Promise<Denial | null>} why not */
  async block(talk, isBlocked) {
    const answer = await this.link.ask(isBlocked ? "block" : "unblock", { user: talk.user.id });
    if (!answer.ok) return answer;
    talk.isBlocked = isBlocked;
    this.#changed();
    return null;
  }

  /** Read the list again. */
  async refresh() {
    if (!this.isOffered) return;
    const answer = await this.link.ask("conversations");
    if (!answer.ok) return;
    const { conversations } = /** @type {import("./shapes.js").ConversationsPage} */ (answer);
    for (const row of conversations) this.with(row.user).take(row);
    this.#changed();
  }

  #connection() {
    if (this.link.isLive) void this.#connected();
    else for (const talk of this.#talks.values()) talk.goneAway();
  }

  async #connected() {
    await this.refresh();
    for (const talk of this.#talks.values()) {
      if (talk.isLoaded || talk.isOpen) void talk.load();
      else talk.retryWaiting();
    }
  }

  /** @param {Message} message */
  #hear(message) {
    const isMine = message.from === this.me()?.id;
    const id = (isMine ? message.to : message.from) ?? "";
    const known = this.get(id);
    if (known) return known.hearMessage(message);
    // Written in another tab, to somebody of whom only the server knows the name.
    if (isMine) return void this.refresh();
    return this.with({ id, name: message.user?.name ?? id }).hearMessage(message);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
