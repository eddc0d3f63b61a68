// @ts-check
/** What the server says about the namespaces and this page, and the page's words.
 *
 * @typedef {Record<string, any>} Schema  a JSON Schema
 * @typedef {{name: string, schemas: Schema[], is_required: boolean}} Argument
 * @typedef {{name: string, summary: string, codes: string[] | null, arguments: Argument[],
 *   rest: Schema | null}} ClientEvent
 * @typedef {{summary: string, events: ClientEvent[], heard: string[]}} NamespaceClass
 * @typedef {object} Data
 * @property {string} client  the official client's module
 * @property {string} socketio_path
 * @property {string} ws_prefix
 * @property {string} ticket_url
 * @property {boolean} is_user
 * @property {{path: string, title: string, class: string}[]} namespaces
 * @property {{address: string, class: string}[]} patterns  such as `/{name}`
 * @property {Record<string, NamespaceClass>} classes
 * @property {Record<string, Schema>} schemas  what `$ref` points to
 */

/** @param {string} name
 * @returns {any} */
const read = (name) => {
  const element = document.querySelector(`script[type="application/json"][id="${name}"]`);
  if (!element) throw new Error(`The page lacks its data "${name}".`);
  return JSON.parse(element.textContent ?? "");
};

/** @type {Data} */
export const data = read("console-data");

/** @type {Record<string, string>} */
const texts = read("console-texts");

/** A text by its key, with `{name}` places filled.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string} */
export function text(key, values = {}) {
  const found = texts[key];
  if (found === undefined) throw new Error(`No text is called "${key}".`);
  return found.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** The class that answers at a path, as far as this page knows.
 * @param {string} path
 * @returns {NamespaceClass | null} */
export function classAt(path) {
  const known = data.namespaces.find((each) => each.path === path);
  if (known) return data.classes[known.class] ?? null;
  const segments = path.split("/").length;
  const pattern = data.patterns.find((each) => each.address.split("/").length === segments);
  return pattern ? (data.classes[pattern.class] ?? null) : null;
}
