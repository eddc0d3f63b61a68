// The official client as a page has it: no code that reconnects, no options but where to go.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const [url, namespace, room, ...transports] = process.argv.slice(2);
const tell = (fact) => process.stdout.write(`${JSON.stringify(fact)}\n`);

const socket = io(url + namespace, { transports });
socket.on("connect", () => {
  socket.emit("joinRoom", room, (answer) => tell({ is: "in", sid: socket.id, ok: answer.ok }));
});
socket.on("disconnect", (reason) => tell({ is: "out", reason }));
createInterface({ input: process.stdin }).on("close", () => socket.close());
