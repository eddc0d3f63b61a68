// @ts-check
/** Builds what the server describes as data: SVG by `createElementNS`, text by `textContent`.
 *
 * @typedef {[string, Record<string, string>, ...(any[])]} Tree  a tag, its attributes, its children
 */

const SVG = "http://www.w3.org/2000/svg";

/** Build a chart.
 * @param {Tree} tree
 * @returns {SVGElement} */
export function build([tag, attributes, ...children]) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.map((child) => (Array.isArray(child) ? build(/** @type {Tree} */ (child)) : child)));
  return element;
}

/** Write a text, leaving an equal one alone, so that selections and screen readers stay put.
 * @param {Element | null} element
 * @param {string} value */
export function setText(element, value) {
  if (element && element.textContent !== value) element.textContent = value;
}

/** Write an attribute, unless it says that already.
 * @param {Element | null} element
 * @param {string} name
 * @param {string} value */
export function setAttribute(element, name, value) {
  if (element && element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** The part of `root` that has a place of this name.
 * @param {ParentNode} root
 * @param {string} name
 * @returns {HTMLElement | null} */
export const slot = (root, name) => root.querySelector(`[data-slot="${name}"]`);

/** Make the children of `list` show `items` in order, keeping the elements of items that stay.
 * @template {{key: string}} T
 * @param {Element} list
 * @param {T[]} items
 * @param {(item: T) => HTMLElement} create
 * @param {(element: HTMLElement, item: T) => void} update */
export function reconcile(list, items, create, update) {
  /** @type {Map<string, HTMLElement>} */
  const before = new Map();
  for (const child of list.children) {
    if (child instanceof HTMLElement) before.set(child.dataset.key ?? "", child);
  }
  const staying = new Set(items.map((item) => item.key));
  for (const [key, element] of before) if (!staying.has(key)) element.remove();
  /** @type {Element | null} */
  let previous = null;
  for (const item of items) {
    let element = before.get(item.key);
    if (!element) {
      element = create(item);
      element.dataset.key = item.key;
    }
    update(element, item);
    /** @type {Element | null} */
    const wanted = previous ? previous.nextElementSibling : list.firstElementChild;
    // Moving an element takes the focus from it: only one that is out of place is moved, and those
    // that go have gone before.
    if (element !== wanted) list.insertBefore(element, wanted);
    previous = element;
  }
}

/** An element with a text.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [text]
 * @param {Record<string, string>} [attributes]
 * @returns {HTMLElementTagNameMap[K]} */
export function make(tag, text = "", attributes = {}) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}
