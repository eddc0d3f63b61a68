// @ts-check
/** Where a person writes. What is typed is kept per room, whatever happens to the connection; where
 * nothing may be written just now, it says why and until when. */

import { untilText } from "./clock.js";
import { isFocusLost, part, partAs, setText, show } from "./dom.js";
import { draftOf, keepDraft } from "./kept.js";
import { page } from "./page.js";
import { Room } from "./room.js";
import { countText, text } from "./texts.js";

/** @typedef {import("./talk.js").Talk} Talk */

const NEAR_LIMIT = 400;
const hasKeyboard = window.matchMedia("(pointer: fine)");

export class Composer {
  /** @type {Talk | null} */
  #talk = null;
  #timer = 0;
  /** Whether the server would refuse what is sent now. */
  #isHeld = false;

  /** @param {HTMLElement} root @param {() => void} sent */
  constructor(root, sent) {
    this.form = partAs(root, "composer", HTMLFormElement);
    this.field = partAs(root, "composer-text", HTMLTextAreaElement);
    this.button = partAs(root, "send", HTMLButtonElement);
    this.left = part(root, "characters-left");
    this.notice = part(root, "composer-notice");
    this.terms = part(root, "composer-terms");
    this.hint = part(root, "composer-hint");
    this.sent = sent;
    this.form.addEventListener("submit", (event) => this.#submit(event));
    this.field.addEventListener("input", () => this.#typed());
    this.field.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** Write for this room or conversation from now on.
   * @param {Talk} talk */
  open(talk) {
    if (talk !== this.#talk) {
      this.#talk = talk;
      this.field.value = draftOf(talk.key);
      this.field.placeholder = text("write_to", { room: talk.title });
    }
    this.#explain();
  }

  /** Another tab has written a text: show it, if it is the one that stands here.
   * @param {string} key */
  drafted(key) {
    if (key !== this.#talk?.key) return;
    this.field.value = draftOf(key);
    this.#measure();
  }

  /** What has to be known of writing here, a countdown aside: what keeps from it, how often it may
   * be done, and until when.
   * @returns {string[]} */
  get conditions() {
    if (!(this.#talk instanceof Room)) return [];
    const refusal = this.#talk.rights?.refusal;
    const held = refusal && !refusal.retry_after ? wordsOf(refusal, this.#talk) : "";
    return [held, ...termsOf(this.#talk)].filter(Boolean);
  }

  /** Put the cursor here, where that opens no on-screen keyboard. */
  focus() {
    if (hasKeyboard.matches && !this.form.hidden) this.field.focus();
  }

  /** Write something where the cursor is, and go on writing.
   * @param {string} words */
  insert(words) {
    const { selectionStart, value } = this.field;
    const gap = selectionStart > 0 && !/\s$/.test(value.slice(0, selectionStart)) ? " " : "";
    this.field.focus();
    this.field.setRangeText(gap + words, selectionStart, this.field.selectionEnd, "end");
    this.#typed();
  }

  #typed() {
    const talk = this.#talk;
    if (!talk) return;
    keepDraft(talk.key, this.field.value);
    this.#measure();
    if (talk instanceof Room && this.field.value.trim()) talk.typed();
  }

  /** Enter sends, Shift+Enter breaks the line; on a touch keyboard, which has no Shift+Enter, Enter
   * breaks the line as well. An Enter that ends a composition is none of ours; Safari tells of the
   * end first, and of the key with the code of compositions after it.
   * @param {KeyboardEvent} event */
  #pressed(event) {
    const isComposing = event.isComposing || event.keyCode === 229;
    if (event.key !== "Enter" || event.shiftKey || isComposing || !hasKeyboard.matches) return;
    event.preventDefault();
    this.form.requestSubmit();
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    event.preventDefault();
    const value = this.field.value.trim();
    if (!this.#talk || !value || this.#isHeld || lengthOf(value) > page.textMax) return;
    this.#talk.send(value);
    this.field.value = "";
    keepDraft(this.#talk.key, "");
    this.#measure();
    // A button that has just been disabled keeps no focus.
    if (isFocusLost() || document.activeElement === this.button) this.focus();
    this.sent();
  }

  /** Say what a message would be refused for, and count down where that ends soon. */
  #explain() {
    window.clearTimeout(this.#timer);
    const refusal = this.#talk instanceof Room ? (this.#talk.rights?.refusal ?? null) : null;
    const words = refusal && this.#talk instanceof Room ? wordsOf(refusal, this.#talk) : "";
    this.#isHeld = words !== "";
    setText(this.notice, words);
    show(this.notice, this.#isHeld);
    const terms = this.#talk instanceof Room ? termsOf(this.#talk).join(" ") : "";
    setText(this.terms, terms);
    show(this.terms, terms !== "");
    // Where only others write, a field would be an empty promise.
    show(this.form, refusal?.code !== "read_only");
    show(this.hint, refusal?.code !== "read_only");
    this.#measure();
    if (refusal?.retry_after && words) {
      this.#timer = window.setTimeout(() => this.#explain(), 500);
    }
  }

  #measure() {
    const left = page.textMax - lengthOf(this.field.value.trim());
    show(this.left, left <= NEAR_LIMIT);
    setText(this.left, left < 0 ? countText("too_long", -left) : countText("characters_left", left));
    this.left.classList.toggle("composer__left--over", left < 0);
    this.button.disabled = this.#isHeld || left < 0 || this.field.value.trim() === "";
    this.field.setAttribute("aria-invalid", String(left < 0));
  }
}

/** @param {import("./shapes.js").Denial} refusal @param {Room} room */
function wordsOf(refusal, room) {
  const { code, until, reason, retry_after, message } = refusal;
  if (retry_after) {
    const left = Math.ceil((room.freeAt - Date.now()) / 1_000);
    return left > 0 ? countText("slow_mode", left) : "";
  }
  if (code === "read_only") return text("read_only");
  if (code !== "muted") return message;
  const words = until
    ? text("muted_until", { until: untilText(new Date(until), new Date()) })
    : text("muted");
  return reason ? `${words} ${text("reason_is", { reason })}` : words;
}

/** What holds for all who write here: how often, and until when.
 * @param {Room} room
 * @returns {string[]} */
function termsOf({ rights }) {
  const { slow_mode_s, closes_at } = rights ?? {};
  const pace = slow_mode_s ? countText("slow_mode_terms", slow_mode_s) : "";
  const end = closes_at
    ? text("open_until", { until: untilText(new Date(closes_at), new Date()) })
    : "";
  return [pace, end].filter(Boolean);
}

/** The server counts code points.
 * @param {string} value */
function lengthOf(value) {
  let pairs = 0;
  for (let index = 0; index + 1 < value.length; index += 1) {
    if ((value.codePointAt(index) ?? 0) > 0xffff) {
      pairs += 1;
      index += 1;
    }
  }
  return value.length - pairs;
}
