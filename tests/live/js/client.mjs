// @ts-check
// Sockets of the official client, driven by JSON lines: commands on stdin, what happens on stdout.

import { createInterface } from "node:readline";
import { io } from "socket.io-client";

/** @type {Map<number, import("socket.io-client").Socket>} */
const sockets = new Map();

/** @param {Record<string, unknown>} fact */
const say = (fact) => process.stdout.write(`${JSON.stringify(fact)}\n`);

const commands = {
  connect({ id, url, namespace, auth, headers, transports }) {
    const socket = io(url + namespace, {
      auth,
      extraHeaders: headers,
      forceNew: true,
      reconnection: false,
      transports,
    });
    sockets.set(id, socket);
    socket.on("connect", () => say({ id, is: "connected", sid: socket.id }));
    socket.on("connect_error", (error) => {
      // An error of the transport is no answer of the server's.
      say({ id, is: "refused", message: error.message, data: error.data ?? null });
    });
    socket.on("disconnect", (reason) => say({ id, is: "ended", reason }));
    socket.onAny((event, ...args) => say({ id, is: "event", event, args }));
  },
  tell({ id, event, args }) {
    sockets.get(id)?.emit(event, ...args);
  },
  ask({ id, call, event, args }) {
    sockets.get(id)?.emit(event, ...args, (...answer) => say({ id, is: "ack", call, answer }));
  },
  close({ id }) {
    sockets.get(id)?.disconnect();
    sockets.delete(id);
    // Nothing is said of a socket after this.
    setImmediate(() => say({ id, is: "closed" }));
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  commands[command.do](command);
}
for (const socket of sockets.values()) socket.disconnect();
