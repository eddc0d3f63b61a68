// @ts-check
/** The log of messages of the open room, and where it is scrolled to. */

import { clockText, dayText, wholeText } from "./clock.js";
import { copyTemplate, part, partAs, reconcile, setText, show } from "./dom.js";
import { setLinkedText } from "./links.js";
import { logRows } from "./log_rows.js";
import { isGuest, paintAvatar } from "./person.js";
import { countText, listText, text } from "./texts.js";

/** @typedef {import("./room.js").Room} Room
 * @typedef {import("./log_rows.js").Row} Row
 * @typedef {import("./log_rows.js").MessageRow} MessageRow */

const NEAR_END_PX = 80;
const NEAR_START_PX = 200;
const MOST_NAMES = 8;

export class LogView {
  /** @type {Room | null} */
  #room = null;
  #isAtEnd = true;
  /** Of the rows, when they were last looked at. */
  #height = 0;
  #isLoading = false;

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
    const resized = new ResizeObserver(() => this.#isAtEnd && this.toEnd());
    resized.observe(this.scroller);
    resized.observe(this.list);
  }

  /** @param {Room} room */
  render(room) {
    if (room !== this.#room) {
      if (this.#room) this.#room.isFollowed = true;
      this.list.replaceChildren();
      this.#isAtEnd = true;
    }
    this.#room = room;
    const { timeline } = room;
    const rows = logRows(timeline, this.me());
    setText(part(this.start, "text"), text(rows.length ? "log_start" : "log_empty", { room: room.name }));
    show(this.start, !timeline.hasOlder);
    show(this.older, timeline.hasOlder);
    const update = (/** @type {HTMLElement} */ element, /** @type {Row} */ row) =>
      this.#update(element, row);
    this.#keepPlace(() => reconcile(this.list, rows, (row) => row.key, create, update));
    this.#read();
  }

  /** Show the newest message. */
  toEnd() {
    this.#isAtEnd = true;
    this.#height = this.scroller.scrollHeight;
    this.scroller.scrollTop = this.#height;
    this.#read();
  }

  /** Change the rows without moving what is being read: the end stays the end, and rows that come
   * in above push nothing down.
   * @param {() => void} change */
  #keepPlace(change) {
    const fromEnd = this.scroller.scrollHeight - this.scroller.scrollTop;
    const first = this.list.firstElementChild;
    change();
    if (this.#isAtEnd) this.scroller.scrollTop = this.scroller.scrollHeight;
    else if (first !== this.list.firstElementChild) {
      this.scroller.scrollTop = this.scroller.scrollHeight - fromEnd;
    }
    this.#height = this.scroller.scrollHeight;
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
    const room = this.#room;
    if (room) room.isFollowed = this.#isAtEnd;
    if (room && this.#isAtEnd && document.visibilityState === "visible") room.markRead();
    const unread = room?.unread ?? 0;
    setText(part(this.latest, "text"), unread ? countText("new_messages", unread) : text("to_latest"));
    show(this.latest, !this.#isAtEnd);
  }

  async #loadOlder() {
    if (this.#isLoading || !this.#room?.timeline.hasOlder) return;
    this.#isLoading = true;
    try {
      await this.#room.loadOlder();
    } finally {
      this.#isLoading = false;
    }
  }

  /** @param {Event} event */
  #clicked(event) {
    const button = event.target instanceof Element && event.target.closest("button");
    const row = button && button.closest("li");
    const room = this.#room;
    if (!button || !row || !room) return;
    const { nonce = "", after, before } = row.dataset;
    if (button.dataset.part === "retry") void room.retry(nonce);
    if (button.dataset.part === "discard") room.discard(nonce);
    if (button.dataset.part === "fill") void room.fillGap(Number(after), Number(before));
  }

  /** @param {HTMLElement} element @param {Row} row */
  #update(element, row) {
    if (row.type === "message") this.#updateMessage(element, row);
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

  /** @param {HTMLElement} element @param {MessageRow} row */
  #updateMessage(element, { message, isGrouped, outgoing }) {
    const author = message.user ?? { id: null, name: text("site") };
    const isMine = author.id !== null && author.id === this.me()?.id;
    element.classList.toggle("message--grouped", isGrouped);
    element.classList.toggle("message--mine", isMine);
    element.dataset.state = outgoing?.state ?? (message.removed ? "removed" : "sent");
    element.dataset.nonce = outgoing?.nonce ?? "";
    paintAvatar(part(element, "avatar"), message.removed ? { id: null, name: "–" } : author);
    setText(part(element, "author"), message.removed ? "" : author.name);
    show(part(element, "you"), isMine);
    show(part(element, "guest"), isGuest(author.id) && !isMine);
    setLinkedText(part(element, "text"), message.removed ? text("removed") : (message.text ?? ""));
    const time = partAs(element, "time", HTMLTimeElement);
    show(time, message.at !== undefined);
    if (message.at) {
      time.dateTime = message.at;
      time.title = wholeText(new Date(message.at));
      setText(time, clockText(new Date(message.at)));
    }
    const state = outgoing && outgoingText(outgoing);
    show(part(element, "state-box"), Boolean(state));
    setText(part(element, "state"), state || "");
    show(part(element, "retry"), outgoing?.state === "failed");
    show(part(element, "discard"), outgoing !== null && outgoing.state !== "sending");
  }
}

/** @param {Row} row */
const create = (row) => copyTemplate(`log-${row.type}`);

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
  const rest = countText("others", all.length - MOST_NAMES);
  return listText([...all.slice(0, MOST_NAMES), rest]);
}
