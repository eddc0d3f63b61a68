// @ts-check
/** The log of messages of the open room or conversation, and where it is scrolled to. */

import { clockText, dayText, wholeText } from "./clock.js";
import { askForMenu, copyTemplate, isFocusLost, part, partAs, reconcile, setText, show } from "./dom.js";
import { setRichText } from "./links.js";
import { logRows } from "./log_rows.js";
import { isGuest, paintAvatar } from "./person.js";
import { countText, listText, text } from "./texts.js";

/** @typedef {import("./talk.js").Talk} Talk
 * @typedef {import("./shapes.js").Message} Message
 * @typedef {import("./log_rows.js").Row} Row
 * @typedef {import("./log_rows.js").MessageRow} MessageRow */

const NEAR_END_PX = 80;
const NEAR_START_PX = 200;
/** "Ann, Bob and Eve", but "Ann, Bob and 2 others". */
const MOST_NAMES = 3;

export class LogView {
  /** @type {Talk | null} */
  #talk = null;
  #isAtEnd = true;
  /** Of the rows, when they were last looked at. */
  #height = 0;
  #isLoading = false;
  /** What each row shows, to leave alone what has not changed.
   * @type {WeakMap<HTMLElement, string>} */
  #shown = new WeakMap();
  /** @type {WeakMap<HTMLElement, Message>} */
  #messages = new WeakMap();

