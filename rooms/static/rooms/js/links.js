// @ts-check
/** Web addresses in what people write, made into links that give nothing away. */

const ADDRESS = /https?:\/\/[^\s<>"']+/g;
/** What ends a sentence or a bracket around an address, rather than the address. */
const AFTER = /[.,;:!?)\]}]+$/;

/** Write a text, its addresses as links; an equal one is left alone.
 * @param {HTMLElement} element
 * @param {string} value */
export function setLinkedText(element, value) {
  if (element.textContent === value) return;
  /** @type {(string | HTMLAnchorElement)[]} */
  const pieces = [];
  let end = 0;
  for (const match of value.matchAll(ADDRESS)) {
    const address = match[0].replace(AFTER, "");
    if (!URL.canParse(address)) continue;
    pieces.push(value.slice(end, match.index), linkTo(address));
    end = match.index + address.length;
  }
  element.replaceChildren(...pieces, value.slice(end));
}

/** @param {string} address */
function linkTo(address) {
  const link = document.createElement("a");
  link.href = address;
  link.textContent = address;
  link.rel = "noopener noreferrer nofollow";
  link.target = "_blank";
  return link;
}
