// @ts-check
/** Menus behind buttons: one at a time, over everything else, in the pattern that screen readers and
 * keyboards know. Knows nothing of what is done.
 *
 * @typedef {{text: string, icon?: string, isGrave?: boolean, run: () => void}} Item
 * @typedef {{items: Item[], note?: string}} Section
 * @typedef {import("./talk.js").Talk} Talk
 * @typedef {{talk: Talk, message: import("./shapes.js").Message}
 *   | {talk: Talk, member: import("./shapes.js").Member}} Subject
 */

import { copyTemplate, part, setIcon, setText, show } from "./dom.js";

const MARGIN_PX = 8;

export class Menu {
  /** @type {HTMLElement | null} */
  #button = null;

  /** @param {HTMLElement} element  a manual popover with `role=menu` */
  constructor(element) {
    this.element = element;
    element.addEventListener("keydown", (event) => this.#pressed(event));
    element.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget instanceof Node && !element.contains(relatedTarget)) this.close();
    });
    document.addEventListener("pointerdown", ({ target }) => {
      const isInside = target instanceof Node && element.contains(target);
      const isButton = target instanceof Node && this.#button?.contains(target);
      if (!isInside && !isButton) this.close();
    });
    // It may be closed by others, too.
    element.addEventListener("beforetoggle", (event) => {
      if (/** @type {ToggleEvent} */ (event).newState === "closed") this.#forget();
    });
    window.addEventListener("resize", () => this.close());
  }

  /** Open below a button, or close if it is that button's.
   * @param {HTMLElement} button
   * @param {string} label
   * @param {Section[]} sections  empty ones are left out */
  open(button, label, sections) {
    if (this.#button === button) return this.close();
    this.close();
    this.element.setAttribute("aria-label", label);
    this.element.replaceChildren(
      ...sections.filter(({ items, note }) => items.length || note).map((each) => this.#section(each)),
    );
    this.#button = button;
    // Within what its button is in, a part of the page that screen readers know; and as inert as that.
    (button.closest("main, dialog") ?? document.body).append(this.element);
    button.setAttribute("aria-expanded", "true");
    this.element.showPopover();
    this.#place(button);
    this.#items()[0]?.focus();
    return undefined;
  }

  close() {
    if (this.#button) this.element.hidePopover();
  }

  #forget() {
    this.#button?.setAttribute("aria-expanded", "false");
    this.#button = null;
  }

  /** @param {Section} section */
  #section({ items, note }) {
    const group = copyTemplate("menu-section");
    setText(part(group, "note"), note ?? "");
    show(part(group, "note"), Boolean(note));
    group.append(...items.map((item) => this.#item(item)));
    return group;
  }

  /** @param {Item} item */
  #item({ text, icon, isGrave = false, run }) {
    const element = copyTemplate("menu-item");
    setText(part(element, "text"), text);
    if (icon) setIcon(element, icon);
    element.classList.toggle("actions__item--grave", isGrave);
    element.addEventListener("click", () => {
      // The button has the focus again before a dialog opens, so that it comes back there.
      this.#button?.focus();
      this.close();
      run();
    });
    return element;
  }

  /** @returns {HTMLElement[]} */
  #items() {
    return [...this.element.querySelectorAll('[role="menuitem"]')].filter(
      (each) => each instanceof HTMLElement,
    );
  }

  /** Below the button, or above it where there is no room; never off the screen.
   * @param {HTMLElement} button */
  #place(button) {
    const at = button.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.element;
    const isBelow = at.bottom + height + MARGIN_PX <= window.innerHeight;
    const top = isBelow ? at.bottom : Math.max(MARGIN_PX, at.top - height);
    const isRtl = getComputedStyle(button).direction === "rtl";
    const wanted = isRtl ? at.left : at.right - width;
    const left = Math.min(Math.max(MARGIN_PX, wanted), window.innerWidth - width - MARGIN_PX);
    this.element.style.setProperty("top", `${top}px`);
    this.element.style.setProperty("left", `${left}px`);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const items = this.#items();
    const index = items.findIndex((item) => item === document.activeElement);
    const next = {
      ArrowDown: items[(index + 1) % items.length],
      ArrowUp: items.at(index - 1),
      Home: items[0],
      End: items.at(-1),
    }[event.key];
    if (next) next.focus();
    else if (event.key === "Tab" || event.key === "Escape") {
      this.#button?.focus();
      this.close();
    } else return this.#typed(event, items, index);
    event.preventDefault();
    event.stopPropagation();
    return undefined;
  }

  /** A letter goes to the next item that begins with it.
   * @param {KeyboardEvent} event @param {HTMLElement[]} items @param {number} index */
  #typed({ key, ctrlKey, metaKey, altKey }, items, index) {
    if ([...key].length !== 1 || key === " " || ctrlKey || metaKey || altKey) return;
    const wanted = key.toLocaleLowerCase();
    const turned = [...items.slice(index + 1), ...items.slice(0, index + 1)];
    turned.find((item) => item.textContent?.trim().toLocaleLowerCase().startsWith(wanted))?.focus();
  }
}
