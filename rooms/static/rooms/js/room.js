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

import { Talk } from "./talk.js";

const TYPING_EVERY_MS = 3_000;
const TYPING_SHOWN_MS = 5_000;
const MEMBERS_AFTER_MS = 400;
const REJOIN_AFTER_S = 3;
/** A refusal is over a little later here than there. */
const LATER_MS = 150;
const LONGEST_WAIT_MS = 86_400_000;
/** Denials that say nothing about the room: coming back is tried again. */
const PASSING = new Set(["busy", "internal", "no_answer", "rate_limited"]);
/** Refusals of a message that hold for the next ones, too. */
const LASTING = new Set(["muted", "read_only", "rate_limited", "forbidden"]);

export class Room extends Talk {
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
  /** What our person may do here; null until the server has said so.
   * @type {import("./shapes.js").Rights | null} */
  rights = null;
  /** Who is banned and muted, as a moderator may know.
   * @type {{bans: import("./shapes.js").Sanction[], mutes: import("./shapes.js").Sanction[]}} */
  sanctions = { bans: [], mutes: [] };
  /** Until when no message is taken, in ms since 1970; null: for no known time. */
  freeAt = 0;
  #typedAt = 0;
  #membersTimer = 0;
  #refusalTimer = 0;

  /** @param {string} name
   * @param {import("./socket.js").Link} link
   * @param {() => User | null} me */
  constructor(name, link, me) {
    super(name, link, me);
    this.name = name;
  }

  get title() {
    return this.name;
  }

  get kind() {
    return /** @type {const} */ ("room");
  }

  get isJoined() {
    return this.state === "joined";
  }

  get isSilenced() {
    const refusal = this.rights?.refusal;
    return Boolean(refusal && !refusal.retry_after);
  }

  get canSend() {
    return this.isJoined && this.link.isLive;
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
    this.#forgetPeople();
    this.#become("left");
    await this.link.ask("leaveRoom", this.name);
  }

  /** The connection is gone: nobody is known to be typing until we are back. */
  goneAway() {
    this.typing.clear();
    super.goneAway();
  }

  /** @param {string} text */
  send(text) {
    this.#typedAt = 0;
    super.send(text);
  }

  /** @param {string} text @param {string} nonce
   * @returns {Promise<import("./talk.js").Stored | Denial>} */
  post(text, nonce) {
    return this.link.ask("message", { room: this.name, text, nonce });
  }

  /** @param {{before?: number, after?: number}} bounds
   * @returns {Promise<import("./talk.js").HistoryPage | Denial>} */
  ask(bounds) {
    return this.link.ask("history", { room: this.name, ...bounds });
  }

