// @ts-check
/** What the server says about this page: addresses, who is looking, and which room is open.
 *
 * @typedef {object} Page
 * @property {{path: string, title: string, url: string, allowsPrivate: boolean}} namespace
 * @property {{path: string, title: string, url: string}[]} others  the other namespaces
 * @property {string | null} room  the room named in the address
 * @property {{id: string, name: string} | null} user  null for a guest
 * @property {{client: string, path: string, transports: string[]}} socket  the official client's
 *   module, where it connects, and how
 * @property {{login: string, signup: string}} urls
 * @property {Record<string, string>} stateIcons  the pictures for why a door is shut, by code
 * @property {number} textMax  code points in one message
 */

/** The content of one `<script type="application/json">`.
 * @param {string} name
 * @returns {any} */
export function readData(name) {
  const element = document.querySelector(`script[type="application/json"][id="${name}"]`);
  if (!element) throw new Error(`The page lacks its data "${name}".`);
  return JSON.parse(element.textContent ?? "");
}

/** @type {Page} */
export const page = readData("page-data");

/** The address of a room's page. Its slashes are encoded, so that any name stays one segment.
 * @param {string | null} room
 * @returns {string} */
export const roomUrl = (room) =>
  room === null ? page.namespace.url : `${page.namespace.url}${encodeURIComponent(room)}/`;

/** Where to sign in and come back to this very page.
 * @returns {string} */
export const loginUrl = () =>
  `${page.urls.login}?next=${encodeURIComponent(window.location.pathname)}`;

/** Where to make an account and come back to this very page.
 * @returns {string} */
export const signupUrl = () =>
  `${page.urls.signup}?next=${encodeURIComponent(window.location.pathname)}`;
