// @ts-check
/** Who is banned from the open room and who may not write in it, each with a way to lift that. */

import { untilText } from "./clock.js";
import { copyTemplate, part, partAs, reconcile, setText, show } from "./dom.js";
import { paintAvatar } from "./person.js";
import { text } from "./texts.js";

/** @typedef {import("./room.js").Room} Room
 * @typedef {import("./shapes.js").Sanction} Sanction */

export class SanctionsDialog {
  /** @type {Room | null} */
  #room = null;

  /** @param {HTMLDialogElement} dialog
   * @param {import("./moderation.js").Moderation} moderation */
  constructor(dialog, moderation) {
    this.dialog = dialog;
    this.moderation = moderation;
    this.render = this.render.bind(this);
    part(dialog, "sanctions-close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => void this.#clicked(event));
    dialog.addEventListener("close", () => {
      this.#room?.removeEventListener("change", this.render);
      this.#room = null;
    });
  }

  /** @param {Room} room */
  open(room) {
    this.#room = room;
    room.addEventListener("change", this.render);
    setText(part(this.dialog, "sanctions-heading"), text("sanctions", { room: room.name }));
    this.render();
    this.dialog.showModal();
    void room.readRights();
  }

  render() {
    const { bans, mutes } = this.#room?.sanctions ?? { bans: [], mutes: [] };
    this.#fill("bans", bans);
    this.#fill("mutes", mutes);
  }

  /** @param {"bans" | "mutes"} kind @param {Sanction[]} rows */
  #fill(kind, rows) {
    show(part(this.dialog, `sanctions-no-${kind}`), rows.length === 0);
    reconcile(
      part(this.dialog, `sanctions-${kind}`),
      rows,
      ({ user }) => user.id,
      () => copyTemplate("sanction"),
      (element, row) => updateRow(element, row, kind),
    );
  }

  /** @param {Event} event */
  async #clicked(event) {
    const button = event.target instanceof Element && event.target.closest("button[data-act]");
    const row = button && button.closest("li");
    const room = this.#room;
    if (!(button instanceof HTMLButtonElement) || !row || !room) return;
    const { act } = button.dataset;
    const all = act === "unban" ? room.sanctions.bans : room.sanctions.mutes;
    const found = all.find(({ user }) => user.id === row.dataset.key);
    if (!found) return;
    button.disabled = true;
    await this.moderation.lift(room, act === "unban" ? "unban" : "unmute", found.user);
    button.disabled = false;
    if (this.dialog.open) partAs(this.dialog, "sanctions-close", HTMLButtonElement).focus();
  }
}

/** @param {HTMLElement} element @param {Sanction} row @param {"bans" | "mutes"} kind */
function updateRow(element, { user, reason, until, by }, kind) {
  paintAvatar(part(element, "avatar"), user);
  setText(part(element, "name"), user.name);
  const facts = [
    until === null
      ? text("for.without_end")
      : text("until_is", { until: untilText(new Date(until), new Date()) }),
    by && text("fact.by", { name: by }),
    reason && text("reason_is", { reason }),
  ];
  setText(part(element, "facts"), facts.filter(Boolean).join(" · "));
  const lift = partAs(element, "lift", HTMLButtonElement);
  lift.dataset.act = kind === "bans" ? "unban" : "unmute";
  setText(lift, text(kind === "bans" ? "lift_ban" : "lift_mute"));
  lift.setAttribute("aria-label", `${lift.textContent}: ${user.name}`);
}
