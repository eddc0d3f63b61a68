// @ts-check
/** The middle of the page: a welcome, a room that is being joined or refused, or the room itself. */

import { copyTemplate, part, partAs, reconcile, setIcon, setText, show } from "./dom.js";
import { untilText, wholeText } from "./clock.js";
import { wayIn } from "./join_dialog.js";
import { loginUrl, page } from "./page.js";
import { knownText, listText, text } from "./texts.js";
import { isWaitedFor } from "./watches.js";

/** @typedef {import("./room.js").Room} Room
 * @typedef {import("./shapes.js").Denial} Denial
 * @typedef {import("./shapes.js").RoomRow} RoomRow
 * @typedef {{heading: string, words: string, icon: string, tone: "calm" | "stop" | "door",
 *            denial: Denial | null, again: string | null, canWatch: boolean}} Notice
 * @typedef {{isWatched: boolean, isLive: boolean}} Around  what is so beside the room */

const MOST_TYPING = 3;
/** A refusal that nothing done here can change. */
const FINAL = new Set(["banned", "unknown_room", "unknown_namespace"]);

export class Pane {
  /** Refusals that the list has shown, too: once it does not, they are over.
   * @type {WeakSet<Denial>} */
  #listed = new WeakSet();

  /** @param {HTMLElement} root */
  constructor(root) {
    this.main = part(root, "main");
    this.head = part(root, "room-head");
    this.heading = part(root, "room-heading");
    this.title = part(root, "room-title");
    this.role = part(root, "room-role");
    this.leave = partAs(root, "leave", HTMLButtonElement);
    this.membersToggle = part(root, "members-toggle");
    this.members = part(root, "members");
    this.welcome = part(root, "welcome");
    this.notice = part(root, "notice");
    this.talk = part(root, "talk");
    this.typing = part(root, "typing");
    this.again = partAs(root, "notice-again", HTMLButtonElement);
    this.watch = partAs(root, "notice-watch", HTMLButtonElement);
  }

  /** No room is open.
   * @param {Denial | null} denial  why the namespace itself is refused
   * @param {Around} around
   * @param {boolean} hasRooms */
  renderLobby(denial, around, hasRooms) {
    setText(this.heading, page.namespace.title);
    show(this.title, false);
    show(this.role, false);
    setText(part(this.welcome, "welcome-heading"), text(hasRooms ? "choose_room" : "no_rooms"));
    show(part(this.welcome, "welcome-lead"), hasRooms);
    this.#only(denial ? this.notice : this.welcome, false);
    if (denial) this.#renderNotice(refusal(headingOf(denial), denial, true), around);
  }

  /** @param {Room} room
   * @param {RoomRow | undefined} row
   * @param {Denial | null} denial  why the namespace itself is refused
   * @param {Around} around */
  render(room, row, denial, around) {
    setText(this.heading, room.name);
    const title = row && row.title !== room.name ? row.title : "";
    setText(this.title, title);
    show(this.title, title !== "");
    const notice = denial
      ? refusal(headingOf(denial), denial, true)
      : noticeOf(room, row, around.isLive, this.#isLifted(room, row));
    setText(this.role, room.role && !notice ? text(`my_role.${room.role}`) : "");
    show(this.role, room.role !== null && !notice);
    const hadFocus = this.talk.contains(document.activeElement);
    this.#only(notice ? this.notice : this.talk, room.isJoined && !notice);
    if (notice) this.#renderNotice(notice, around);
    else this.#renderTyping(room);
    // What was being used is gone: the keyboard and the screen reader go on where it is said why.
    if (notice && hadFocus) part(this.notice, "notice-heading").focus();
  }

  /** The list may be older than a refusal, and says nothing of its end until it has shown it. A ban
   * may end where something else is asked; whatever else it was is over when nothing is.
   * @param {Room} room @param {RoomRow | undefined} row */
  #isLifted({ denial }, row) {
    if (!denial || row === undefined) return false;
    if (row.code === denial.code) this.#listed.add(denial);
    const isGone = denial.code === "banned" ? row.code !== "banned" : row.code === null;
    return isGone && this.#listed.has(denial);
  }