  /** Tell the others that text is being typed; seldom enough to call it on every key. */
  typed() {
    const now = Date.now();
    if (!this.canSend || this.rights?.refusal || now - this.#typedAt < TYPING_EVERY_MS) return;
    this.#typedAt = now;
    void this.link.ask("typing", this.name);
  }

  /** @param {Message} message */
  hearMessage(message) {
    if (message.user?.id) this.#stopTyping(message.user.id);
    super.hearMessage(message);
    if (this.isJoined) void this.fillHoles();
  }

  /** @param {import("./shapes.js").Presence} presence */
  hearNewUser({ user, members, sockets }) {
    this.count = members;
    const known = this.members.get(user.id ?? "");
    if (known) known.sockets = sockets;
    else this.readMembersSoon();
    const isNews = !known && sockets === 1 && user.id !== this.me()?.id;
    if (isNews) this.timeline.presence(user.name, true, new Date().toISOString());
    this.changed();
  }

  /** @param {import("./shapes.js").Presence} presence */
  hearUserLeft({ user, members, sockets }) {
    this.count = members;
    const known = this.members.get(user.id ?? "");
    this.#stopTyping(user.id ?? "");
    if (sockets === 0) {
      this.members.delete(user.id ?? "");
      this.timeline.presence(user.name, false, new Date().toISOString());
    } else if (known) {
      known.sockets = sockets;
    }
    this.changed();
  }

  /** @param {number} members */
  hearMembersChanged(members) {
    this.count = members;
    this.readMembersSoon();
    this.changed();
  }

  /** @param {User} user */
  hearTyping(user) {
    if (!user.id || user.id === this.me()?.id) return;
    window.clearTimeout(this.typing.get(user.id)?.timer);
    const id = user.id;
    const timer = window.setTimeout(() => {
      this.#stopTyping(id);
      this.changed();
    }, TYPING_SHOWN_MS);
    this.typing.set(id, { name: user.name, timer });
    this.changed();
  }

  /** @param {number} offset */
  hearRemoved(offset) {
    this.timeline.remove(offset);
    this.changed();
  }

  /** @param {Denial} denial */
  hearKicked(denial) {
    this.#refuse("evicted", denial);
  }

  /** The server knows that messages did not reach us: read what is missing. */
  async hearMissed() {
    await this.read({ after: this.timeline.seen }, () => undefined);
    void this.fillHoles();
  }

  /** Ask who is here, once for many reasons at a time. */
  readMembersSoon() {
    window.clearTimeout(this.#membersTimer);
    this.#membersTimer = window.setTimeout(() => void this.#readMembers(), MEMBERS_AFTER_MS);
  }

  /** Ask what our person may do here, and as a moderator what has been done to others. */
  async readRights() {
    const answer = await this.link.ask("rights", this.name);
    if (!answer.ok || !this.isJoined) return;
    this.rights = /** @type {import("./shapes.js").Rights} */ (answer);
    this.role = this.rights.role;
    this.#holdBack();
    if (this.rights.moderates) await this.#readSanctions();
    this.changed();
  }

  /** What our person may do is otherwise. Those who gain or lose power ask for the rest of it.
   * @param {import("./shapes.js").RightsNews} news */
  hearRights(news) {
    const { rights } = this;
    this.role = news.role;
    if (rights?.role !== news.role || rights.moderates !== news.moderates) return void this.readRights();
    // The server speaks of the room: how long our own pace holds us back is known here.
    const isPaced = news.refusal === null && news.slow_mode_s > 0 && this.freeAt > Date.now();
    this.rights = { ...rights, ...news, refusal: isPaced ? rights.refusal : news.refusal };
    if (!isPaced) this.#holdBack();
    return this.changed();
  }

  /** Somebody who is here has another role.
   * @param {import("./shapes.js").RoleNews} news */
  hearRole({ user, role }) {
    const known = this.members.get(user.id ?? "");
    if (!known) return this.readMembersSoon();
    known.role = role;
    return this.changed();
  }

  /** @param {import("./timeline.js").Outgoing} outgoing
   * @param {import("./shapes.js").Stored} answer */
  sent(outgoing, answer) {
    super.sent(outgoing, answer);
    const { rights } = this;
    // It was taken after all: what was refused before is not any more.
    if (rights?.refusal && !rights.slow_mode_s) void this.readRights();
    if (!rights?.slow_mode_s) return;
    const code = "rate_limited";
    rights.refusal = { ok: false, code, message: "", retry_after: rights.slow_mode_s };
    this.#holdBack();
    this.changed();
  }

  /** @param {import("./timeline.js").Outgoing} outgoing @param {Denial} denial */
  notSent(outgoing, denial) {
    super.notSent(outgoing, denial);
    if (LASTING.has(denial.code)) void this.readRights();
  }

  /** @param {import("./shapes.js").Joined} answer @param {boolean} again */
  #enter(answer, again) {
    const isFirst = this.timeline.epoch === null;
    const added = this.timeline.join(answer);
    this.findReadPosition(answer.offset);
    this.caughtUp = again ? added : 0;
    if (isFirst) this.#markUnread();
    this.role = answer.role;
    this.count = answer.members;
    this.#become("joined");
    void this.#readMembers();
    void this.readRights();
    void this.fillHoles(answer.offset);
    this.retryWaiting();
  }

  /** Find where this browser had read to, when the page has just come in. */
  #markUnread() {
    if (this.readTo === null) return;
    const me = this.me()?.id;
    const unread = this.timeline.after(this.readTo).filter(({ user }) => user?.id !== me);
    this.unreadFrom = unread.at(-1)?.id ?? null;
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
    if (this.rights?.moderates) await this.#readSanctions();
    this.changed();
  }

  async #readSanctions() {
    const answer = await this.link.ask("sanctions", this.name);
    if (!answer.ok) return;
    const { bans, mutes } = /** @type {import("./shapes.js").SanctionsPage} */ (answer);
    this.sanctions = { bans, mutes };
  }

  /** A refusal that ends is asked about again when it does. */
  #holdBack() {
    window.clearTimeout(this.#refusalTimer);
    const { retry_after, until } = this.rights?.refusal ?? {};
    this.freeAt = retry_after ? Date.now() + retry_after * 1_000 : until ? Date.parse(until) : 0;
    if (!this.freeAt) return;
    const wait_ms = Math.max(0, this.freeAt - Date.now()) + LATER_MS;
    // A timer of more than 24 days would fire at once.
    this.#refusalTimer = window.setTimeout(
      () => void this.readRights(),
      Math.min(wait_ms, LONGEST_WAIT_MS),
    );
  }

  #position() {
    return { since: this.timeline.seen, epoch: this.timeline.epoch };
  }

  /** @param {string} id */
  #stopTyping(id) {
    window.clearTimeout(this.typing.get(id)?.timer);
    this.typing.delete(id);
  }

  #forgetPeople() {
    window.clearTimeout(this.#refusalTimer);
    this.members.clear();
    this.typing.clear();
    this.rights = null;
    this.sanctions = { bans: [], mutes: [] };
    this.freeAt = 0;
  }

  /** @param {RoomState} state @param {Denial} denial */
  #refuse(state, denial) {
    this.#forgetPeople();
    const { retry_after, until } = denial;
    // Seconds from now are wrong a second later; the instant stays right for as long as it stands.
    const isTimed = retry_after !== undefined && until === undefined;
    const end = isTimed ? { until: new Date(Date.now() + retry_after * 1_000).toISOString() } : {};
    this.#become(state, { ...denial, ...end });
  }

  /** @param {RoomState} state @param {Denial | null} [denial] */
  #become(state, denial = null) {
    this.state = state;
    this.denial = denial;
    this.changed();
  }
}
