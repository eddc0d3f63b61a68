// @ts-check
/** Who is in the open room: by role, with guests and further devices said in words. */

import { copyTemplate, part, partAs, reconcile, setText, show } from "./dom.js";
import { isGuest, paintAvatar } from "./person.js";
import { countText, locale, text } from "./texts.js";

/** @typedef {import("./shapes.js").Member} Member
 * @typedef {{key: string, members: Member[]}} Group */

const GROUPS = ["owner", "moderator", "member", "visitor"];

export class MembersView {
  /** @param {HTMLElement} root @param {() => import("./shapes.js").User | null} me */
  constructor(root, me) {
    this.me = me;
    this.panel = part(root, "members");
    this.groups = part(root, "member-groups");
    this.count = part(root, "member-count");
    this.toggle = partAs(root, "members-toggle", HTMLButtonElement);
    this.toggleCount = part(root, "members-toggle-count");
    this.toggle.addEventListener("click", () => this.#open(!this.isOpen));
    part(root, "members-close").addEventListener("click", () => {
      this.#open(false);
      this.toggle.focus();
    });
    this.panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.isOpen) part(root, "members-close").click();
    });
  }

  /** Whether the panel lies over the page, as it does on narrow screens when asked for. */
  get isOpen() {
    return this.toggle.getAttribute("aria-expanded") === "true";
  }

  /** @param {import("./room.js").Room} room */
  render(room) {
    setText(this.count, countText("people", room.count));
    setText(this.toggleCount, room.count.toLocaleString(locale));
    this.toggle.setAttribute("aria-label", countText("people", room.count));
    reconcile(
      this.groups,
      groupsOf([...room.members.values()]),
      (group) => group.key,
      () => copyTemplate("member-group"),
      (element, group) => this.#updateGroup(element, group),
    );
  }

  /** @param {boolean} isOpen */
  #open(isOpen) {
    this.toggle.setAttribute("aria-expanded", String(isOpen));
    this.panel.classList.toggle("members--open", isOpen);
    if (isOpen) part(this.panel, "members-close").focus();
  }

  /** @param {HTMLElement} element @param {Group} group */
  #updateGroup(element, group) {
    setText(part(element, "role"), text(`role.${group.key}`));
    setText(part(element, "role-count"), String(group.members.length));
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
    paintAvatar(part(element, "avatar"), member);
    setText(part(element, "name"), member.name);
    show(part(element, "you"), member.id === this.me()?.id);
    show(part(element, "guest"), isGuest(member.id));
    show(part(element, "devices"), member.sockets > 1);
    setText(part(element, "devices"), countText("devices", member.sockets));
  }
}

/** @param {Member[]} members @returns {Group[]} */
function groupsOf(members) {
  const byName = members.sort((a, b) => a.name.localeCompare(b.name));
  return GROUPS.map((key) => ({
    key,
    members: byName.filter((member) => (member.role ?? "visitor") === key),
  })).filter((group) => group.members.length > 0);
}
