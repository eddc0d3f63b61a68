// @ts-check
/** The list of rooms: one row each, with its access, its lock and its count in words. */

import { copyTemplate, part, partAs, reconcile, setIcon, setText, show } from "./dom.js";
import { roomUrl } from "./page.js";
import { countText, knownText, text } from "./texts.js";

/** @typedef {import("./shapes.js").RoomRow} RoomRow */

export class ListView {
  /** @param {HTMLElement} root
   * @param {import("./lobby.js").Lobby} lobby
   * @param {{current: () => string | null, unread: (name: string) => number}} known */
  constructor(root, lobby, known) {
    this.lobby = lobby;
    this.known = known;
    this.list = part(root, "room-list");
    this.empty = part(root, "room-list-empty");
    this.search = partAs(root, "room-search", HTMLInputElement);
    this.search.addEventListener("input", () => this.render());
    lobby.addEventListener("change", () => this.render());
  }

  render() {
    const wanted = this.search.value.trim().toLocaleLowerCase();
    const rows = [...this.lobby.rows.values()].filter((row) => matches(row, wanted));
    reconcile(
      this.list,
      rows,
      (row) => row.name,
      () => copyTemplate("room-row"),
      (element, row) => this.#update(element, row),
    );
    show(this.empty, rows.length === 0);
    setText(this.empty, text(wanted ? "no_room_found" : "no_rooms"));
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
    show(part(element, "state-box"), state !== null);
    show(part(element, "lock"), row.locked && !row.joined);
    setText(part(element, "count"), peopleText(row));
    const unread = this.known.unread(row.name);
    setText(part(element, "unread"), unread ? countText("unread", unread) : "");
    show(part(element, "unread"), unread > 0);
  }
}

/** How many are in a room, and how many may be.
 * @param {{members: number, capacity: number | null}} row
 * @returns {string} */
export const peopleText = ({ members, capacity }) =>
  capacity === null
    ? countText("people", members)
    : countText("people_of", members, { capacity });

/** @param {RoomRow} row @returns {string | null} */
function stateText({ joined, code }) {
  if (joined) return text("state.joined");
  return code === null ? null : (knownText(`state.${code}`) ?? text("state.locked"));
}

/** @param {RoomRow} row @param {string} wanted */
const matches = ({ name, title }, wanted) =>
  wanted === "" || `${name}\n${title}`.toLocaleLowerCase().includes(wanted);
