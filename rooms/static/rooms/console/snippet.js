// @ts-check
/** What the console does, as JavaScript to paste elsewhere; secrets are left for others to fill in. */

import { data } from "./data.js";
import { plainUrl, transportsOf } from "./doors.js";

const SECRETS = ["ticket", "guest", "password", "invitation"];

/** @param {import("./doors.js").Setup} setup
 * @param {string} event
 * @param {unknown[]} args
 * @param {boolean} wantsAck
 * @returns {string} */
export function snippetOf(setup, event, args, wantsAck) {
  const auth = /** @type {Record<string, unknown>} */ (withoutSecrets(setup.auth));
  const written = withoutSecrets(args);
  return setup.door === "plain"
    ? plain(setup.namespace, auth, event, written, wantsAck)
    : socketIo(setup, auth, event, /** @type {unknown[]} */ (written), wantsAck);
}

/** @param {import("./doors.js").Setup} setup
 * @param {Record<string, unknown>} auth
 * @param {string} event
 * @param {unknown[]} args
 * @param {boolean} wantsAck */
function socketIo(setup, auth, event, args, wantsAck) {
  const origin = window.location.origin;
  const settings = { path: data.socketio_path, transports: transportsOf(setup.door), auth };
  const list = [event, ...args].map((each) => JSON.stringify(each)).join(", ");
  return [
    `import { io } from ${JSON.stringify(`${origin}${data.client}`)};`,
    `const socket = io(${JSON.stringify(`${origin}${setup.namespace}`)}, ${JSON.stringify(settings)});`,
    "socket.onAny((event, ...args) => console.log(event, ...args));",
    wantsAck
      ? `console.log(await socket.timeout(10_000).emitWithAck(${list}));`
      : `socket.emit(${list});`,
  ].join("\n");
}

/** @param {string} namespace
 * @param {Record<string, unknown>} auth
 * @param {string} event
 * @param {unknown} args
 * @param {boolean} wantsAck */
function plain(namespace, auth, event, args, wantsAck) {
  const frame = wantsAck ? { event, args, id: 1 } : { event, args };
  return [
    `const socket = new WebSocket(${JSON.stringify(plainUrl(namespace, auth))});`,
    "socket.onmessage = (message) => console.log(JSON.parse(message.data));",
    `socket.onopen = () => socket.send(JSON.stringify(${JSON.stringify(frame)}));`,
  ].join("\n");
}

/** @param {unknown} value
 * @returns {unknown} */
function withoutSecrets(value) {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      SECRETS.includes(key) ? `<${key}>` : withoutSecrets(each),
    ]),
  );
}