  /** @param {HTMLElement} root @param {() => import("./shapes.js").User | null} me */
  constructor(root, me) {
    this.me = me;
    this.scroller = part(root, "log-scroller");
    this.list = part(root, "log");
    this.older = part(root, "older");
    this.start = part(root, "log-start");
    this.latest = part(root, "latest");
    this.scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.older.addEventListener("click", () => void this.#loadOlder());
    this.latest.addEventListener("click", () => this.toEnd());
    this.list.addEventListener("click", (event) => this.#clicked(event));
    this.list.addEventListener("keydown", (event) => this.#pressed(event));
    this.list.addEventListener("focusin", (event) => this.#focused(event));
    const resized = new ResizeObserver(() => this.#isAtEnd && this.toEnd());
    resized.observe(this.scroller);
    resized.observe(this.list);
  }

  /** @param {Talk} talk */
  render(talk) {
    if (talk !== this.#talk) this.close();
    this.#talk = talk;
    const { timeline } = talk;
    const rows = logRows(timeline, this.me(), talk.unreadFrom);
    setText(part(this.start, "text"), text(startKey(talk, rows), { name: talk.title }));
    const mine = this.me()?.id;
    const lastOfMine = rows.findLast(
      (row) => row.type === "message" && !row.outgoing && row.message.user?.id === mine,
    );
    const update = (/** @type {HTMLElement} */ element, /** @type {Row} */ row) =>
      this.#update(element, row, row === lastOfMine);
    const hadFocus = this.scroller.contains(document.activeElement);
    this.#keepPlace(() => {
      show(this.start, !timeline.hasOlder);
      show(this.older, timeline.hasOlder);
      reconcile(this.list, rows, (row) => row.key, create, update);
    });
    this.#keepOneStop();
    this.#read();
    if (hadFocus) this.#refocus();
  }

  /** Nobody looks at this talk any more. */
  close() {
    if (!this.#talk) return;
    this.#talk.isFollowed = true;
    this.#talk.isWatched = false;
    this.#talk = null;
    this.list.replaceChildren();
    this.#isAtEnd = true;
  }

  /** Show the newest message. */
  toEnd() {
    this.#isAtEnd = true;
    this.#height = this.scroller.scrollHeight;
    this.scroller.scrollTop = this.#height;
    this.#read();
  }

  /** A button that goes with what it did, such as of a message that is thrown away, leaves the
   * keyboard at the log and not at the top of the page. */
  #refocus() {
    if (isFocusLost()) this.scroller.focus({ preventScroll: true });
  }

  /** Change the rows without moving what is being read: the end stays the end, and otherwise the
   * first message on the screen stays where it is.
   * @param {() => void} change */
  #keepPlace(change) {
    const anchor = this.#isAtEnd ? null : this.#firstOnScreen();
    const before = anchor?.getBoundingClientRect().top ?? 0;
    change();
    if (this.#isAtEnd) this.scroller.scrollTop = this.scroller.scrollHeight;
    else if (anchor?.isConnected) {
      const moved = anchor.getBoundingClientRect().top - before;
      if (moved) this.scroller.scrollTop += moved;
    }
    this.#height = this.scroller.scrollHeight;
  }

  /** The first message: a line between messages, such as a day's, goes up with what comes before it.
   * @returns {Element | null} */
  #firstOnScreen() {
    const { top } = this.scroller.getBoundingClientRect();
    const rows = this.list.children;
    let [low, high] = [0, rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle].getBoundingClientRect().bottom <= top) low = middle + 1;
      else high = middle;
    }
    const first = [...rows].slice(low).find((row) => row.classList.contains("message"));
    return first ?? rows[low] ?? null;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    // Rows that were broken anew moved, not the reader: the observer goes to the end again.
    if (this.#isAtEnd && scrollHeight !== this.#height) return;
    this.#height = scrollHeight;
    this.#isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    this.#read();
    if (scrollTop < NEAR_START_PX && !this.#isAtEnd) void this.#loadOlder();
  }

  #read() {
    const talk = this.#talk;
    if (talk) {
      talk.isFollowed = this.#isAtEnd;
      talk.isWatched = this.#isAtEnd && document.visibilityState === "visible";
      if (talk.isWatched) talk.markRead();
    }
    const unread = talk?.unread ?? 0;
    setText(part(this.latest, "text"), unread ? countText("new_messages", unread) : text("to_latest"));
    const hadFocus = document.activeElement === this.latest;
    show(this.latest, !this.#isAtEnd);
    if (hadFocus) this.#refocus();
  }

  async #loadOlder() {
    if (this.#isLoading || !this.#talk?.timeline.hasOlder) return;
    this.#isLoading = true;
    try {
      await this.#talk.loadOlder();
    } finally {
      this.#isLoading = false;
    }
  }

  /** @param {Event} event */
  #clicked(event) {
    const button = event.target instanceof Element && event.target.closest("button");
    const row = button && button.closest("li");
    const talk = this.#talk;
    if (!button || !row || !talk) return;
    const { nonce = "", after, before } = row.dataset;
    if (button.dataset.part === "retry") void talk.retry(nonce);
    if (button.dataset.part === "discard") talk.discard(nonce);
    if (button.dataset.part === "fill") void talk.fillGap(Number(after), Number(before));
    const message = this.#messages.get(row);
    if (button.dataset.part === "more" && message) askForMenu(button, { talk, message });
  }

  /** The menus of all messages are one stop of the Tab key; arrows go from one to the next.
   * @param {KeyboardEvent} event */
  #pressed(event) {
    const { target, key } = event;
    if (!isMore(target) || !["ArrowUp", "ArrowDown", "Home", "End"].includes(key)) return;
    const all = this.#stops();
    const index = all.indexOf(target);
    const places = { ArrowUp: index - 1, ArrowDown: index + 1, Home: 0, End: all.length - 1 };
    const next = all[places[/** @type {keyof typeof places} */ (key)]];
    event.preventDefault();
    next?.focus();
    next?.closest("li")?.scrollIntoView({ block: "nearest" });
  }

  /** @param {FocusEvent} event */
  #focused({ target }) {
    if (!isMore(target)) return;
    for (const button of this.#stops()) button.tabIndex = button === target ? 0 : -1;
  }

  #keepOneStop() {
    const all = this.#stops();
    if (all.some((button) => button.tabIndex === 0 && button === document.activeElement)) return;
    const last = all.at(-1);
    for (const button of all) {
      const tabIndex = button === last ? 0 : -1;
      if (button.tabIndex !== tabIndex) button.tabIndex = tabIndex;
    }
  }

