// @ts-check
/** Puts into the page of a namespace what belongs to talking and not to the shell: menus, the
 * moderators' dialogs, private conversations, and what is heard of one's own rights. */

import { untilText } from "./clock.js";
import { part, partAs, setText, show } from "./dom.js";
import { takeDraft } from "./kept.js";
import { fetchEarly, once } from "./once.js";
import { page } from "./page.js";
import { PrivateChats } from "./private_chats.js";
import { PrivateView } from "./private_view.js";
import { hear as hearTabs } from "./tabs.js";
import { text } from "./texts.js";

/** @typedef {import("./room.js").Room} Room
 * @typedef {object} Shell  what the page lends
 * @property {HTMLElement} root
 * @property {import("./socket.js").Link} link
 * @property {import("./composer.js").Composer} composer
 * @property {(words: string) => void} say
 * @property {() => import("./shapes.js").User | null} me
 * @property {() => Room | null} current  the open room
 * @property {(name: string) => Room} roomOf */

const TOLD_MS = 5_000;

/** @param {Shell} shell
 * @returns {{render: (room: Room | null) => void}} */
export function furnish({ root, link, composer, say, me, current, roomOf }) {
  const tell = toast(part(root, "told"), say);
  const chats = new PrivateChats(link, me);
  const privately = new PrivateView(root, chats, { me, say });
  const tools = once(async () => {
    const { makeMenus } = await import("./talk_tools.js");
    return makeMenus({ root, link, composer, chats, privately, me, tell });
  });
  fetchEarly(tools);
  /** @param {(menus: import("./talk_menus.js").TalkMenus) => void} use */
  const withMenus = (use) => void tools().then(use, () => tell(text("away")));
  root.addEventListener("roomkey:menu", (event) => {
    const { target, detail } = /** @type {CustomEvent} */ (event);
    if (target instanceof HTMLElement) withMenus((menus) => menus.open(target, detail));
  });
  const moderate = partAs(root, "moderate", HTMLButtonElement);
  moderate.addEventListener("click", () => {
    const room = current();
    if (room) withMenus((menus) => menus.openRoom(moderate, room));
  });

  /** @param {string} name @param {(news: any) => void} handle */
  const hear = (name, handle) =>
    link.addEventListener(`heard:${name}`, (event) =>
      handle(/** @type {CustomEvent} */ (event).detail[0]),
    );
  hear("muted", async ({ room: name, message }) => {
    const room = roomOf(name);
    await room.readRights();
    // The server's sentence does not know the visitor's own time.
    say(muteText(room) ?? message);
  });
  hear("unmuted", ({ room }) => void roomOf(room).readRights());
  hear("rightsChanged", (news) => {
    const room = roomOf(news.room);
    const before = composer.conditions;
    room.hearRights(news);
    if (room !== current()) return;
    const after = composer.conditions;
    const isFree = before.length > 0 && after.length === 0;
    const added = after.filter((words) => !before.includes(words)).join(" ");
    if (isFree || added) say(isFree ? text("may_write") : added);
  });
  hear("roleChanged", (news) => roomOf(news.room).hearRole(news));
  hearTabs((word) => {
    if (!("place" in word) || word.place !== page.namespace.path) return;
    if (word.kind === "read") chats.ofKey(word.room)?.hearRead(word.offset);
    if (word.kind !== "draft") return;
    takeDraft(word.room, word.text);
    privately.composer.drafted(word.room);
  });
  privately.openAddress();
  privately.render();
  return {
    render: (room) => show(moderate, room?.isJoined === true && room.rights?.moderates === true),
  };
}

/** A mute that ends, as it is read out; null where there is none.
 * @param {Room} room
 * @returns {string | null} */
function muteText({ name, rights }) {
  const { code, until, reason } = rights?.refusal ?? {};
  if (code !== "muted" || !until) return null;
  const words = text("muted_in_until", { room: name, until: untilText(new Date(until), new Date()) });
  return reason ? `${words} ${text("reason_is", { reason })}` : words;
}

/** Say what came of something, to those who listen and for a while to those who look.
 * @param {HTMLElement} element @param {(words: string) => void} say */
function toast(element, say) {
  let timer = 0;
  return (/** @type {string} */ words) => {
    say(words);
    window.clearTimeout(timer);
    setText(element, words);
    show(element, true);
    timer = window.setTimeout(() => show(element, false), TOLD_MS);
  };
}
