// @ts-check
/** Who is in the open room: by role, with guests, further devices and mutes said in words. */

import { untilText } from "./clock.js";
import { askForMenu, copyTemplate, part, partAs, reconcile, setText, show } from "./dom.js";
import { isGuest, paintAvatar } from "./person.js";
import { countText, locale, text } from "./texts.js";

/** @typedef {import("./shapes.js").Member} Member
 * @typedef {import("./room.js").Room} Room
 * @typedef {{key: string, members: Member[]}} Group */

const GROUPS = ["owner", "moderator", "member", "visitor"];

export class MembersView {
  /** @type {Room | null} */
  #room = null;

  /** @param {HTMLElement} root @param {() => import("./shapes.js").User | null} me */
  constructor(root, me) {
    this.me = me;
    this.panel = part(root, "members");
    this.groups = part(root, "member-groups");
    this.count = part(root, "member-count");
    this.more = part(root, "members-more");
    this.toggle = partAs(root, "members-toggle", HTMLButtonElement);
    this.field = part(root, "composer-text");
    this.toggleCount = part(root, "members-toggle-count");
    this.toggle.addEventListener("click", () => this.#open(!this.isOpen));
    part(root, "members-close").addEventListener("click", () => {
      this.#open(false);
      this.toggle.focus();
    });
    this.panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.isOpen) part(root, "members-close").click();
    });
    this.groups.addEventListener("click", (event) => this.#clicked(event));
  }

  /** Whether the panel lies over the page, as it does on narrow screens when asked for. */
  get isOpen() {
    return this.toggle.getAttribute("aria-expanded") === "true";
  }

  /** @param {Room} room */
  render(room) {
    this.#room = room;
    setText(this.count, countText("people", room.count));
    setText(this.toggleCount, room.count.toLocaleString(locale));
    this.toggle.setAttribute("aria-label", countText("people", room.count));
    const focused = this.#focusedKey();
    reconcile(
      this.groups,
      groupsOf([...room.members.values()]),
      (group) => group.key,
      () => copyTemplate("member-group"),
      (element, group) => this.#updateGroup(element, group),
    );
    if (focused !== null && this.#focusedKey() === null) this.#refocus(focused);
    const unlisted = room.members.size ? room.count - room.members.size : 0;
    setText(this.more, unlisted > 0 ? countText("members_more", unlisted) : "");
    show(this.more, unlisted > 0);
  }

  /** @param {boolean} isOpen */
  #open(isOpen) {
    this.toggle.setAttribute("aria-expanded", String(isOpen));
    this.panel.classList.toggle("members--open", isOpen);
    if (isOpen) part(this.panel, "members-close").focus();
    if (isOpen) this.#room?.readMembersSoon();
  }

  /** Whose row has the focus.
   * @returns {string | null} */
  #focusedKey() {
    const { activeElement } = document;
    const row = this.groups.contains(activeElement) && activeElement?.closest("li");
    return row ? (row.dataset.key ?? "") : null;
  }

  /** A row that had the focus has gone to another group, or for good.
   * @param {string} key */
  #refocus(key) {
    const rows = [...this.groups.querySelectorAll("li")];
    const row = rows.find((each) => each.dataset.key === key);
    if (row) part(row, "more").focus();
    else if (this.isOpen) part(this.panel, "members-close").focus();
    else this.field.focus();
  }

  /** @param {Event} event */
  #clicked(event) {
    const button = event.target instanceof Element && event.target.closest("button");
    const row = button && button.closest("li");
    const member = row && this.#room?.members.get(row.dataset.key ?? "");
    if (button && member && this.#room) askForMenu(button, { talk: this.#room, member });
  }

  /** @param {HTMLElement} element @param {Group} group */
  #updateGroup(element, group) {
    setText(part(element, "role"), text(`role.${group.key}`));
    setText(part(element, "role-count"), group.members.length.toLocaleString(locale));
    reconcile(
      part(element, "list"),
      group.members,
      (member) => member.id,
      () => copyTemplate("member"),
      (row, member) => this.#updateMember(row, member),
    );
  }

  /** @param {HTMLElement} element @param {Member} member */
  #updateMember(element, member) {
    const isMe = member.id === this.me()?.id;
    paintAvatar(part(element, "avatar"), member);
    setText(part(element, "name"), member.name);
    show(part(element, "you"), isMe);
    show(part(element, "guest"), isGuest(member.id));
    show(part(element, "devices"), member.sockets > 1);
    setText(part(element, "devices"), countText("devices", member.sockets));
    const mute = this.#room?.sanctions.mutes.find(({ user }) => user.id === member.id);
    setText(part(element, "muted"), mute ? mutedText(mute.until) : "");
    show(part(element, "muted"), mute !== undefined);
    const more = partAs(element, "more", HTMLButtonElement);
    show(more, !isMe);
    more.setAttribute("aria-label", text("menu.person", { name: member.name }));
  }
}

/** @param {string | null} until */
const mutedText = (until) =>
  until === null
    ? text("is_muted")
    : text("is_muted_until", { until: untilText(new Date(until), new Date()) });

/** @param {Member[]} members @returns {Group[]} */
function groupsOf(members) {
  const byName = members.sort((a, b) => a.name.localeCompare(b.name));
  return GROUPS.map((key) => ({
    key,
    members: byName.filter((member) => (member.role ?? "visitor") === key),
  })).filter((group) => group.members.length > 0);
}