  /** @param {HTMLElement} shown @param {boolean} isInside */
  #only(shown, isInside) {
    for (const each of [this.welcome, this.notice, this.talk]) show(each, each === shown);
    for (const each of [this.leave, this.membersToggle, this.members]) show(each, isInside);
    this.main.classList.toggle("main--inside", isInside);
  }

  /** @param {Notice} notice @param {Around} around */
  #renderNotice({ heading, words, icon, tone, denial, again, canWatch }, { isWatched }) {
    this.notice.dataset.tone = tone;
    setText(part(this.notice, "notice-heading"), heading);
    setText(part(this.notice, "notice-words"), words);
    setIcon(part(this.notice, "notice-icon"), icon);
    this.#renderFacts(denial);
    setText(this.again, again ?? "");
    show(this.again, again !== null);
    const signIn = partAs(this.notice, "notice-sign-in", HTMLAnchorElement);
    signIn.href = loginUrl();
    const wasSignedOut = denial?.code === "signed_out" && page.user !== null;
    show(signIn, denial?.code === "login_required" || wasSignedOut);
    show(this.watch, canWatch);
    this.watch.setAttribute("aria-pressed", String(isWatched));
    setText(part(this.watch, "text"), watchText(denial, isWatched));
  }

  /** Beside the message: why, until when, what to do, and the word that finds it in the admin.
   * @param {Denial | null} denial */
  #renderFacts(denial) {
    const facts = denial ? factsOf(denial) : [];
    const box = part(this.notice, "notice-facts");
    show(box, facts.length > 0);
    reconcile(
      box,
      facts,
      (fact) => fact.name,
      () => copyTemplate("fact"),
      (element, fact) => {
        setText(part(element, "name"), fact.name);
        setText(part(element, "value"), fact.value);
      },
    );
    const next = (denial && knownText(`next.${denial.code}`)) ?? "";
    setText(part(this.notice, "notice-next"), next);
    show(part(this.notice, "notice-next"), next !== "");
    const ref = denial?.ref ? text("reference", { ref: denial.ref }) : "";
    setText(part(this.notice, "notice-ref"), ref);
    show(part(this.notice, "notice-ref"), ref !== "");
  }

  /** @param {Room} room */
  #renderTyping({ typing }) {
    const names = [...typing.values()].map(({ name }) => name);
    const shown = names.length > MOST_TYPING ? null : listText(names);
    const one = names.length === 1 ? "typing_one" : "typing_some";
    const words = shown === null ? text("typing_many") : text(one, { names: shown });
    setText(this.typing, names.length ? words : "");
  }
}

/** What stands in place of the talk, if the room is not joined.
 * @param {Room} room
 * @param {RoomRow | undefined} row
 * @param {boolean} isLive
 * @param {boolean} isLifted  whether what kept the visitor out does so no more
 * @returns {Notice | null} */
function noticeOf(room, row, isLive, isLifted) {
  const values = { room: room.name };
  if (room.isJoined) return null;
  const plain = { icon: "door", tone: /** @type {const} */ ("calm"), denial: null, canWatch: false };
  if (room.state === "left") {
    const words = { heading: text("you_left", values), words: text("you_left_words") };
    return { ...plain, ...words, again: text("join_again") };
  }
  if (!room.denial) {
    const words = isLive ? "" : text("away");
    return { ...plain, heading: text("joining", values), words, again: null };
  }
  const { code } = room.denial;
  const isOver = isWaitedFor(code) && row !== undefined && !isWaitedFor(row.code);
  if (isOver || isLifted) {
    const key = `over.${code}`;
    const heading = text(knownText(key) === null ? "over" : key, values);
    const words = text(isLifted ? "over_words.lifted" : "over_words");
    return { ...plain, heading, words, again: text("join") };
  }
  const own = room.state === "evicted" ? "evicted" : "refused";
  const key = `${own}.${room.denial.code}`;
  const heading = text(knownText(key) === null ? own : key, values);
  return refusal(heading, room.denial, row !== undefined);
}

/** A refusal in one breath, for those who listen or look elsewhere: until when it holds in the
 * visitor's own time, which the server's sentence does not know.
 * @param {string} room @param {Denial} denial
 * @returns {string} */
export function denialText(room, { code, message, reason, until }) {
  const key = `refused.${code}`;
  if (!until || knownText(key) === null) return message;
  const parts = [
    text(key, { room }),
    text("until_is", { until: untilText(new Date(until), new Date()) }),
    reason ? text("reason_is", { reason }) : "",
  ];
  return parts.filter(Boolean).join(" · ");
}

/** @param {Denial} denial  why there is no way into the namespace */
function headingOf({ code }) {
  if (code === "banned") return text("refused.banned", { room: page.namespace.title });
  return text(code === "signed_out" || code === "namespace_closed" ? code : "namespace_refused");
}

/** @param {string} heading @param {Denial} denial @param {boolean} isListed @returns {Notice} */
function refusal(heading, denial, isListed) {
  const way = wayIn(denial.code);
  return {
    heading,
    words: wordsOf(denial),
    icon: page.stateIcons[denial.code] ?? (way ? "lock" : "stop"),
    tone: way || denial.retry_after !== undefined ? "door" : "stop",
    denial,
    again: againText(denial.code),
    canWatch: isListed && isWaitedFor(denial.code),
  };
}

/** The server's sentence, unless the heading and the facts below say the same: those in the
 * visitor's own time.
 * @param {Denial} denial */
const wordsOf = ({ message, code, retry_after }) =>
  code === "rate_limited" && retry_after !== undefined
    ? text("too_many_attempts")
    : (knownText(`told.${code}`) ?? message);

/** @param {string} code */
function againText(code) {
  if (FINAL.has(code)) return null;
  const way = wayIn(code);
  if (way === "sign_in") return null;
  if (code === "signed_out") return text("load_again");
  if (code === "kicked") return text("join_again");
  return text(way === null ? "try_again" : `bring.${way}`);
}

/** @param {Denial | null} denial @param {boolean} isWatched */
function watchText(denial, isWatched) {
  if (isWatched) return text("watching");
  return text(denial?.code === "room_full" ? "notify_me" : "watch");
}

/** @param {Denial} denial */
function factsOf({ code, reason, until }) {
  const end = code === "room_closed" ? "fact.opens" : "fact.until";
  return [
    { name: text("fact.reason"), value: reason ?? "" },
    { name: text(end), value: until ? wholeText(new Date(until)) : "" },
  ].filter(({ value }) => value !== "");
}
