// @ts-check
/** One row of a list of rooms: what its room asks for, why its door is shut, and how many are in it,
 * in words and pictures. */

import { part, partAs, setIcon, setText, show } from "./dom.js";
import { countText, knownText, locale, text } from "./texts.js";

/** @typedef {import("./shapes.js").RoomRow} RoomRow */

/** Make the copy of a row's template, or a row that came with the page, say what holds now.
 * @param {HTMLElement} element
 * @param {RoomRow} row
 * @param {{url: string, stateIcons: Record<string, string>}} around
 * @returns {HTMLAnchorElement} the row's link */
export function fillRow(element, row, { url, stateIcons }) {
  const link = partAs(element, "link", HTMLAnchorElement);
  if (link.getAttribute("href") !== url) link.href = url;
  link.dataset.room = row.name;
  element.classList.toggle("room-row--joined", row.joined);
  element.classList.toggle("room-row--locked", row.locked && !row.joined);
  setIcon(part(element, "access-icon"), `access-${row.access}`);
  setText(part(element, "name"), row.name);
  setText(part(element, "title"), row.title);
  show(part(element, "title"), row.title !== "" && row.title !== row.name);
  setText(part(element, "access"), knownText(`access.${row.access}`) ?? row.access);
  const state = stateText(row);
  setText(part(element, "state"), state ?? "");
  setIcon(part(element, "state-icon"), stateIcons[row.code ?? ""] ?? stateIcons.locked);
  show(part(element, "state-box"), state !== null);
  setText(part(element, "count"), peopleText(row));
  setText(part(element, "count-short"), figures(row));
  return link;
}

/** How many are in a room, and how many may be.
 * @param {{members: number, capacity: number | null}} row
 * @returns {string} */
const peopleText = ({ members, capacity }) =>
  capacity === null
    ? countText("people", members)
    : countText("people_of", members, { capacity });

/** @param {RoomRow} row */
const figures = ({ members, capacity }) =>
  members.toLocaleString(locale) + (capacity === null ? "" : `/${capacity.toLocaleString(locale)}`);

/** Why the door is shut. That a room is joined is said above it.
 * @param {RoomRow} row @returns {string | null} */
function stateText({ joined, code }) {
  if (joined || code === null) return null;
  return knownText(`state.${code}`) ?? text("state.locked");
}
