// @ts-check
/** The middle of the page: a welcome, a room that is being joined or refused, or the room itself. */

import { wholeText } from "./clock.js";
import { part, partAs, setIcon, setText, show } from "./dom.js";
import { canBeSolved } from "./join_dialog.js";
import { loginUrl, page } from "./page.js";
import { knownText, listText, text } from "./texts.js";

/** @typedef {import("./room.js").Room} Room
 * @typedef {import("./shapes.js").Denial} Denial
 * @typedef {{heading: string, words: string, icon: string, denial: Denial | null, again: string | null}} Notice */

const MOST_TYPING = 3;

export class Pane {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.main = part(root, "main");
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
  }

  /** No room is open.
   * @param {Denial | null} denial  why the namespace itself is refused */
  renderLobby(denial) {
    setText(this.heading, page.namespace.title);
    show(this.title, false);
    show(this.role, false);
    this.#only(denial ? this.notice : this.welcome, false);
    if (denial) this.#renderNotice(refusal(headingOf(denial), denial));
  }

  /** @param {Room} room
   * @param {import("./shapes.js").RoomRow | undefined} row
   * @param {Denial | null} denial  why the namespace itself is refused */
  render(room, row, denial) {
    setText(this.heading, room.name);
    const title = row && row.title !== room.name ? row.title : "";
    setText(this.title, title);
    show(this.title, title !== "");
    const notice = denial ? refusal(headingOf(denial), denial) : noticeOf(room);
    setText(this.role, room.role && !notice ? text(`my_role.${room.role}`) : "");
    show(this.role, room.role !== null && !notice);
    this.#only(notice ? this.notice : this.talk, room.isJoined && !notice);
    if (notice) this.#renderNotice(notice);
    else this.#renderTyping(room);
  }

  /** @param {HTMLElement} shown @param {boolean} isInside */
  #only(shown, isInside) {
    for (const each of [this.welcome, this.notice, this.talk]) show(each, each === shown);
    for (const each of [this.leave, this.membersToggle, this.members]) show(each, isInside);
    this.main.classList.toggle("main--inside", isInside);
  }

  /** @param {Notice} notice */
  #renderNotice({ heading, words, icon, denial, again }) {
    setText(part(this.notice, "notice-heading"), heading);
    setText(part(this.notice, "notice-words"), words);
    setIcon(part(this.notice, "notice-icon"), icon);
    const facts = denial ? factsOf(denial) : "";
    setText(part(this.notice, "notice-facts"), facts);
    show(part(this.notice, "notice-facts"), facts !== "");
    setText(this.again, again ?? "");
    show(this.again, again !== null);
    const signIn = partAs(this.notice, "notice-sign-in", HTMLAnchorElement);
    signIn.href = loginUrl();
    const wasSignedOut = denial?.code === "signed_out" && page.user !== null;
    show(signIn, denial?.code === "login_required" || wasSignedOut);
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
 * @returns {Notice | null} */
function noticeOf(room) {
  const values = { room: room.name };
  if (room.isJoined) return null;
  if (room.state === "left") {
    return {
      heading: text("you_left", values),
      words: text("you_left_words"),
      icon: "door",
      denial: null,
      again: text("join_again"),
    };
  }
  if (room.denial) {
    const own = knownText(`refused.${room.denial.code}`);
    const key = room.state === "evicted" ? "evicted" : "refused";
    return refusal(own ?? text(key, values), room.denial);
  }
  return { heading: text("joining", values), words: "", icon: "door", denial: null, again: null };
}

/** @param {Denial} denial  why there is no way into the namespace */
const headingOf = ({ code }) => text(code === "signed_out" ? "signed_out" : "namespace_refused");

/** @param {string} heading @param {Denial} denial @returns {Notice} */
function refusal(heading, denial) {
  const isPassword = denial.code === "password_required" || denial.code === "wrong_password";
  return {
    heading,
    words: denial.message,
    icon: canBeSolved(denial) ? "lock" : "stop",
    denial,
    again: againText(denial.code, isPassword),
  };
}

/** @param {string} code @param {boolean} isPassword */
function againText(code, isPassword) {
  if (code === "login_required") return null;
  if (code === "signed_out") return text("load_again");
  return text(isPassword ? "enter_password" : "try_again");
}

/** What is known beside the message: why, until when, and the word that finds it in the admin.
 * @param {Denial} denial */
function factsOf({ code, reason, until, ref }) {
  return [
    reason && text("fact.reason", { reason }),
    until && text("fact.until", { until: wholeText(new Date(until)) }),
    knownText(`next.${code}`),
    ref && text("reference", { ref }),
  ]
    .filter(Boolean)
    .join("\n");
}
