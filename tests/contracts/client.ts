// A client that uses every room event by the types that `manage.py asyncapi --typescript` writes.
// Compiled with `tsc --strict`, never run. Each line under @ts-expect-error must be refused.
import { io, type Socket } from "socket.io-client";
import type {
  Author,
  JoinRoom,
  ListedRoom,
  Message,
  NamespaceAt,
  Namespaces,
  Presence,
  PrivateMessage,
  RoomNamespace,
} from "./events.js";

type Games = NamespaceAt<"/games">;
type GamesSocket = Socket<Games["ServerToClientEvents"], Games["ClientToServerEvents"]>;

// Its types know the answer's under an `ackTimeout`, but not under `timeout(…).emitWithAck`.
const socket: GamesSocket = io("/games", { ackTimeout: 5_000 });

// What is heard.

const lines: string[] = [];
const show = (message: Message | PrivateMessage): void => {
  const author: Author | null | undefined = message.user;
  lines.push(message.removed ? "removed" : `${author?.name ?? "the site"}: ${message.text ?? ""}`);
  const offset: number | null = message.offset;
  lines.push(`${message.id} ${message.room} ${offset} ${message.at} ${message.nonce}`);
};
const showRoom = ({ name, title, access, code, locked, joined, members, capacity }: ListedRoom) => {
  const kind: "open" | "login" | "password" | "invitation" | "members" | "groups" = access;
  const most: number | null = capacity;
  lines.push(name, title, kind, code ?? "", `${locked} ${joined} ${members} ${most}`);
};
const showPresence = (text: string, { user, members, sockets }: Presence): void => {
  lines.push(`${text} ${user.id} ${user.name} ${members.toFixed()} ${sockets.toFixed()}`);
};

socket.on("welcome", (text) => lines.push(text.trim()));
socket.on("identity", ({ namespace, user, guest }) => {
  const token: string | undefined = guest;
  lines.push(namespace.path, namespace.title, user.id, user.name, token ?? "");
});
socket.on("success", (text) => lines.push(text.trim()));
socket.on("newUser", showPresence);
socket.on("userLeft", showPresence);
socket.on("membersChanged", ({ room, members }) => lines.push(room, members.toFixed()));
socket.on("message", show);
socket.on("typing", ({ room, user }) => lines.push(room, user.name));
socket.on("kicked", ({ room, code, message, reason, until, ref }) => {
  lines.push(room, code, message, reason ?? "", until ?? "", ref ?? "");
});
socket.on("muted", ({ room, until, message }) => {
  const end: string | null = until;
  lines.push(room, end ?? "for good", message);
});
socket.on("unmuted", ({ room }) => lines.push(room));
socket.on("missed", ({ room, from, to }) => lines.push(room, `${from ?? "?"}-${to ?? "?"}`));
socket.on("messageRemoved", ({ room, id, offset }) => lines.push(room, id, offset.toFixed()));
socket.on("roomsChanged", ({ changed, removed }) => {
  changed.forEach(showRoom);
  lines.push(...removed);
});
socket.on("rightsChanged", ({ room, refusal }) => lines.push(room, refusal?.message ?? ""));
socket.on("roleChanged", ({ room, user, role }) => lines.push(room, user.name, role ?? ""));
socket.on("private", (message) => {
  const nowhere: null = message.room;
  lines.push(message.from, message.to, `${nowhere}`);
  show(message);
});
socket.on("err", (text, { ok, code, message, field, retry_after, attempts_left }) => {
  const never: false = ok;
  const seconds: number | undefined = retry_after;
  const tries: number | undefined = attempts_left;
  lines.push(text, code, message, field ?? "", `${seconds} ${tries} ${never}`);
});
socket.on("connect", () => lines.push("connected"));

// @ts-expect-error: there is no such event
socket.on("mesage", () => undefined);
// @ts-expect-error: the namespace is an object
socket.on("identity", ({ namespace }) => namespace.trim());

// What is sent.

const explain = (code: RoomNamespace.Codes["joinRoom"]): string => {
  switch (code) {
    case "password_required":
    case "wrong_password":
      return "the password, please";
    case "invitation_required":
    case "invalid_invitation":
      return "an invitation, please";
    case "login_required":
      return "sign in";
    case "room_full":
    case "room_closed":
    case "namespace_closed":
    case "unknown_room":
    case "not_a_member":
    case "forbidden":
    case "banned":
      return "not here";
    case "bad_request":
    case "busy":
    case "internal":
    case "rate_limited":
      return "try again";
    default: {
      const none: never = code;
      return none;
    }
  }
};

