// @ts-check
/** Small helpers over the DOM. Elements are found by `data-part`; text enters by `textContent`. */

/** The element that plays `name` inside `root`.
 * @template {HTMLElement} T
 * @param {ParentNode} root
 * @param {string} name
 * @param {new () => T} type
 * @returns {T} */
export function part(root, name, type) {
  const found = root.querySelector(`[data-part="${name}"]`);
  if (!(found instanceof type)) throw new Error(`The page lacks its part "${name}".`);
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

/** An element with attributes and children.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]} */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

let made = 0;

/** An id that no other element of this page has.
 * @returns {string} */
export const newId = () => `console-${(made += 1)}`;

/** Say at a field what is wrong with it; an empty text takes it back.
 * @param {HTMLElement} field
 * @param {HTMLElement} place
 * @param {string} problem */
export function complain(field, place, problem) {
  if (!place.id) place.id = newId();
  place.textContent = problem;
  if (problem) {
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", place.id);
  } else {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
}
