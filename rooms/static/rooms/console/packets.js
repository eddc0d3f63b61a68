// @ts-check
/** Packets as they are shown: the wire's text of either door, taken apart. Pure.
 *
 * @typedef {"in" | "out"} Direction
 * @typedef {object} Packet
 * @property {Date} at
 * @property {Direction} direction
 * @property {string} kind  event, ack, connect, connect_error, disconnect, error, binary; or the
 *   engine's: open, close, ping, pong, upgrade, noop
 * @property {string} name  the event's
 * @property {string} namespace
 * @property {number | null} id  what asks for an ack, or is one
 * @property {number} size  bytes on the wire, the frame aside
 * @property {unknown} value  the content: arguments, or whatever else it carries
 * @property {boolean} isEngine
 */

const SOCKET_KINDS = ["connect", "disconnect", "event", "ack", "connect_error", "event", "ack"];
const HEARTBEATS = ["ping", "pong", "noop"];
const encoder = new TextEncoder();

/** @param {Direction} direction
 * @param {number} size
 * @returns {Packet} */
const blank = (direction, size) => ({
  at: new Date(),
  direction,
  kind: "",
  name: "",
  namespace: "",
  id: null,
  size,
  value: null,
  isEngine: false,
});

/** @param {string} json
 * @returns {any} */
const parsed = (json) => {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
};

/** An engine packet of the official client.
 * @param {{type: string, data?: any}} packet
 * @param {Direction} direction
 * @returns {Packet} */
export function fromEngine(packet, direction) {
  const { type, data } = packet;
  if (typeof data !== "string" && data !== undefined && data !== null) {
    const size = data.byteLength ?? data.size ?? 0;
    return { ...blank(direction, size), kind: "binary", value: `${size} bytes` };
  }
  const content = data ?? "";
  // One character says which packet it is.
  const size = encoder.encode(content).length + 1;
  if (type !== "message") {
    const value = content === "" ? null : parsed(content);
    return { ...blank(direction, size), kind: type, value, isEngine: true };
  }
  return fromSocket(content, direction, size);
}

/** A Socket.IO packet: `<type>[<attachments>-][<namespace>,][<id>][<json>]`.
 * @param {string} content
 * @param {Direction} direction
 * @param {number} size
 * @returns {Packet} */
function fromSocket(content, direction, size) {
  const found = /^(\d)(?:\d+-)?(?:(\/[^,]*),?)?(\d+)?([^]*)$/.exec(content);
  const kind = found && SOCKET_KINDS[Number(found[1])];
  if (!found || !kind) return { ...blank(direction, size), kind: "error", value: content };
  const value = found[4] === "" ? null : parsed(found[4]);
  const [name, rest] = kind === "event" && Array.isArray(value) ? [value[0], value.slice(1)] : ["", value];
  return {
    ...blank(direction, size),
    kind,
    name: String(name),
    namespace: found[2] ?? "/",
    id: found[3] === undefined ? null : Number(found[3]),
    value: rest,
  };
}

/** A frame of the plain door.
 * @param {string} text
 * @param {Direction} direction
 * @returns {Packet} */
export function fromPlain(text, direction) {
  const packet = blank(direction, encoder.encode(text).length);
  const frame = parsed(text);
  if (frame === null || typeof frame !== "object") return { ...packet, kind: "error", value: frame };
  if ("event" in frame) {
    return { ...packet, kind: "event", name: String(frame.event), id: frame.id ?? null, value: frame.args ?? [] };
  }
  if ("ack" in frame) return { ...packet, kind: "ack", id: frame.ack, value: frame.args ?? [] };
  const [kind] = Object.keys(frame);
  return { ...packet, kind: kind ?? "error", value: frame[kind ?? ""], isEngine: kind === "ping" || kind === "pong" };
}

/** Whether a packet is one of those that a person asks for.
 * @param {Packet} packet
 * @param {string} which  all, socket (no heartbeats), in, out, event, ack
 * @param {string} words
 * @returns {boolean} */
export function matches(packet, which, words) {
  if (which === "socket" && HEARTBEATS.includes(packet.kind)) return false;
  if ((which === "in" || which === "out") && packet.direction !== which) return false;
  if ((which === "event" || which === "ack") && packet.kind !== which) return false;
  if (words === "") return true;
  const all = `${packet.kind} ${packet.name} ${packet.namespace} ${JSON.stringify(packet.value)}`;
  return all.toLowerCase().includes(words.toLowerCase());
}