export const visit = async (): Promise<string[]> => {
  const asked: JoinRoom = { room: "csgo", password: "secret", since: 3, epoch: "e" };
  for (const request of ["csgo", asked]) {
    const joined = await socket.emitWithAck("joinRoom", request);
    if (!joined.ok) {
      // @ts-expect-error: a refusal has no messages
      lines.push(joined.messages);
      return [explain(joined.code), joined.message, joined.ref ?? ""];
    }
    joined.messages.forEach(show);
    const role: "owner" | "moderator" | "member" | null = joined.role;
    const offset: number | null = joined.offset;
    lines.push(joined.room, `${role} ${offset} ${joined.epoch} ${joined.members.toFixed()}`);
    lines.push(`${joined.more} ${joined.recovered}`);
  }

  const sent = await socket.emitWithAck("message", {
    room: "csgo",
    text: "Hello",
    data: { answers: [1, 2] },
    nonce: "n1",
  });
  if (sent.ok) {
    lines.push(sent.id, sent.at, `${sent.offset}`);
  } else if (sent.code === "muted") {
    lines.push(sent.until ?? "");
  }

  const page = await socket.emitWithAck("history", { room: "csgo", before: 3, limit: 10 });
  if (page.ok) {
    page.messages.forEach(show);
    lines.push(`${page.epoch} ${page.more}`);
  }

  const first = await socket.emitWithAck("rooms");
  const found = await socket.emitWithAck("rooms", { search: "cs", after: "a", limit: 5 });
  for (const list of [first, found]) {
    if (list.ok) {
      list.rooms.forEach(showRoom);
    }
  }
  socket.timeout(1_000).emit("rooms", (error, list) => {
    lines.push(error === null ? "" : error.message, list.ok ? `${list.more}` : list.code);
  });

  const inside = await socket.emitWithAck("members", "csgo");
  if (inside.ok) {
    inside.members.forEach(({ id, role, sockets }) => lines.push(`${id} ${role} ${sockets}`));
    lines.push(inside.count.toFixed());
  }

  const typing = await socket.emitWithAck("typing", { room: "csgo" });
  lines.push(typing.ok ? "" : typing.message);

  socket.emit("leaveRoom", "csgo", (left) => {
    lines.push(left.ok ? left.room : left.code);
    // @ts-expect-error: one can always leave, whatever the password
    if (!left.ok && left.code === "wrong_password") return;
  });
  socket.timeout(1_000).emit("leaveRoom", "csgo", (error, left) => {
    lines.push(error === null ? "" : error.message, left.ok ? left.room : left.code);
  });

  // @ts-expect-error: a message has a text
  await socket.emitWithAck("message", { room: "csgo" });
  // @ts-expect-error: a room's name is text
  await socket.emitWithAck("joinRoom", 7);
  // @ts-expect-error: there is no such event
  await socket.emitWithAck("jionRoom", "csgo");
  return lines;
};

// What two users say to each other, and what moderators do.

export const write = async (to: string): Promise<void> => {
  const sent = await socket.emitWithAck("private", { to, text: "Hello", data: {}, nonce: "n2" });
  lines.push(sent.ok ? `${sent.id} ${sent.offset} ${sent.at}` : sent.code);
  const page = await socket.emitWithAck("history", { with: to, after: 0 });
  if (page.ok) {
    page.messages.forEach(show);
  } else if (page.code === "unknown_user") {
    lines.push(page.message);
  }
  const blocked = await socket.emitWithAck("block", { user: to });
  const unblocked = await socket.emitWithAck("unblock", { user: to });
  lines.push(blocked.ok ? "" : blocked.code, `${unblocked.ok}`);
  const found = await socket.emitWithAck("conversations");
  if (found.ok) {
    for (const { user, offset, at, blocked: is } of found.conversations) {
      lines.push(user.name, `${offset} ${is}`, at ?? "");
    }
  }
  // @ts-expect-error: a private message is to somebody
  await socket.emitWithAck("private", { text: "Hello" });
};

export const moderate = async (user: string): Promise<void> => {
  const whom = { room: "csgo", user };
  const done = [
    await socket.emitWithAck("kick", { ...whom, reason: "be nice" }),
    await socket.emitWithAck("ban", { ...whom, for_s: 60, address: true, purge_s: 3_600 }),
    await socket.emitWithAck("unban", whom),
    await socket.emitWithAck("mute", { ...whom, reason: "be nice", for_s: 60 }),
    await socket.emitWithAck("unmute", whom),
    await socket.emitWithAck("setRole", { ...whom, role: "moderator" }),
    await socket.emitWithAck("setRole", { ...whom, role: null }),
    await socket.emitWithAck("remove", { room: "csgo", id: "7" }),
  ];
  for (const answer of done) {
    lines.push(answer.ok ? "done" : `${answer.code} ${answer.message} ${answer.field}`);
  }
  const made = await socket.emitWithAck("invite", {
    room: "csgo",
    count: 2,
    max_uses: null,
    expires_s: 3_600,
    role: "member",
  });
  if (made.ok) {
    made.invitations.forEach(({ id, token, url }) => lines.push(id, token, url));
  }
  const rights = await socket.emitWithAck("rights", "csgo");
  if (rights.ok) {
    const next: "owner" | "moderator" | "member" | undefined = rights.roles[0];
    lines.push(`${rights.rank} ${rights.moderates} ${rights.slow_mode_s}`, next ?? "");
    lines.push(rights.refusal?.code ?? "");
  }
  const listed = await socket.emitWithAck("sanctions", { room: "csgo" });
  if (listed.ok) {
    for (const { user: whom, reason, until, by } of [...listed.bans, ...listed.mutes]) {
      lines.push(whom.name, reason, until ?? "", by ?? "");
    }
  }
  // @ts-expect-error: null ends a membership, but has to be said
  await socket.emitWithAck("setRole", whom);
  // @ts-expect-error: nobody is kicked out of nowhere
  await socket.emitWithAck("kick", { user });
};

// The namespace `/`, which is another class.

type Root = Namespaces["/"];
const root: Socket<Root["ServerToClientEvents"], Root["ClientToServerEvents"]> = io("/");

export const echo = async (): Promise<unknown> => {
  root.on("welcome", (text) => lines.push(text.trim()));
  // @ts-expect-error: the games have no echo
  socket.emit("echo", 1, () => undefined);
  root.emit("echo", 1, "two", (...answer: unknown[]) => lines.push(`${answer.length}`));
  return await root.emitWithAck("echo", 1, { two: [3] });
};
