// @ts-check
/** The page of a namespace: brings the connection, the rooms and the parts of the page together,
 * and keeps the address in step with the open room. */

import { Announcer } from "./announcer.js";
import { Chip } from "./chip.js";
import { Composer } from "./composer.js";
import { isFocusLost, part, partAs, setText, show } from "./dom.js";
import { furnish } from "./furnish.js";
import { keepInStep, tellRead } from "./in_step.js";
import { canBeSolved, JoinDialog } from "./join_dialog.js";
import { forgetInvitation, invitationOf, joinedRooms, keepJoinedRooms } from "./kept.js";
import { ListView } from "./list_view.js";
import { Lobby } from "./lobby.js";
import { LogView } from "./log_view.js";
import { MembersView } from "./members_view.js";
import { fetchEarly, once } from "./once.js";
import { page, readData, roomUrl } from "./page.js";
import { denialText, Pane } from "./pane.js";
import { isGuest } from "./person.js";
import { Room } from "./room.js";
import { Shortcuts } from "./shortcuts.js";
import { Link } from "./socket.js";
import { text } from "./texts.js";
import { notifyElsewhere, Toasts } from "./toasts.js";
import { isWaitedFor, Watches } from "./watches.js";

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
const watches = new Watches(lobby);
const announcer = new Announcer(part(root, "live-region"));
const say = (/** @type {string} */ words) => announcer.say(words);
const toasts = new Toasts(root);
const chip = new Chip(root, link, say);
const pane = new Pane(root);
const log = new LogView(root, () => me);
const members = new MembersView(root, () => me);
const composer = new Composer(root, () => log.toEnd());
const dialog = new JoinDialog(partAs(root, "join-dialog", HTMLDialogElement), entered, refocus);
const newsOf = (/** @type {string} */ name) => rooms.get(name) ?? { unread: 0, mentions: 0 };
const list = new ListView(root, lobby, { current: () => current, news: newsOf });
const switcher = once(async () => {
  const { Switcher } = await import("./switcher.js");
  return new Switcher(root, lobby, { news: newsOf, go });
});
fetchEarly(switcher);

const openRoom = () => (current === null ? null : roomOf(current));
const furniture = furnish({ root, link, composer, say, me: () => me, current: openRoom, roomOf });

/** The room of a name; made when first needed.
 * @param {string} name */
