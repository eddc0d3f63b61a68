// @ts-check
/** The two doors, behind one face: connect, emit, close; tell of states and packets.
 *
 * @typedef {"idle" | "connecting" | "live" | "refused" | "closed"} Phase
 * @typedef {object} Listener
 * @property {(phase: Phase, words: string) => void} state
 * @property {(transport: string) => void} transport
 * @property {(packet: import("./packets.js").Packet) => void} packet
 * @property {(question: import("./questions.js").Question) => void} question  an event that asks
 * @typedef {object} Setup
 * @property {string} namespace
 * @property {string} door  socketio-both, socketio-polling, socketio-websocket or plain
 * @property {Record<string, unknown>} auth  what the door is given to say who comes
 * @typedef {object} Door
 * @property {boolean} isLive
 * @property {() => void | Promise<void>} open
 * @property {() => void} close
 * @property {(event: string, args: unknown[], wantsAck: boolean) => Promise<unknown[] | null>} emit
 *   its answer's arguments; null where none is asked for; rejects with a text
 * @property {(() => Promise<number>) | null} ping  milliseconds there and back
 */

import { data, text } from "./data.js";
import { fromEngine, fromPlain } from "./packets.js";

export const ANSWER_S = 10;

/** @param {Setup} setup
 * @param {Listener} listener
 * @returns {Door} */
export const makeDoor = (setup, listener) =>
  setup.door === "plain" ? new PlainDoor(setup, listener) : new SocketIoDoor(setup, listener);

/** The transports that a choice of door stands for.
 * @param {string} door
 * @returns {string[]} */
export const transportsOf = (door) =>
  door === "socketio-both" ? ["polling", "websocket"] : [door.replace("socketio-", "")];

/** The address of a namespace at the plain door.
 * @param {string} namespace
 * @param {Record<string, unknown>} auth
 * @returns {string} */
