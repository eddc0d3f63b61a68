// @ts-check
/** What keys do on the whole page, and the help that lists them. Keys that are letters or signs of
 * their own can be turned off, for those who speak what they type (WCAG 2.1.4). */

import { part, partAs, show } from "./dom.js";
import { choiceOf, keepChoice } from "./kept.js";

/** @typedef {object} Actions
 * @property {() => void} search  put the cursor into the search
 * @property {() => void} leaveSearch
 * @property {() => void} switchRoom
 * @property {(by: number) => void} step  open the room below (1) or above (-1) */

const CHOICE = "single keys";
const TYPED_INTO = "input, textarea, select, [contenteditable]";

export class Shortcuts {
  /** @param {HTMLElement} root @param {Actions} actions */
  constructor(root, actions) {
    this.actions = actions;
    this.searchField = part(root, "room-search");
    this.searchKey = part(root, "search-key");
    this.help = partAs(root, "help", HTMLDialogElement);
    this.singleKeys = partAs(root, "single-keys", HTMLInputElement);
    this.singleKeys.checked = choiceOf(CHOICE) !== "off";
    this.singleKeys.addEventListener("change", () => this.#choose());
    part(root, "help-open").addEventListener("click", () => this.help.showModal());
    part(root, "help-close").addEventListener("click", () => this.help.close());
    document.addEventListener("keydown", (event) => this.#pressed(event));
    this.#choose();
  }

  #choose() {
    keepChoice(CHOICE, this.singleKeys.checked ? null : "off");
    show(this.searchKey, this.singleKeys.checked);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.defaultPrevented || event.isComposing) return;
    const isDone = this.#withModifier(event) || this.#inSearch(event) || this.#alone(event);
    if (isDone) event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  #withModifier({ key, ctrlKey, metaKey, altKey, shiftKey }) {
    if ((ctrlKey || metaKey) && !altKey && !shiftKey && key.toLowerCase() === "k") {
      this.actions.switchRoom();
      return true;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (!step || !altKey || ctrlKey || metaKey || shiftKey || isDialogOpen()) return false;
    this.actions.step(step);
    return true;
  }

  /** @param {KeyboardEvent} event */
  #inSearch({ key, target }) {
    if (key !== "Escape" || target !== this.searchField) return false;
    this.actions.leaveSearch();
    return true;
  }

  /** @param {KeyboardEvent} event */
  #alone({ key, target, ctrlKey, metaKey, altKey }) {
    if (!this.singleKeys.checked || ctrlKey || metaKey || altKey || isDialogOpen()) return false;
    if (target instanceof Element && target.matches(TYPED_INTO)) return false;
    if (key === "/") this.actions.search();
    else if (key === "?") this.help.showModal();
    else return false;
    return true;
  }
}

const isDialogOpen = () => document.querySelector("dialog[open]") !== null;
