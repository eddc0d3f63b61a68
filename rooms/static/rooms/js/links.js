// @ts-check
/** Web addresses and names in what people write: made into links that give nothing away, and marked. */

import { mentionsIn } from "./mentions.js";

const ADDRESS = /https?:\/\/[^\s<>"']+/gi;
/** What ends a sentence or a bracket around an address, rather than the address. */
const AFTER = /[.,;:!?)\]}]+$/;

/** @typedef {{index: number, text: string, make: () => HTMLElement}} Piece */

/** Write a text with its addresses as links, and with the people that it names marked.
 * @param {HTMLElement} element
 * @param {string} value
 * @param {{name: string} | null} me */
export function setRichText(element, value, me) {
  /** @type {(string | HTMLElement)[]} */
  const content = [];
  let end = 0;
  for (const { index, text, make } of piecesOf(value, me)) {
    if (index < end) continue;
    content.push(value.slice(end, index), make());
    end = index + text.length;
  }
  element.replaceChildren(...content, value.slice(end));
}

/** In order; what lies inside an address comes after it.
 * @param {string} value @param {{name: string} | null} me
 * @returns {Piece[]} */
const piecesOf = (value, me) =>
  [...addressesIn(value), ...marksIn(value, me)].sort((a, b) => a.index - b.index);

/** @param {string} value @returns {Piece[]} */
function addressesIn(value) {
  return [...value.matchAll(ADDRESS)]
    .map((match) => ({ index: match.index, text: match[0].replace(AFTER, "") }))
    .filter(({ text }) => isSafe(text))
    .map(({ index, text }) => ({ index, text, make: () => linkTo(text) }));
}

/** @param {string} value @param {{name: string} | null} me @returns {Piece[]} */
const marksIn = (value, me) =>
  mentionsIn(value, me).map(({ index, text, isMine }) => ({
    index,
    text,
    make: () => markOf(text, isMine),
  }));

/** @param {string} address */
const isSafe = (address) =>
  URL.canParse(address) && ["http:", "https:"].includes(new URL(address).protocol);

/** @param {string} address */
function linkTo(address) {
  const link = document.createElement("a");
  link.href = address;
  link.textContent = address;
  link.rel = "noopener noreferrer nofollow";
  link.target = "_blank";
  return link;
}

/** @param {string} text @param {boolean} isMine */
function markOf(text, isMine) {
  const mark = document.createElement(isMine ? "mark" : "span");
  mark.className = isMine ? "mention mention--mine" : "mention";
  mark.textContent = text;
  return mark;
}
