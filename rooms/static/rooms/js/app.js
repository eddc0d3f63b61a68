// @ts-check
/** The page of a namespace: brings the connection, the rooms and the parts of the page together,
 * and keeps the address in step with the open room. */

import { Announcer } from "./announcer.js";
import { Chip } from "./chip.js";
import { Composer } from "./composer.js";
import { part, partAs, setText, show } from "./dom.js";
import { canBeSolved, JoinDialog } from "./join_dialog.js";
import { ListView } from "./list_view.js";
import { Lobby } from "./lobby.js";
import { LogView } from "./log_view.js";
import { MembersView } from "./members_view.js";
import { page, readData, roomUrl } from "./page.js";
import { Pane } from "./pane.js";
import { isGuest } from "./person.js";
import { Room } from "./room.js";
import { Link } from "./socket.js";
import { text } from "./texts.js";

/** @typedef {import("./shapes.js").Denial} Denial
 * @typedef {import("./shapes.js").User} User */

const root = document.body;
/** @type {User | null} */
let me = page.user;
/** The room that is open, by name. */
let current = page.room;
/** @type {Map<string, Room>} */
const rooms = new Map();
/** @type {Set<Room>} */
const stale = new Set();
let isRendering = false;

const link = new Link();
const lobby = new Lobby(link, readData("page-rooms"));
const announcer = new Announcer(part(root, "live-region"));
const say = (/** @type {string} */ words) => announcer.say(words);
const chip = new Chip(root, link, say);
const pane = new Pane(root);
const log = new LogView(root, () => me);
const members = new MembersView(root, () => me);
const composer = new Composer(root, () => log.toEnd());
const dialog = new JoinDialog(partAs(root, "join-dialog", HTMLDialogElement), () =>
  composer.focus(),
);
const list = new ListView(root, lobby, {
  current: () => current,
  unread: (name) => rooms.get(name)?.unread ?? 0,
});

/** The room of a name; made when first needed.
 * @param {string} name */
function roomOf(name) {
  let room = rooms.get(name);
  if (!room) {
    room = new Room(name, link, () => me);
    const made = room;
    room.addEventListener("change", () => renderSoon(made));
    room.addEventListener("arrived", (event) => arrived(made, /** @type {CustomEvent} */ (event).detail));
    rooms.set(name, room);
  }
  return room;
}

/** Many changes within one turn are drawn once.
 * @param {Room} room */
function renderSoon(room) {
  stale.add(room);
  if (isRendering) return;
  isRendering = true;
  queueMicrotask(() => {
    isRendering = false;
    for (const each of stale) learn(each);
    stale.clear();
    render();
  });
}

/** @param {Room} room */
function learn(room) {
  lobby.learn(room.name, room.isJoined ? { joined: true, members: room.count } : { joined: false });
  if (room.caughtUp === 0) return;
  chip.caughtUp(room.caughtUp);
  room.caughtUp = 0;
}

function render() {
  const { connection } = link;
  const denial = connection.phase === "refused" ? connection.denial : signedOut();
  list.render();
  root.dataset.view = current === null && !denial ? "rooms" : "room";
  document.title = titleOf();
  if (current === null) return pane.renderLobby(denial);
  const room = roomOf(current);
  pane.render(room, lobby.rows.get(current), denial);
  if (!room.isJoined) return undefined;
  composer.open(room);
  members.render(room);
  return log.render(room);
}

/** @returns {Denial | null} */
function signedOut() {
  if (link.connection.phase !== "signed_out") return null;
  const key = page.user ? "signed_out_words" : "signed_in_words";
  return { ok: false, code: "signed_out", message: text(key) };
}

function titleOf() {
  const unread = [...rooms.values()].reduce((sum, room) => sum + room.unread, 0);
  const name = current ?? page.namespace.title;
  return `${unread ? `(${unread}) ` : ""}${name} · ${text("site")}`;
}

/** Open a room, or with null the list.
 * @param {string | null} name
 * @param {{remember?: boolean}} [how] */
