// @ts-check
/** Where a person writes. What is typed is kept per room, whatever happens to the connection. */

import { part, partAs, setText, show } from "./dom.js";
import { draftOf, keepDraft } from "./kept.js";
import { page } from "./page.js";
import { countText, text } from "./texts.js";

/** @typedef {import("./room.js").Room} Room */

const NEAR_LIMIT = 400;
const hasKeyboard = window.matchMedia("(pointer: fine)");

export class Composer {
  /** @type {Room | null} */
  #room = null;

  /** @param {HTMLElement} root @param {() => void} sent */
  constructor(root, sent) {
    this.form = partAs(root, "composer", HTMLFormElement);
    this.field = partAs(root, "composer-text", HTMLTextAreaElement);
    this.button = partAs(root, "send", HTMLButtonElement);
    this.left = part(root, "characters-left");
    this.sent = sent;
    this.form.addEventListener("submit", (event) => this.#submit(event));
    this.field.addEventListener("input", () => this.#typed());
    this.field.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** Write for this room from now on.
   * @param {Room} room */
  open(room) {
    if (room === this.#room) return;
    this.#room = room;
    this.field.value = draftOf(room.name);
    this.field.placeholder = text("write_to", { room: room.name });
    this.#measure();
  }

  /** Another tab has written a room's text: show it, if that is the room that stands here.
   * @param {string} name */
  drafted(name) {
    if (name !== this.#room?.name) return;
    this.field.value = draftOf(name);
    this.#measure();
  }

  /** Put the cursor here, where that opens no on-screen keyboard. */
  focus() {
    if (hasKeyboard.matches) this.field.focus();
  }

  #typed() {
    const room = this.#room;
    if (!room) return;
    keepDraft(room.name, this.field.value);
    this.#measure();
    if (this.field.value.trim()) room.typed();
  }

  /** Enter sends, Shift+Enter breaks the line; on a touch keyboard, which has no Shift+Enter, Enter
   * breaks the line as well. An Enter that ends a composition is none of ours.
   * @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || !hasKeyboard.matches) return;
    event.preventDefault();
    this.form.requestSubmit();
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    event.preventDefault();
    const value = this.field.value.trim();
    if (!this.#room || !value || lengthOf(value) > page.textMax) return;
    this.#room.send(value);
    this.field.value = "";
    keepDraft(this.#room.name, "");
    this.#measure();
    this.sent();
  }

  #measure() {
    const left = page.textMax - lengthOf(this.field.value.trim());
    show(this.left, left <= NEAR_LIMIT);
    setText(this.left, left < 0 ? countText("too_long", -left) : countText("characters_left", left));
    this.left.classList.toggle("composer__left--over", left < 0);
    this.button.disabled = left < 0 || this.field.value.trim() === "";
    this.field.setAttribute("aria-invalid", String(left < 0));
  }
}

/** The server counts code points.
 * @param {string} value */
const lengthOf = (value) => [...value].length;
