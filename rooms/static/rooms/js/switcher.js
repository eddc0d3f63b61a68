// @ts-check
/** Going to a room or a namespace by a few letters of its name. */

import { copyTemplate, part, partAs, reconcile, setIcon, setText, show } from "./dom.js";
import { isMatch, renderNews } from "./list_view.js";
import { page } from "./page.js";
import { text } from "./texts.js";

/** @typedef {import("./list_view.js").News} News
 * @typedef {{key: string, name: string, title: string, icon: string, news: News, go: () => void}} Place */

const MOST_SHOWN = 50;
const NO_NEWS = { unread: 0, mentions: 0 };

export class Switcher {
  /** @type {Place[]} */
  #places = [];
  #chosen = 0;

  /** @param {HTMLElement} root
   * @param {import("./lobby.js").Lobby} lobby
   * @param {{news: (name: string) => News, go: (name: string) => void}} known */
  constructor(root, lobby, known) {
    this.dialog = partAs(root, "switcher", HTMLDialogElement);
    this.field = partAs(root, "switcher-field", HTMLInputElement);
    this.options = part(root, "switcher-options");
    this.none = part(root, "switcher-none");
    this.lobby = lobby;
    this.known = known;
    this.field.addEventListener("input", () => this.#search());
    this.field.addEventListener("keydown", (event) => this.#pressed(event));
    this.options.addEventListener("click", (event) => this.#clicked(event));
    this.dialog.addEventListener("click", (event) => {
      // Outside of its contents there is only the dialog itself.
      if (event.target === this.dialog) this.dialog.close();
    });
  }

  open() {
    if (document.querySelector("dialog[open]")) return;
    this.field.value = "";
    this.dialog.showModal();
    this.#search();
  }

  #search() {
    const wanted = this.field.value.trim();
    this.#places = [...this.#rooms(wanted), ...this.#namespaces(wanted)].slice(0, MOST_SHOWN);
    this.#choose(0);
  }

  /** Rooms with something new come first, then those that we are in.
   * @param {string} wanted @returns {Place[]} */
  #rooms(wanted) {
    const rank = (/** @type {import("./shapes.js").RoomRow} */ { name, joined }) =>
      (this.known.news(name).mentions ? 4 : 0) + (this.known.news(name).unread ? 2 : 0) + Number(joined);
    return [...this.lobby.rows.values()]
      .filter((row) => isMatch(row, wanted))
      .sort((a, b) => rank(b) - rank(a))
      .map((row) => ({
        key: `room ${row.name}`,
        name: row.name,
        title: row.title === row.name ? "" : row.title,
        icon: `access-${row.access}`,
        news: this.known.news(row.name),
        go: () => this.known.go(row.name),
      }));
  }

  /** @param {string} wanted @returns {Place[]} */
  #namespaces(wanted) {
    return page.others
      .map(({ path, title, url }) => ({
        key: `namespace ${path}`,
        name: title,
        title: text("namespace_at", { path }),
        icon: "places",
        news: NO_NEWS,
        go: () => window.location.assign(url),
      }))
      .filter((place) => isMatch(place, wanted));
  }

  /** @param {number} index */
  #choose(index) {
    const count = this.#places.length;
    this.#chosen = count ? (index + count) % count : 0;
    reconcile(
      this.options,
      this.#places,
      (place) => place.key,
      () => copyTemplate("option"),
      (element, place) => this.#update(element, place),
    );
    show(this.options, count > 0);
    show(this.none, count === 0);
    this.field.setAttribute("aria-expanded", String(count > 0));
    const chosen = this.options.children[this.#chosen];
    if (chosen) this.field.setAttribute("aria-activedescendant", chosen.id);
    else this.field.removeAttribute("aria-activedescendant");
    chosen?.scrollIntoView({ block: "nearest" });
  }

  /** @param {HTMLElement} element @param {Place} place */
  #update(element, place) {
    const index = this.#places.indexOf(place);
    element.id = `switcher-option-${index}`;
    element.setAttribute("aria-selected", String(index === this.#chosen));
    setIcon(part(element, "icon"), place.icon);
    setText(part(element, "name"), place.name);
    setText(part(element, "title"), place.title);
    renderNews(element, place.news);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.#choose(this.#chosen + step);
    else if (event.key === "Enter") this.#go(this.#places[this.#chosen]);
    else return;
    event.preventDefault();
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const option = event.target instanceof Element && event.target.closest("[role=option]");
    if (option) this.#go(this.#places[[...this.options.children].indexOf(option)]);
  }

  /** @param {Place | undefined} place */
  #go(place) {
    if (!place) return;
    this.dialog.close();
    place.go();
  }
}