export function plainUrl(namespace, auth) {
  const path = namespace.replace(/^\//, "").split("/").map(encodeURIComponent).join("/");
  const url = new URL(`${data.ws_prefix}${path}${path ? "/" : ""}`, window.location.href);
  url.protocol = url.protocol.replace("http", "ws");
  for (const [name, value] of Object.entries(auth)) url.searchParams.set(name, String(value));
  return url.href;
}

/** @implements {Door} */
class SocketIoDoor {
  /** @type {any} */
  #socket = null;
  ping = null;

  /** @param {Setup} setup
   * @param {Listener} listener */
  constructor(setup, listener) {
    this.setup = setup;
    this.listener = listener;
  }

  get isLive() {
    return Boolean(this.#socket?.connected);
  }

  async open() {
    const { setup, listener } = this;
    listener.state("connecting", "");
    let client;
    try {
      client = await import(data.client);
    } catch {
      listener.state("refused", text("no_client", { url: data.client }));
      return;
    }
    const manager = new client.Manager(window.location.origin, {
      path: data.socketio_path,
      transports: transportsOf(setup.door),
      // Whoever looks at packets wants to see a loss, not have it mended.
      reconnection: false,
      autoConnect: false,
      timeout: ANSWER_S * 1_000,
    });
    const socket = (this.#socket = manager.socket(setup.namespace, { auth: setup.auth }));
    socket.on("connect", () => listener.state("live", ""));
    socket.on("disconnect", (/** @type {string} */ reason) => {
      listener.state("closed", text("closed", { reason }));
      socket.disconnect();
    });
    socket.on("connect_error", (/** @type {any} */ error) => {
      const code = error.data?.code ? ` (${error.data.code})` : "";
      listener.state("refused", text("refused", { message: `${error.message}${code}` }));
      socket.disconnect();
    });
    socket.onAny((/** @type {string} */ event, /** @type {any[]} */ ...args) => {
      // The client hands on what answers as the last argument.
      const answer = typeof args.at(-1) === "function" ? args.pop() : null;
      if (answer) listener.question({ event, args, answer: (given) => answer(...given) });
    });
    socket.connect();
    this.#watch(manager.engine);
  }

  close() {
    this.#socket?.disconnect();
  }

  /** @param {string} event
   * @param {unknown[]} args
   * @param {boolean} wantsAck
   * @returns {Promise<unknown[] | null>} */
  emit(event, args, wantsAck) {
    const socket = this.#socket;
    if (!wantsAck) {
      socket.emit(event, ...args);
      return Promise.resolve(null);
    }
    return new Promise((resolve, reject) => {
      const answered = (/** @type {Error | null} */ error, /** @type {unknown[]} */ ...answer) => {
        if (!error) resolve(answer);
        else reject(socket.connected ? text("ack.none", { s: ANSWER_S }) : text("lost"));
      };
      socket.timeout(ANSWER_S * 1_000).emit(event, ...args, answered);
    });
  }

  /** @param {any} engine */
  #watch(engine) {
    const { listener } = this;
    engine.on("packet", (/** @type {any} */ packet) => listener.packet(fromEngine(packet, "in")));
    engine.on("packetCreate", (/** @type {any} */ packet) => listener.packet(fromEngine(packet, "out")));
    engine.on("open", () => listener.transport(engine.transport.name));
    engine.on("upgrade", (/** @type {any} */ transport) => listener.transport(transport.name));
  }
}

/** @implements {Door} */
class PlainDoor {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Map<number, {resolve: (answer: unknown[]) => void, reject: (words: string) => void, timer: number}>} */
  #waiting = new Map();
  /** @type {Map<number, (ms: number) => void>} */
  #pings = new Map();
  #lastId = 0;
  isLive = false;
  #isOver = false;

  /** @param {Setup} setup
   * @param {Listener} listener */
  constructor(setup, listener) {
    this.setup = setup;
    this.listener = listener;
  }

  open() {
    const { setup, listener } = this;
    listener.state("connecting", "");
    const socket = (this.#socket = new WebSocket(plainUrl(setup.namespace, setup.auth)));
    socket.addEventListener("open", () => listener.transport("websocket"));
    socket.addEventListener("message", (message) => this.#take(String(message.data)));
    socket.addEventListener("close", (event) => this.#closed(event.code));
  }

  close() {
    this.#socket?.close();
  }

  /** @param {string} event
   * @param {unknown[]} args
   * @param {boolean} wantsAck
   * @returns {Promise<unknown[] | null>} */
  emit(event, args, wantsAck) {
    if (!wantsAck) {
      this.#send({ event, args });
      return Promise.resolve(null);
    }
    const id = (this.#lastId += 1);
    return new Promise((resolve, reject) => {
      const timer = window.setTimeout(() => {
        this.#waiting.delete(id);
        reject(text("ack.none", { s: ANSWER_S }));
      }, ANSWER_S * 1_000);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#send({ event, args, id });
    });
  }

  /** @returns {Promise<number>} */
  ping() {
    const id = (this.#lastId += 1);
    const sent_at = performance.now();
    return new Promise((resolve) => {
      this.#pings.set(id, () => resolve(performance.now() - sent_at));
      this.#send({ ping: id });
    });
  }

  /** @param {object} frame */
  #send(frame) {
    const words = JSON.stringify(frame);
    this.listener.packet(fromPlain(words, "out"));
    this.#socket?.send(words);
  }

  /** @param {string} words */
  #take(words) {
    const packet = fromPlain(words, "in");
    this.listener.packet(packet);
    const value = /** @type {any} */ (packet.value);
    if (packet.kind === "connect") {
      this.isLive = true;
      this.listener.state("live", "");
    } else if (packet.kind === "connect_error") {
      this.#isOver = true;
      const code = value?.data?.code ? ` (${value.data.code})` : "";
      this.listener.state("refused", text("refused", { message: `${value?.message}${code}` }));
    } else if (packet.kind === "disconnect") {
      this.#isOver = true;
      this.listener.state("closed", text("closed", { reason: String(value?.reason) }));
    } else if (packet.kind === "event" && packet.id !== null) {
      const { id, name } = packet;
      const args = Array.isArray(value) ? value : [];
      const answer = (/** @type {unknown[]} */ given) => this.#send({ ack: id, args: given });
      this.listener.question({ event: name, args, answer });
    } else if (packet.kind === "ack" && packet.id !== null) {
      const waiting = this.#waiting.get(packet.id);
      this.#waiting.delete(packet.id);
      if (waiting) window.clearTimeout(waiting.timer);
      waiting?.resolve(Array.isArray(value) ? value : []);
    } else if (packet.kind === "pong") {
      this.#pings.get(value)?.(0);
      this.#pings.delete(value);
    }
  }

  /** @param {number} code */
  #closed(code) {
    this.isLive = false;
    for (const { reject, timer } of this.#waiting.values()) {
      window.clearTimeout(timer);
      reject(text("lost"));
    }
    this.#waiting.clear();
    // A frame has said why already, in better words.
    if (!this.#isOver) this.listener.state("closed", text("closed.code", { code }));
  }
}
