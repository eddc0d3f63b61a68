// @ts-check
/** The list of rooms: those that this tab is in, then all others; each with its access, its state
 * and its count in words and figures. */

import { copyTemplate, part, partAs, reconcile, setIcon, setText, show } from "./dom.js";
import { page, roomUrl } from "./page.js";
import { countText, knownText, locale, text } from "./texts.js";

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
    const link = partAs(element, "link", HTMLAnchorElement);
    const url = roomUrl(row.name);
    if (link.getAttribute("href") !== url) link.href = url;
    link.dataset.room = row.name;
    if (row.name === this.known.current()) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    element.classList.toggle("room-row--joined", row.joined);
    element.classList.toggle("room-row--locked", row.locked && !row.joined);
    setIcon(part(element, "access-icon"), `access-${row.access}`);
    setText(part(element, "name"), row.name);
    setText(part(element, "title"), row.title);
    show(part(element, "title"), row.title !== "" && row.title !== row.name);
    setText(part(element, "access"), knownText(`access.${row.access}`) ?? row.access);
    const state = stateText(row);
    setText(part(element, "state"), state ?? "");
    setIcon(part(element, "state-icon"), page.stateIcons[row.code ?? ""] ?? page.stateIcons.locked);
    show(part(element, "state-box"), state !== null);
    setText(part(element, "count"), peopleText(row));
    setText(part(element, "count-short"), figures(row));
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

/** How many are in a room, and how many may be.
 * @param {{members: number, capacity: number | null}} row
 * @returns {string} */
export const peopleText = ({ members, capacity }) =>
  capacity === null
    ? countText("people", members)
    : countText("people_of", members, { capacity });

/** Whether a room has these letters in its name or title.
 * @param {{name: string, title: string}} row @param {string} wanted
 * @returns {boolean} */
export const isMatch = ({ name, title }, wanted) =>
  wanted === "" || `${name}\n${title}`.toLocaleLowerCase().includes(wanted.toLocaleLowerCase());

/** @param {RoomRow} row */
const figures = ({ members, capacity }) =>
  members.toLocaleString(locale) + (capacity === null ? "" : `/${capacity.toLocaleString(locale)}`);

/** Why the door is shut. That a room is joined is said above it.
 * @param {RoomRow} row @returns {string | null} */
function stateText({ joined, code }) {
  if (joined || code === null) return null;
  return knownText(`state.${code}`) ?? text("state.locked");
}