function roomOf(name) {
  let room = rooms.get(name);
  if (!room) {
    room = new Room(name, link, () => me);
    const made = room;
    room.addEventListener("change", () => renderSoon(made));
    room.addEventListener("arrived", (event) => arrived(made, /** @type {CustomEvent} */ (event).detail));
    room.addEventListener("read", (event) => tellRead(name, /** @type {CustomEvent} */ (event).detail));
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
  const denial = link.connection.phase === "signed_out" ? signedOut() : link.denial;
  list.render();
  root.dataset.view = current === null && !denial ? "rooms" : "room";
  document.title = titleOf();
  furniture.render(openRoom());
  const isWatched = denial ? link.isWatching : current !== null && watches.has(current);
  const around = { isWatched, isLive: link.isLive };
  // What comes in a room that was open before is not read any more.
  if (current === null || !roomOf(current).isJoined) log.close();
  if (current === null) return pane.renderLobby(denial, around, lobby.rows.size > 0);
  const room = roomOf(current);
  pane.render(room, lobby.rows.get(current), denial, around);
  if (!room.isJoined) return undefined;
  composer.open(room);
  members.render(room);
  return log.render(room);
}

/** @returns {Denial} */
function signedOut() {
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
 * @param {{remember?: boolean, join?: boolean}} [how] */
function go(name, { remember = true, join = true } = {}) {
  if (remember && name !== current) window.history.pushState(null, "", roomUrl(name));
  const before = current;
  current = name;
  dialog.close();
  render();
  if (name === null) {
    if (isFocusLost()) list.focus(before);
    return;
  }
  toasts.remove(name);
  const room = roomOf(name);
  if (room.isJoined) entered(room);
  else if (join) void enter(room);
  else part(pane.notice, "notice-heading").focus();
  refocus();
}

/** On a narrow screen the list goes when a room opens, and with it what had the focus; a dialog
 * that opened with the page has nothing to give it back to. It goes to where the page says how
 * things stand. */
function refocus() {
  if (isFocusLost()) part(pane.notice, "notice-heading").focus();
}

/** Open the neighbour of the open room in the list.
 * @param {number} by */
function step(by) {
  const names = list.names;
  if (names.length === 0) return;
  const at = current === null ? -1 : names.indexOf(current);
  const next = at < 0 && by < 0 ? names.length - 1 : (at + by + names.length) % names.length;
  go(names[next]);
}

/** Join as a person who asked for it: a refusal that can be put right opens the dialog.
 * @param {Room} room */
async function enter(room) {
  const invitation = invitationOf(room.name);
  const denial = await room.join(invitation === null ? {} : { invitation });
  if (!denial || denial.code === "invalid_invitation") forgetInvitation(room.name);
  if (room.name !== current || denial?.code === "away") return;
  if (!denial) entered(room);
  else if (canBeSolved(denial)) dialog.open(room, denial);
  else say(denialText(room.name, denial));
}

/** The open room is joined: the keyboard goes on where one writes, or on a touch screen, where that
 * would cover the half of it, at its head.
 * @param {Room} room */
function entered(room) {
  if (room.name !== current) return;
  render();
  composer.focus();
  if (isFocusLost()) pane.head.focus({ preventScroll: true });
}

/** @param {Room} room @param {import("./shapes.js").Message} message */
function arrived(room, message) {
  if (room.name !== current) return;
  say(text("says", { name: message.user?.name ?? text("site"), text: message.text ?? "" }));
}

/** After every connect all that is shown is read again: the list, and each room with what it missed. */
function connected() {
  void lobby.refresh();
  for (const name of joinedRooms()) if (name !== current) roomOf(name);
  for (const room of rooms.values()) {
    if (room.isJoined) void room.join();
    else if (room.name === current && mayTryAgain(room)) void enter(room);
    else if (room.state === "idle") void room.join();
  }
  if (current !== null && !rooms.has(current)) void enter(roomOf(current));
}

/** @param {Room} room */
const mayTryAgain = ({ state, denial }) =>
  state !== "left" && (denial === null || isWaitedFor(denial.code));

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

/** Put out of a room: the list shows it at once, and a room that is not open says so in passing.
 * @param {Denial & {room: string}} denial */
function kicked(denial) {
  const room = roomOf(denial.room);
  room.hearKicked({ ...denial, ok: false });
  const told = denialText(room.name, { ...denial, ok: false });
  say(told);
  void lobby.refresh();
  if (denial.room === current) return;
  const words = text("missed_elsewhere", { room: room.name, words: told });
  const act = () => go(room.name, { join: false });
  toasts.add({ key: room.name, icon: "stop", words, action: text("see_why"), act });
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
hear("kicked", kicked);

link.addEventListener("connection", () => {
  if (link.isLive) connected();
  else for (const room of rooms.values()) room.goneAway();
  render();
});
lobby.addEventListener("change", () => {
  const joined = [...rooms.values()].filter((room) => room.isJoined);
  if (link.isLive) keepJoinedRooms(joined.map(({ name }) => name));
  render();
});
watches.addEventListener("opened", (event) => {
  const { name } = /** @type {CustomEvent<import("./shapes.js").RoomRow>} */ (event).detail;
  const code = rooms.get(name)?.denial?.code;
  const words = text(`over.${isWaitedFor(code) ? code : "room_closed"}`, { room: name });
  say(words);
  const act = () => go(name);
  toasts.add({ key: name, icon: "bell", words, action: text("open_it"), act });
  notifyElsewhere(words);
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
  else if (room?.denial && canBeSolved(room.denial) && isLocked(room)) dialog.open(room, room.denial);
  else if (room) void enter(room);
});
/** Whether the list, too, says that something is asked: what it was may be over by now.
 * @param {import("./room.js").Room} room */
const isLocked = ({ name }) => lobby.rows.get(name)?.code !== null;
pane.watch.addEventListener("click", () => void watch());

/** Wait, or not any more, for what is closed or full. */
async function watch() {
  const isWatched = pane.watch.getAttribute("aria-pressed") !== "true";
  if (isWatched && "Notification" in window) void Notification.requestPermission();
  if (link.denial) return link.watch(isWatched);
  if (current === null) return undefined;
  const name = current;
  // The list may not know yet what the join was told.
  if (isWatched) await lobby.refresh();
  watches.set(name, isWatched);
  return render();
}

part(root, "skip").addEventListener("click", (event) => {
  event.preventDefault();
  const isInside = current !== null && roomOf(current).isJoined;
  const heading = isInside || current === null ? pane.head : part(pane.notice, "notice-heading");
  if (isInside) composer.focus();
  if (!isInside || document.activeElement === event.currentTarget) heading.focus();
});
document.addEventListener("click", (event) => {
  const anchor = event.target instanceof Element && event.target.closest("a[data-room], a[data-lobby]");
  const isPlain = !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0;
  if (!(anchor instanceof HTMLAnchorElement) || !isPlain || event.defaultPrevented) return;
  event.preventDefault();
  for (const menu of root.querySelectorAll("[popover]")) /** @type {HTMLElement} */ (menu).hidePopover();
  go(anchor.dataset.room ?? null);
});
window.addEventListener("popstate", () => go(roomInAddress(), { remember: false }));
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && link.isLive) void lobby.refresh();
  render();
});
new Shortcuts(root, {
  search: () => list.search.focus(),
  leaveSearch: () => {
    list.search.value = "";
    list.render();
    composer.focus();
  },
  switchRoom: () => void switcher().then((made) => made.open(), () => say(text("away"))),
  step,
});
keepInStep({
  drafted: (name) => composer.drafted(name),
  read: (name, offset) => rooms.get(name)?.hearRead(offset),
  changedPerson: () => link.signOut(),
});

/** @returns {string | null} */
function roomInAddress() {
  const rest = window.location.pathname.slice(page.namespace.url.length).replace(/\/$/, "");
  return rest ? decodeURIComponent(rest) : null;
}

render();
await link.open();
