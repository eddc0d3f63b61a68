// @ts-check
/** The list of rooms: those that this tab is in, then all others; each with its access, its state
 * and its count in words and figures. */

import { copyTemplate, part, partAs, reconcile, setText, show } from "./dom.js";
import { page, roomUrl } from "./page.js";
import { fillRow } from "./room_row.js";
import { countText, text } from "./texts.js";

/** @typedef {import("./shapes.js").RoomRow} RoomRow
 * @typedef {{unread: number, mentions: number}} News */

export class ListView {
  /** @param {HTMLElement} root
   * @param {import("./lobby.js").Lobby} lobby
   * @param {{current: () => string | null, news: (name: string) => News}} known */
  constructor(root, lobby, known) {
    this.lobby = lobby;
    this.known = known;
    this.joinedBox = part(root, "joined-rooms");
    this.othersBox = part(root, "other-rooms");
    this.joined = part(root, "joined-list");
    this.others = part(root, "room-list");
    this.empty = part(root, "room-list-empty");
    this.search = partAs(root, "room-search", HTMLInputElement);
    this.search.addEventListener("input", () => this.render());
  }

  /** The names of the rooms as they stand, from the top.
   * @returns {string[]} */
  get names() {
    return [...this.joined.children, ...this.others.children].map(
      (row) => /** @type {HTMLElement} */ (row).dataset.key ?? "",
    );
  }

  /** Put the focus on a room's row, or where there is none, into the search.
   * @param {string | null} name */
  focus(name) {
    const rows = [...this.joined.children, ...this.others.children];
    const row = rows.find((each) => /** @type {HTMLElement} */ (each).dataset.key === name);
    (row ? part(row, "link") : this.search).focus();
  }

  render() {
    const wanted = this.search.value.trim();
    const rows = [...this.lobby.rows.values()].filter((row) => isMatch(row, wanted));
    this.#fill(this.joinedBox, this.joined, rows.filter((row) => row.joined));
    this.#fill(this.othersBox, this.others, rows.filter((row) => !row.joined));
    show(this.empty, rows.length === 0);
    setText(this.empty, text(wanted ? "no_room_found" : "no_rooms"));
  }

  /** @param {HTMLElement} box @param {HTMLElement} list @param {RoomRow[]} rows */
  #fill(box, list, rows) {
    show(box, rows.length > 0);
    reconcile(
      list,
      rows,
      (row) => row.name,
      () => copyTemplate("room-row"),
      (element, row) => this.#update(element, row),
    );
  }

  /** @param {HTMLElement} element @param {RoomRow} row */
  #update(element, row) {
    const link = fillRow(element, row, { url: roomUrl(row.name), stateIcons: page.stateIcons });
    if (row.name === this.known.current()) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    renderNews(element, this.known.news(row.name));
    element.classList.toggle("room-row--unread", this.known.news(row.name).unread > 0);
  }
}

/** The badges of a row: what is new, and how much of it speaks to us.
 * @param {HTMLElement} element @param {News} news */
export function renderNews(element, { unread, mentions }) {
  setText(part(element, "unread"), unread ? countText("unread", unread) : "");
  show(part(element, "unread"), unread > 0);
  setText(part(element, "mentions"), mentions ? countText("mentions", mentions) : "");
  show(part(element, "mentions"), mentions > 0);
}

/** Whether a room has these letters in its name or title.
 * @param {{name: string, title: string}} row @param {string} wanted
 * @returns {boolean} */
export const isMatch = ({ name, title }, wanted) =>
  wanted === "" || `${name}\n${title}`.toLocaleLowerCase().includes(wanted.toLocaleLowerCase());
