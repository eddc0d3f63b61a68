// @ts-check
/** Making invitations: how many, for how many people, until when, with which role; then the links,
 * which nobody can read again. */

import { copyTemplate, part, partAs, reconcile, setText, show } from "./dom.js";
import { copyText } from "./copying.js";
import { durationText } from "./moderation.js";
import { countText, text } from "./texts.js";

/** @typedef {import("./room.js").Room} Room */

const ENDS_S = [86_400, 604_800, 0];

export class InviteDialog {
  /** @type {Room | null} */
  #room = null;
  #isBusy = false;
  /** @type {string[]} */
  #links = [];

  /** @param {HTMLDialogElement} dialog
   * @param {import("./socket.js").Link} link
   * @param {(words: string) => void} tell */
  constructor(dialog, link, tell) {
    this.dialog = dialog;
    this.link = link;
    this.tell = tell;
    this.form = partAs(dialog, "invite-form", HTMLFormElement);
    this.count = partAs(dialog, "invite-count", HTMLInputElement);
    this.uses = partAs(dialog, "invite-uses", HTMLInputElement);
    this.expires = partAs(dialog, "invite-expires", HTMLSelectElement);
    this.role = partAs(dialog, "invite-role", HTMLSelectElement);
    this.error = part(dialog, "invite-error");
    this.made = part(dialog, "invite-made");
    this.list = part(dialog, "invite-links");
    this.copied = part(dialog, "invite-copied");
    this.form.addEventListener("submit", (event) => void this.#submitted(event));
    part(dialog, "invite-cancel").addEventListener("click", () => dialog.close());
    part(dialog, "invite-done").addEventListener("click", () => dialog.close());
    part(dialog, "invite-copy").addEventListener("click", () => void this.#copy());
    // What is shown once is not kept.
    dialog.addEventListener("close", () => this.#show([]));
  }

  /** @param {Room} room */
  open(room) {
    this.#room = room;
    this.form.reset();
    setText(part(this.dialog, "invite-heading"), text("invite.heading", { room: room.name }));
    fillSelect(this.expires, ENDS_S.map((seconds) => [String(seconds), durationText(seconds)]));
    const roles = room.rights?.roles ?? [];
    fillSelect(this.role, roles.map((role) => [role, text(`a_role.${role}`)]));
    this.#complain("");
    this.#show([]);
    this.dialog.showModal();
  }

  /** @param {SubmitEvent} event */
  async #submitted(event) {
    event.preventDefault();
    const room = this.#room;
    if (!room || this.#isBusy) return;
    this.#isBusy = true;
    try {
      const answer = await this.link.ask("invite", {
        room: room.name,
        count: this.count.valueAsNumber || 1,
        max_uses: this.uses.value === "" ? null : this.uses.valueAsNumber,
        expires_s: Number(this.expires.value) || null,
        role: this.role.value || "member",
      });
      if (!answer.ok) return this.#complain(answer.message);
      const { invitations } = /** @type {import("./shapes.js").InvitationsMade} */ (answer);
      this.#show(invitations.map(({ url }) => new URL(url, window.location.origin).href));
      this.tell(countText("invite.made", invitations.length));
      part(this.dialog, "invite-copy").focus();
    } finally {
      this.#isBusy = false;
    }
    return undefined;
  }

  async #copy() {
    const isCopied = await copyText(this.#links.join("\n"), this.dialog);
    const words = isCopied ? countText("copied_links", this.#links.length) : text("not_copied");
    setText(this.copied, words);
    this.tell(words);
  }

  /** @param {string[]} links */
  #show(links) {
    this.#links = links;
    show(this.form, links.length === 0);
    show(this.made, links.length > 0);
    setText(this.copied, "");
    reconcile(
      this.list,
      links,
      (link) => link,
      () => copyTemplate("invite-link"),
      (element, link) => setText(part(element, "text"), link),
    );
  }

  /** @param {string} words */
  #complain(words) {
    setText(this.error, words);
    show(this.error, words !== "");
  }
}

/** @param {HTMLSelectElement} select @param {string[][]} choices  values, each with its words */
function fillSelect(select, choices) {
  select.replaceChildren(
    ...choices.map(([value, words]) => {
      const option = document.createElement("option");
      Object.assign(option, { value, textContent: words });
      return option;
    }),
  );
}
