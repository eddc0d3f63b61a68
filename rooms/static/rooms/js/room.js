// @ts-check
/** One room that this page is in, or wants to be in: joining, talking, and being right again after
 * every reconnect. Knows no DOM; the parts of the page listen to its "change" events.
 *
 * @typedef {import("./shapes.js").Denial} Denial
 * @typedef {import("./shapes.js").Member} Member
 * @typedef {import("./shapes.js").Message} Message
 * @typedef {import("./shapes.js").User} User
 * @typedef {"idle" | "joining" | "joined" | "denied" | "evicted" | "left"} RoomState
 */

import { keepOutgoing, keepReadPosition, outgoingOf, readPositionOf } from "./kept.js";
import { speaksTo } from "./mentions.js";
import { Timeline } from "./timeline.js";

const CATCH_UP_PAGES = 5;
const TYPING_EVERY_MS = 3_000;
const TYPING_SHOWN_MS = 5_000;
const MEMBERS_AFTER_MS = 400;
const REJOIN_AFTER_S = 3;
const MOST_SHOWN = 2_000;
/** Denials that say nothing about the room: coming back is tried again. */
const PASSING = new Set(["busy", "internal", "no_answer", "rate_limited"]);

export class Room extends EventTarget {
  /** @type {RoomState} */
  state = "idle";
  /** Why we are not in.
   * @type {Denial | null} */
  denial = null;
  /** @type {import("./shapes.js").Role} */
  role = null;
  /** Persons in the room, by the server's count. */
  count = 0;
  /** @type {Map<string, Member>} */
  members = new Map();
  /** @type {Map<string, {name: string, timer: number}>} */
  typing = new Map();
  timeline = new Timeline();
  /** Messages of others that have not been read yet, in any tab, and those that speak to us. */
  unread = 0;
  mentions = 0;
  /** The offset up to which this room has been read; null until it is joined.
   * @type {number | null} */
  readTo = null;
  /** Whether the end is being read, so that the other end may be forgotten. */
  isFollowed = true;
  /** Messages that a reconnect brought, until the page has said so. */
  caughtUp = 0;
  #typedAt = 0;
  #membersTimer = 0;
  #filling = false;

  /** @param {string} name
   * @param {import("./socket.js").Link} link
   * @param {() => User | null} me */
  constructor(name, link, me) {
    super();
    this.name = name;
    this.link = link;
    this.me = me;
    for (const message of outgoingOf(name)) this.timeline.queue({ ...message, state: "waiting" });
  }

  get isJoined() {
    return this.state === "joined";
  }

  /** Ask to come in, or to come in again.
   * @param {import("./shapes.js").Credentials} [credentials]
   * @returns {Promise<Denial | null>} why not */
  async join(credentials = {}) {
    const again = this.isJoined;
    if (!again) this.#become("joining");
    const since = this.timeline.epoch === null ? {} : this.#position();
    const answer = await this.link.ask("joinRoom", { room: this.name, ...credentials, ...since });
    if (answer.ok) {
      this.#enter(/** @type {import("./shapes.js").Joined} */ (answer), again);
      return null;
    }
    if (answer.code === "away") {
      // Not an answer about the room: the next connect asks again.
      return answer;
    }
    if (again && PASSING.has(answer.code)) {
      this.#joinLater(answer.retry_after ?? REJOIN_AFTER_S);
      return answer;
    }
    this.#refuse(again ? "evicted" : "denied", answer);
    return answer;
  }

  /** @returns {Promise<void>} */
  async leave() {
    this.members.clear();
    this.#become("left");
    await this.link.ask("leaveRoom", this.name);
  }

  /** The connection is gone: nobody is known to be here or typing until we are back. */
  goneAway() {
    this.typing.clear();
    for (const message of this.timeline.outgoing) {
      if (message.state === "sending") message.state = "waiting";
    }
    this.#changed();
  }

  /** Send a text, shown at once. It is sent again after a reconnect until the server has answered;
   * the nonce makes all those one message.
   * @param {string} text */
  send(text) {
    const at = new Date().toISOString();
    const nonce = window.crypto.randomUUID();
    this.timeline.queue({ nonce, text, at, state: "waiting", reason: null });
    this.#typedAt = 0;
    this.#keep();
    void this.retry(nonce);
  }

  /** @param {string} nonce */
  async retry(nonce) {
    const message = this.timeline.unsent(nonce);
    if (!message || message.state === "sending") return;
    if (!this.isJoined || !this.link.isLive) {
      message.state = "waiting";
      this.#changed();
      return;
    }
    message.state = "sending";
    this.#changed();
    const { text } = message;
    const answer = await this.link.ask("message", { room: this.name, text, nonce });
    if (answer.ok) this.#sent(message, /** @type {import("./shapes.js").Stored} */ (answer));
    else this.#notSent(message, answer);
  }

  /** @param {string} nonce */
  discard(nonce) {
    this.timeline.settle(nonce);
    this.#keep();
  }

