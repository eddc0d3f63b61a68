// @ts-check
/** What can be done about a message, a person or a room, as menus: no more than is allowed. */

import { wholeText } from "./clock.js";
import { copyText } from "./copying.js";
import { mentionOf } from "./mentions.js";
import { page } from "./page.js";
import { isGuest } from "./person.js";
import { Room } from "./room.js";
import { text } from "./texts.js";

/** @typedef {import("./menu.js").Item} Item
 * @typedef {import("./menu.js").Section} Section
 * @typedef {import("./menu.js").Subject} Subject
 * @typedef {import("./shapes.js").Message} Message
 * @typedef {{id: string, name: string}} Person */

const RANKS = { owner: 3, moderator: 2, member: 1 };

/** What the menus lead to.
 * @typedef {object} Ways
 * @property {() => import("./shapes.js").User | null} me
 * @property {(words: string) => void} tell
 * @property {(words: string) => void} mention  write into the composer
 * @property {import("./private_chats.js").PrivateChats} chats
 * @property {import("./private_view.js").PrivateView} privately
 * @property {import("./moderation.js").Moderation} moderation
 * @property {import("./invite_dialog.js").InviteDialog} invite
 * @property {import("./sanctions_dialog.js").SanctionsDialog} sanctions */

export class TalkMenus {
  /** @param {import("./menu.js").Menu} menu @param {Ways} ways */
  constructor(menu, ways) {
    this.menu = menu;
    this.ways = ways;
  }

  /** @param {HTMLElement} button @param {Subject} subject */
  open(button, subject) {
    const label = button.getAttribute("aria-label") ?? "";
    const room = subject.talk instanceof Room ? subject.talk : null;
    if ("message" in subject) {
      return this.menu.open(button, label, this.#aboutMessage(button, room, subject.message));
    }
    const { member } = subject;
    const sections = room ? [{ items: this.#aboutPerson(member) }, this.#power(room, member)] : [];
    return this.menu.open(button, label, sections);
  }

  /** The menu of a room that one moderates.
   * @param {HTMLElement} button @param {Room} room */
  openRoom(button, room) {
    const { invite, sanctions } = this.ways;
    this.menu.open(button, text("moderate"), [
      {
        items: [
          { text: text("menu.invite"), icon: "access-invitation", run: () => invite.open(room) },
          { text: text("menu.sanctions"), icon: "stop", run: () => sanctions.open(room) },
        ],
      },
    ]);
  }

  /** @param {HTMLElement} button
   * @param {Room | null} room
   * @param {Message} message
   * @returns {Section[]} */
  #aboutMessage(button, room, message) {
    const note = message.at && wholeText(new Date(message.at));
    const copy = { text: text("menu.copy"), icon: "copy", run: () => void this.#copy(button, message) };
    const { user } = message;
    const person = user?.id ? { id: user.id, name: user.name } : null;
    if (!room) return [{ note, items: [copy] }];
    const isMe = person?.id === this.ways.me()?.id;
    const isOther = person && !isMe;
    return [
      { note, items: [copy, ...(isOther ? this.#aboutPerson(person) : [])] },
      { items: this.#removal(room, message) },
      isOther ? this.#power(room, person) : { items: [] },
    ];
  }

  /** @param {Person} person @returns {Item[]} */
  #aboutPerson(person) {
    const { mention, privately, chats } = this.ways;
    const values = { name: person.name };
    const talk = chats.get(person.id);
    /** @type {Item[]} */
    const items = [
      { text: text("menu.mention", values), icon: "at", run: () => mention(mentionOf(person.name)) },
    ];
    if (!page.namespace.allowsPrivate) return items;
    items.push({
      text: text("menu.private", values),
      icon: "private",
      run: () => privately.open(person),
    });
    if (!chats.isOffered || isGuest(person.id)) return items;
    const isBlocked = talk?.isBlocked ?? false;
    items.push({
      text: text(isBlocked ? "menu.unblock" : "menu.block", values),
      icon: "stop",
      run: () => void this.#block(person, !isBlocked),
    });
    return items;
  }

  /** @param {Room} room @param {Message} message @returns {Item[]} */
  #removal(room, message) {
    const isKept = message.offset !== null;
    const author = { id: message.user?.id ?? "", name: message.user?.name ?? text("site") };
    const isMine = author.id === this.ways.me()?.id;
    if (!room.rights?.moderates || !isKept) return [];
    if (!isMine && !this.#outranks(room, author)) return [];
    const order = { room, act: /** @type {const} */ ("remove"), person: author, message };
    return [
      {
        text: text("menu.remove"),
        icon: "bin",
        isGrave: true,
        run: () => this.ways.moderation.open(order),
      },
    ];
  }

  /** What a moderator may do to somebody who ranks below.
   * @param {Room} room @param {Person} person @returns {Section} */
  #power(room, person) {
    const { moderation } = this.ways;
    if (!this.#outranks(room, person)) return { items: [] };
    const order = { room, person };
    const isMuted = room.sanctions.mutes.some(({ user }) => user.id === person.id);
    /** @type {Item[]} */
    const items = [
      isMuted
        ? {
            text: text("menu.unmute"),
            icon: "talk",
            run: () => void moderation.lift(room, "unmute", person),
          }
        : { text: text("menu.mute"), icon: "mute", run: () => moderation.open({ ...order, act: "mute" }) },
    ];
    if (!isGuest(person.id)) {
      items.push({
        text: text("menu.role"),
        icon: "access-members",
        run: () => moderation.open({ ...order, act: "setRole" }),
      });
    }
    items.push(
      {
        text: text("menu.kick"),
        icon: "leave",
        isGrave: true,
        run: () => moderation.open({ ...order, act: "kick" }),
      },
      {
        text: text("menu.ban"),
        icon: "stop",
        isGrave: true,
        run: () => moderation.open({ ...order, act: "ban" }),
      },
    );
    return { items };
  }

  /** @param {Room} room @param {Person} person */
  #outranks({ rights, members }, { id }) {
    if (!rights?.moderates || id === this.ways.me()?.id) return false;
    const role = members.get(id)?.role;
    return rights.rank > (role ? RANKS[role] : 0);
  }

  /** @param {HTMLElement} near @param {Message} message */
  async #copy(near, message) {
    const isCopied = await copyText(message.text ?? "", near.parentElement ?? near);
    this.ways.tell(text(isCopied ? "copied" : "not_copied"));
  }

  /** @param {Person} person @param {boolean} isBlocked */
  async #block(person, isBlocked) {
    const { chats, tell } = this.ways;
    const denial = await chats.block(chats.with(person), isBlocked);
    const done = text(isBlocked ? "done.block" : "done.unblock", { name: person.name });
    tell(denial ? denial.message : done);
  }
}