  /** @returns {HTMLButtonElement[]} */
  #stops() {
    return [...this.list.querySelectorAll('[data-part="more"]:not([hidden])')].filter(isMore);
  }

  /** @param {HTMLElement} element @param {Row} row @param {boolean} isLastOfMine */
  #update(element, row, isLastOfMine) {
    if (row.type === "message") this.#updateMessage(element, row, isLastOfMine);
    if (row.type === "day") setText(part(element, "text"), dayText(row.at, new Date()));
    if (row.type === "note") setText(part(element, "text"), text(`note.${row.note}`));
    if (row.type === "presence") setText(part(element, "text"), presenceText(row));
    if (row.type === "gap") {
      Object.assign(element.dataset, { after: row.after, before: row.before });
      const key = row.isLost ? "gap_lost" : "gap";
      setText(part(element, "text"), countText(key, row.before - row.after - 1));
      show(part(element, "fill"), !row.isLost);
    }
  }

  /** @param {HTMLElement} element
   * @param {MessageRow} row
   * @param {boolean} isLastOfMine  whether it says that it has arrived, and all before it with it */
  #updateMessage(element, { message, isGrouped, outgoing }, isLastOfMine) {
    const { state = message.removed ? "removed" : "sent", reason } = outgoing ?? {};
    const me = this.me();
    this.#messages.set(element, message);
    const shown = JSON.stringify([message, isGrouped, state, reason, me, isLastOfMine]);
    if (this.#shown.get(element) === shown) return;
    this.#shown.set(element, shown);
    const author = message.user ?? { id: null, name: text("site") };
    const isMine = author.id !== null && author.id === me?.id;
    element.classList.toggle("message--grouped", isGrouped);
    element.classList.toggle("message--mine", isMine);
    element.dataset.state = state;
    element.dataset.nonce = outgoing?.nonce ?? "";
    paintAvatar(part(element, "avatar"), message.removed ? { id: null, name: "–" } : author);
    setText(part(element, "author"), message.removed ? "" : author.name);
    show(part(element, "you"), isMine && !message.removed);
    show(part(element, "guest"), isGuest(author.id) && !isMine);
    setRichText(part(element, "text"), message.removed ? text("removed") : (message.text ?? ""), me);
    const isForMe = part(element, "text").querySelector(".mention--mine") !== null && !isMine;
    element.classList.toggle("message--for-me", isForMe);
    updateTime(element, message.at);
    updateState(element, outgoing, isLastOfMine && state === "sent");
    const more = partAs(element, "more", HTMLButtonElement);
    show(more, state === "sent");
    more.setAttribute("aria-label", text("menu.message", { name: author.name }));
  }
}

/** Which words stand where a talk begins. Nobody is asked for a first word that would be refused.
 * @param {Talk} talk @param {Row[]} rows */
function startKey({ kind, isSilenced }, rows) {
  if (rows.length > 0) return `log_start.${kind}`;
  return isSilenced ? `log_silent.${kind}` : `log_empty.${kind}`;
}

/** @param {EventTarget | null} target @returns {target is HTMLButtonElement} */
const isMore = (target) => target instanceof HTMLButtonElement && target.dataset.part === "more";

/** @param {Row} row */
const create = (row) => copyTemplate(`log-${row.type}`);

/** @param {HTMLElement} element @param {string | undefined} at */
function updateTime(element, at) {
  const time = partAs(element, "time", HTMLTimeElement);
  show(time, at !== undefined);
  show(part(element, "when"), at !== undefined);
  if (at === undefined) return;
  const date = new Date(at);
  time.dateTime = at;
  setText(part(time, "clock"), clockText(date));
  setText(part(time, "whole"), wholeText(date));
  setText(part(element, "when"), clockText(date));
}

/** @param {HTMLElement} element
 * @param {import("./timeline.js").Outgoing | null} outgoing
 * @param {boolean} hasArrived  whether to say that it is stored */
function updateState(element, outgoing, hasArrived) {
  const state = outgoing && outgoingText(outgoing);
  show(part(element, "state-box"), Boolean(state));
  setText(part(element, "state"), state || "");
  show(part(element, "retry"), outgoing?.state === "failed");
  show(part(element, "discard"), outgoing !== null && outgoing.state !== "sending");
  show(part(element, "tick"), hasArrived);
}

/** @param {import("./timeline.js").Outgoing} outgoing */
function outgoingText({ state, reason }) {
  if (state === "failed") return text("not_sent", { reason: reason ?? "" });
  return text(state === "sending" ? "sending" : "send_later");
}

/** "Ann and Bob joined · Eve left"
 * @param {{joined: string[], left: string[]}} row */
function presenceText({ joined, left }) {
  const parts = [];
  if (joined.length) parts.push(countText("joined", joined.length, { names: names(joined) }));
  if (left.length) parts.push(countText("left", left.length, { names: names(left) }));
  return parts.join(" · ");
}

/** @param {string[]} all */
function names(all) {
  if (all.length <= MOST_NAMES) return listText(all);
  const shown = MOST_NAMES - 1;
  return listText([...all.slice(0, shown), countText("others", all.length - shown)]);
}