  /** Tell the others that text is being typed; seldom enough to call it on every key. */
  typed() {
    const now = Date.now();
    if (!this.isJoined || now - this.#typedAt < TYPING_EVERY_MS) return;
    this.#typedAt = now;
    void this.link.ask("typing", this.name);
  }

  /** Read the page of messages before the oldest.
   * @returns {Promise<void>} */
  async loadOlder() {
    const before = this.timeline.oldest;
    if (before === null || this.#filling) return;
    await this.#read({ before }, (answer) => {
      this.timeline.hasOlder = answer.more;
    });
  }

  /** Read messages into a gap that a person asked to be filled.
   * @param {number} after  the offset before the gap
   * @param {number} before  the offset behind it
   * @returns {Promise<void>} */
  async fillGap(after, before) {
    await this.#read({ after }, (answer) => {
      const first = answer.messages[0]?.offset ?? null;
      if (first === null || first >= before) this.timeline.lost.add(after);
    });
  }

  /** @param {Message} message */
  hearMessage(message) {
    const mine = message.user?.id === this.me()?.id;
    if (mine && message.nonce) this.#settle(message.nonce);
    const added = this.timeline.addPage([message]);
    if (this.isFollowed) this.timeline.trim(MOST_SHOWN);
    if (message.user?.id) this.#stopTyping(message.user.id);
    if (added && !mine) this.dispatchEvent(new CustomEvent("arrived", { detail: message }));
    if (message.offset === null) this.#countUnkept(message, added > 0 && !mine);
    this.#changed();
    if (this.isJoined) void this.#fillHoles();
  }

  /** @param {import("./shapes.js").Presence} presence */
  hearNewUser({ user, members, sockets }) {
    this.count = members;
    const known = this.members.get(user.id ?? "");
    if (known) known.sockets = sockets;
    else this.readMembersSoon();
    const isNews = !known && sockets === 1 && user.id !== this.me()?.id;
    if (isNews) this.timeline.presence(user.name, true);
    this.#changed();
  }

  /** @param {import("./shapes.js").Presence} presence */
  hearUserLeft({ user, members, sockets }) {
    this.count = members;
    const known = this.members.get(user.id ?? "");
    this.#stopTyping(user.id ?? "");
    if (sockets === 0) {
      this.members.delete(user.id ?? "");
      this.timeline.presence(user.name, false);
    } else if (known) {
      known.sockets = sockets;
    }
    this.#changed();
  }

  /** @param {number} members */
  hearMembersChanged(members) {
    this.count = members;
    this.readMembersSoon();
    this.#changed();
  }

  /** @param {User} user */
  hearTyping(user) {
    if (!user.id || user.id === this.me()?.id) return;
    window.clearTimeout(this.typing.get(user.id)?.timer);
    const id = user.id;
    const timer = window.setTimeout(() => {
      this.#stopTyping(id);
      this.#changed();
    }, TYPING_SHOWN_MS);
    this.typing.set(id, { name: user.name, timer });
    this.#changed();
  }

  /** @param {number} offset */
  hearRemoved(offset) {
    this.timeline.remove(offset);
    this.#changed();
  }

  /** @param {Denial} denial */
  hearKicked(denial) {
    this.#refuse("evicted", denial);
  }

  /** The server knows that messages did not reach us: read what is missing. */
  async hearMissed() {
    await this.#read({ after: this.timeline.seen }, () => undefined);
    void this.#fillHoles();
  }

  /** All that is here has been read; the other tabs hear of it by the "read" event. */
  markRead() {
    const newest = this.timeline.newest;
    const isFurther = newest !== null && newest > (this.readTo ?? 0);
    if (!isFurther && this.unread === 0) return;
    this.hearRead(newest);
    this.dispatchEvent(new CustomEvent("read", { detail: newest }));
  }

  /** It has been read up to an offset, here or in another tab; null where none are kept.
   * @param {number | null} offset */
  hearRead(offset) {
    if (offset === null) this.unread = this.mentions = 0;
    else this.#readTo(offset);
    this.#changed();
  }

  /** Ask who is here, once for many reasons at a time. */
  readMembersSoon() {
    window.clearTimeout(this.#membersTimer);
    this.#membersTimer = window.setTimeout(() => void this.#readMembers(), MEMBERS_AFTER_MS);
  }

  /** @param {import("./shapes.js").Joined} answer @param {boolean} again */
  #enter(answer, again) {
    const added = this.timeline.join(answer);
    this.#findReadPosition(answer);
    this.caughtUp = again ? added : 0;
    this.role = answer.role;
    this.count = answer.members;
    this.#become("joined");
    void this.#readMembers();
    void this.#fillHoles(answer.offset);
    for (const message of this.timeline.outgoing) {
      if (message.state === "waiting") void this.retry(message.nonce);
    }
  }

  /** @param {number} delay_s */
  #joinLater(delay_s) {
    window.setTimeout(() => {
      if (this.isJoined && this.link.isLive) void this.join();
    }, delay_s * 1_000);
  }

  async #readMembers() {
    const answer = await this.link.ask("members", this.name);
    if (!answer.ok || !this.isJoined) return;
    const { members, count } = /** @type {import("./shapes.js").MembersPage} */ (answer);
    this.members = new Map(members.map((member) => [member.id, member]));
    this.count = count;
    this.#changed();
  }

  /** Read on until nothing is missing up to the newest message; a hole of many pages stays a gap.
   * @param {number | null} [target]  an offset that we know to exist */
  async #fillHoles(target = null) {
    if (this.#filling) return;
    this.#filling = true;
    try {
      for (let page = 0; page < CATCH_UP_PAGES; page += 1) {
        const isBehind = target !== null && this.timeline.seen < target;
        if (!this.timeline.hole() && !isBehind) return;
        const added = await this.#catchUp();
        if (added === null) return;
        if (added === 0) break;
        this.caughtUp += added;
      }
      await this.#read({}, () => this.timeline.skipHoles());
    } finally {
      this.#filling = false;
      this.#changed();
    }
  }

  /** @returns {Promise<number | null>} how many messages came; null if nobody answered */
  #catchUp() {
    return this.#read({ after: this.timeline.seen }, () => undefined);
  }

  /** @param {{before?: number, after?: number}} bounds
   * @param {(answer: import("./shapes.js").HistoryPage) => void} then
   * @returns {Promise<number | null>} how many messages were new; null if there was no answer */
  async #read(bounds, then) {
    const answer = await this.link.ask("history", { room: this.name, ...bounds });
    if (!answer.ok) return null;
    const history = /** @type {import("./shapes.js").HistoryPage} */ (answer);
    if (history.epoch !== this.timeline.epoch) return null;
    const added = this.timeline.addPage(history.messages);
    then(history);
    this.#changed();
    return added;
  }

  #position() {
    return { since: this.timeline.seen, epoch: this.timeline.epoch };
  }

  /** @param {import("./timeline.js").Outgoing} outgoing
   * @param {import("./shapes.js").Stored} answer */
  #sent({ nonce, text }, { id, offset, at }) {
    this.#settle(nonce);
    const message = { id, room: this.name, offset, user: this.me(), text, at, nonce };
    this.timeline.addPage([message]);
    this.#changed();
    void this.#fillHoles();
  }

  /** @param {import("./timeline.js").Outgoing} outgoing @param {Denial} denial */
  #notSent(outgoing, denial) {
    if (!this.timeline.unsent(outgoing.nonce)) return;
    const isAway = denial.code === "away";
    outgoing.state = isAway ? "waiting" : "failed";
    outgoing.reason = isAway ? null : denial.message;
    this.#keep();
  }

  /** @param {string} nonce */
  #settle(nonce) {
    if (!this.timeline.unsent(nonce)) return;
    this.timeline.settle(nonce);
    this.#keep();
  }

  #keep() {
    keepOutgoing(this.name, this.timeline.outgoing);
    this.#changed();
  }

  /** @param {string} id */
  #stopTyping(id) {
    window.clearTimeout(this.typing.get(id)?.timer);
    this.typing.delete(id);
  }

  /** @param {RoomState} state @param {Denial} denial */
  #refuse(state, denial) {
    this.members.clear();
    this.typing.clear();
    this.#become(state, denial);
  }

  /** @param {RoomState} state @param {Denial | null} [denial] */
  #become(state, denial = null) {
    this.state = state;
    this.denial = denial;
    this.#changed();
  }

  /** What another visit has read counts; what was said before the first one does not.
   * @param {import("./shapes.js").Joined} answer */
  #findReadPosition({ epoch, offset }) {
    if (epoch === null || offset === null) return;
    const kept = readPositionOf(this.name);
    // What is kept of a room that was made anew since says nothing of this one.
    if (kept?.epoch !== epoch) this.readTo = null;
    this.#readTo(kept?.epoch === epoch ? kept.offset : offset);
  }

  /** @param {number} offset */
  #readTo(offset) {
    const epoch = this.timeline.epoch;
    const isFurther = this.readTo === null || offset > this.readTo;
    if (isFurther) this.readTo = offset;
    if (isFurther && epoch !== null) keepReadPosition(this.name, { epoch, offset });
  }

  /** @param {Message} message @param {boolean} isNews */
  #countUnkept(message, isNews) {
    if (!isNews) return;
    this.unread += 1;
    if (speaksTo(message.text, this.me()?.name)) this.mentions += 1;
  }

  #countUnread() {
    if (this.readTo === null) return;
    const me = this.me();
    const unread = this.timeline.after(this.readTo).filter(({ user }) => user?.id !== me?.id);
    this.unread = unread.length;
    this.mentions = unread.filter((message) => speaksTo(message.text, me?.name)).length;
  }

  #changed() {
    this.#countUnread();
    this.dispatchEvent(new Event("change"));
  }
}
