// @ts-check
/** Socket.IO's official server on Node with the same events: `node node.mjs <port>`. */
import { createServer } from "node:http";
import { createRequire } from "node:module";

import { Server } from "socket.io";

const { version } = createRequire(import.meta.url)("socket.io/package.json");
const server = createServer();
const io = new Server(server);

io.of("/games").on("connection", (socket) => {
  socket.on("joinRoom", (room, ack) => {
    socket.join(room);
    ack({ ok: true });
  });
  socket.on("relay", (payload) => io.of("/games").in(payload.room).emit("news", payload));
  socket.on("echo", (value, ack) => ack(value));
  socket.on("about", (ack) => ack(`socket.io ${version}, node ${process.version}, ws, no layer`));
});

server.listen(Number(process.argv[2]), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
