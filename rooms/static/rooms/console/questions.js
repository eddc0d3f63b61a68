// @ts-check
/** Events of the server that ask for an ack: each waits here until a person has answered it. */

import { text } from "./data.js";
import { complain, copyTemplate, newId, part } from "./dom.js";

/** @typedef {{event: string, args: unknown[], answer: (args: unknown[]) => void}} Question */

/** A server that goes on asking is not kept count of: the oldest go. */
const MOST = 20;
const USUAL = '[{"ok": true}]';

export class Questions {
  /** @param {HTMLElement} root  the panel
   * @param {(words: string) => void} announce */
  constructor(root, announce) {
    this.box = part(root, "questions", HTMLElement);
    this.list = part(root, "question-list", HTMLElement);
    this.announce = announce;
  }

  /** Show an event that asks.
   * @param {Question} question */
  add({ event, args, answer }) {
    const row = copyTemplate("question");
    const words = text("asks", { event });
    const field = part(row, "question-answer", HTMLTextAreaElement);
    const label = part(row, "question-label", HTMLLabelElement);
    const wrong = part(row, "question-error", HTMLElement);
    part(row, "question-words", HTMLElement).textContent = words;
    part(row, "question-args", HTMLElement).textContent = JSON.stringify(args, null, 2);
    field.value = USUAL;
    field.id = label.htmlFor = newId();
    row.addEventListener("submit", (submitted) => {
      submitted.preventDefault();
      let given;
      try {
        given = JSON.parse(field.value.trim() || "[]");
        if (!Array.isArray(given)) throw new Error(field.value);
      } catch (error) {
        complain(field, wrong, text("bad_args", { problem: /** @type {Error} */ (error).message }));
        return field.focus();
      }
      answer(given);
      this.#remove(row);
      return this.announce(text("answered", { event }));
    });
    this.list.append(row);
    while (this.list.children.length > MOST) this.list.firstElementChild?.remove();
    this.box.hidden = false;
    this.announce(words);
  }

  /** Nobody waits any more. */
  clear() {
    this.list.replaceChildren();
    this.box.hidden = true;
  }

  /** @param {HTMLElement} row */
  #remove(row) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    this.box.hidden = this.list.children.length === 0;
    if (next instanceof HTMLElement) part(next, "question-answer", HTMLTextAreaElement).focus();
  }
}