function go(name, { remember = true } = {}) {
  if (remember && name !== current) window.history.pushState(null, "", roomUrl(name));
  current = name;
  dialog.close();
  render();
  if (name === null) return;
  const room = roomOf(name);
  if (room.isJoined) composer.focus();
  else void enter(room);
}

/** Join as a person who asked for it: a refusal that can be put right opens the dialog.
 * @param {Room} room */
async function enter(room) {
  const denial = await room.join();
  if (room.name !== current || denial?.code === "away") return;
  if (!denial) composer.focus();
  else if (canBeSolved(denial)) dialog.open(room, denial);
  else say(denial.message);
}

/** @param {Room} room @param {import("./shapes.js").Message} message */
function arrived(room, message) {
  if (room.name !== current) return;
  say(text("says", { name: message.user?.name ?? text("site"), text: message.text ?? "" }));
}

/** After every connect all that is shown is read again: the list, and each room with what it missed. */
function connected() {
  void lobby.refresh();
  for (const room of rooms.values()) {
    if (room.isJoined) void room.join();
    else if (room.name === current && room.state !== "left" && !room.denial) void enter(room);
  }
  if (current !== null && !rooms.has(current)) void enter(roomOf(current));
}

/** The server says who we are. A page made for somebody else must not go on as its reader.
 * @param {import("./shapes.js").IdentityEvent} identity */
function identified({ user }) {
  if (page.user ? user.id !== page.user.id : !isGuest(user.id)) return link.signOut();
  me = user;
  const name = part(root, "my-name");
  setText(name, user.name);
  show(part(root, "me"), true);
  return render();
}

/** @param {string} name @param {(...args: any[]) => void} handle */
const hear = (name, handle) =>
  link.addEventListener(`heard:${name}`, (event) => handle(.../** @type {CustomEvent} */ (event).detail));

hear("identity", identified);
hear("welcome", (words) => setText(part(root, "welcome-words"), words));
hear("message", (message) => roomOf(message.room).hearMessage(message));
hear("newUser", (_, presence) => roomOf(presence.room).hearNewUser(presence));
hear("userLeft", (_, presence) => roomOf(presence.room).hearUserLeft(presence));
hear("membersChanged", ({ room, members: count }) => roomOf(room).hearMembersChanged(count));
hear("typing", ({ room, user }) => roomOf(room).hearTyping(user));
hear("messageRemoved", ({ room, offset }) => roomOf(room).hearRemoved(offset));
hear("missed", ({ room }) => void roomOf(room).hearMissed());
hear("roomsChanged", (news) => lobby.hearRoomsChanged(news));
hear("kicked", (denial) => {
  roomOf(denial.room).hearKicked({ ok: false, ...denial });
  say(denial.message);
  void lobby.refresh();
});

link.addEventListener("connection", () => {
  if (link.isLive) connected();
  else for (const room of rooms.values()) room.goneAway();
  render();
});

pane.leave.addEventListener("click", () => {
  const room = current === null ? null : roomOf(current);
  void room?.leave().then(() => lobby.refresh());
  // After what leaving has changed is drawn: a button that is not shown takes no focus.
  queueMicrotask(() => pane.again.focus());
});
pane.again.addEventListener("click", () => {
  const room = current === null ? null : roomOf(current);
  if (link.connection.phase === "signed_out") window.location.reload();
  else if (!link.isLive) link.tryNow();
  else if (room?.denial && canBeSolved(room.denial)) dialog.open(room, room.denial);
  else if (room) void enter(room);
});

document.addEventListener("click", (event) => {
  const anchor = event.target instanceof Element && event.target.closest("a[data-room], a[data-lobby]");
  const isPlain = !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0;
  if (!(anchor instanceof HTMLAnchorElement) || !isPlain || event.defaultPrevented) return;
  event.preventDefault();
  go(anchor.dataset.room ?? null);
});
window.addEventListener("popstate", () => go(roomInAddress(), { remember: false }));
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && link.isLive) void lobby.refresh();
  render();
});

/** @returns {string | null} */
function roomInAddress() {
  const rest = window.location.pathname.slice(page.namespace.url.length).replace(/\/$/, "");
  return rest ? decodeURIComponent(rest) : null;
}

render();
await link.open();
