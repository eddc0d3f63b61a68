// @ts-check
// Clients of the official library, each request of which may reach another process.
// usage: scattered.mjs URL TRANSPORTS COUNT; one JSON line for each fact; ends with its input.

import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const [url, transports, count] = process.argv.slice(2);

/** @param {Record<string, unknown>} fact */
const say = (fact) => process.stdout.write(`${JSON.stringify(fact)}\n`);

/** @param {import("socket.io-client").Socket} socket @param {string} event @param {unknown[]} args */
const ask = (socket, event, ...args) =>
  new Promise((resolve, reject) => {
    socket.timeout(20_000).emit(event, ...args, (error, ...answer) => {
      if (error) reject(error);
      else resolve(answer.length === 1 ? answer[0] : answer);
    });
  });

/** @param {import("socket.io-client").Socket} socket @param {number} count */
const burst = (socket, count) =>
  new Promise((resolve) => {
    const heard = [];
    socket.on("m", (number, data) => {
      // Of those with bytes the bytes count, too; where recovery is on, an offset comes last.
      heard.push(number % 2 || (data[0] === number && data[1] === 7) ? number : -1);
      if (heard.length === count) {
        socket.off("m");
        resolve(heard);
      }
    });
    socket.emit("mixed", count);
  });

/** Two namespaces on one connection, and everything that passes over it. @param {number} id */
const start = (id) => {
  const manager = { transports: transports.split(","), forceNew: true, reconnectionDelay: 200 };
  const socket = io(`${url}/check`, { ...manager, auth: { name: `js ${id}` } });
  const other = socket.io.socket("/dyn-7");
  const greeted = new Promise((resolve) => other.on("hello", resolve));
  socket.on("question", (value, answer) => answer(value, "answered"));
  socket.on("connect", () => say({ id, is: "connected", sid: socket.id }));
  socket.on("disconnect", (reason) => say({ id, is: "disconnected", reason }));
  return { socket, other, greeted };
};

/** @param {number} id */
const run = async (id, { socket, other, greeted }) => {
  const bytes = Uint8Array.from({ length: 900 }, (_, index) => (index * 7 + id) & 255);
  const [echoed] = await Promise.all([
    ask(socket, "echo", { deep: [bytes, "ü☃"] }, id),
    ask(socket, "join", `room of ${id}`),
  ]);
  const large = "x".repeat(900_000 - id);
  const asked = await ask(socket, "ask-me", { from: id });
  const first = await burst(socket, 100);
  const size = await ask(socket, "size", large);
  const blob = await ask(socket, "blob", 600_000);
  say({
    id,
    is: "done",
    greeted: await greeted,
    echoed: Buffer.from(echoed[0].deep[0]).equals(Buffer.from(bytes)) && echoed[0].deep[1],
    asked,
    heard: first,
    size: size + id,
    blob: blob.byteLength,
    transport: await ask(socket, "transport"),
    engine: socket.io.engine.transport.name,
    other: other.connected,
  });
};

const clients = Array.from({ length: Number(count) }, (_, id) => start(id));
await Promise.all(
  clients.map((client, id) =>
    run(id, client).catch((error) => say({ id, is: "failed", error: String(error) })),
  ),
);
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "ask") {
    for (const [id, { socket }] of clients.entries()) {
      ask(socket, "echo", id).then((answer) => say({ id, is: "answered", answer }), () => {});
    }
  }
}
for (const { socket, other } of clients) {
  socket.disconnect();
  other.disconnect();
}
