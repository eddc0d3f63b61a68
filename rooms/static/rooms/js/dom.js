// @ts-check
/** Small helpers over the DOM. Elements are found by `data-*`; text enters by `textContent` only. */

/** The element that plays `name` inside `root`, or is it.
 * @param {ParentNode} root
 * @param {string} name
 * @returns {HTMLElement} */
export function part(root, name) {
  const found = root.querySelector(`[data-part="${name}"]`);
  if (!(found instanceof HTMLElement)) throw new Error(`The page lacks its part "${name}".`);
  return found;
}

/** The same, as an element of a given class.
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} name
 * @param {new () => T} type
 * @returns {T} */
export function partAs(root, name, type) {
  const found = root.querySelector(`[data-part="${name}"]`);
  if (!(found instanceof type)) throw new Error(`The part "${name}" is no ${type.name}.`);
  return found;
}

/** A copy of what a `<template data-template=name>` holds.
 * @param {string} name
 * @returns {HTMLElement} */
export function copyTemplate(name) {
  const template = document.querySelector(`template[data-template="${name}"]`);
  const first = template instanceof HTMLTemplateElement && template.content.firstElementChild;
  if (!first) throw new Error(`The page lacks its template "${name}".`);
  return /** @type {HTMLElement} */ (document.importNode(first, true));
}

/** Write a text, leaving an equal one alone, so that selections and screen readers stay put.
 * @param {Element} element
 * @param {string} value */
export function setText(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

/** Show or hide.
 * @param {HTMLElement} element
 * @param {boolean} shown */
export function show(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

/** Whether nothing on the page has the focus, or only what is not shown any more: the keyboard and
 * the screen reader would begin again at the top.
 * @returns {boolean} */
export function isFocusLost() {
  const { activeElement, body } = document;
  return !activeElement || activeElement === body || activeElement.getClientRects().length === 0;
}

/** Give the icon inside `root` another of the pictures that came with the page.
 * @param {ParentNode} root
 * @param {string} name */
export function setIcon(root, name) {
  const use = root.querySelector("use");
  const href = `#icon-${name}`;
  if (use && use.getAttribute("href") !== href) use.setAttribute("href", href);
}

/** Let whoever makes menus open one about a message or a person: menus are
 * fetched behind the first sight of the page.
 * @param {HTMLElement} button @param {import("./menu.js").Subject} subject */
export function askForMenu(button, subject) {
  button.dispatchEvent(new CustomEvent("roomkey:menu", { bubbles: true, detail: subject }));
}

/** Make the children of `list` show `items`, in order, keeping the elements of items that stay.
 * @template T
 * @param {Element} list
 * @param {T[]} items
 * @param {(item: T) => string} keyOf  unique among the items
 * @param {(item: T) => HTMLElement} create
 * @param {(element: HTMLElement, item: T) => void} update */
export function reconcile(list, items, keyOf, create, update) {
  /** @type {Map<string, HTMLElement>} */
  const before = new Map();
  for (const child of list.children) {
    if (child instanceof HTMLElement) before.set(child.dataset.key ?? "", child);
  }
  let next = list.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let element = before.get(key);
    if (element) {
      before.delete(key);
    } else {
      element = create(item);
      element.dataset.key = key;
    }
    update(element, item);
    if (element === next) next = next.nextElementSibling;
    else list.insertBefore(element, next);
  }
  for (const gone of before.values()) gone.remove();
}
