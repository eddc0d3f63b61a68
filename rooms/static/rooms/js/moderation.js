// @ts-check
/** What moderators do to people and messages: one dialog, whose fields follow the act. It offers
 * what the server has said to be allowed; whether it is, the server decides anew.
 *
 * @typedef {import("./room.js").Room} Room
 * @typedef {import("./shapes.js").Message} Message
 * @typedef {{id: string, name: string}} Person
 * @typedef {"kick" | "mute" | "ban" | "setRole" | "remove"} Act
 * @typedef {{room: Room, act: Act, person: Person, message?: Message}} Order
 */

import { copyTemplate, part, partAs, setText, show } from "./dom.js";
import { text } from "./texts.js";

const MINUTE_S = 60;
const HOUR_S = 60 * MINUTE_S;
const DAY_S = 24 * HOUR_S;
/** Seconds, each with its word; 0 is without an end. */
const MUTES = [10 * MINUTE_S, HOUR_S, DAY_S, 0];
const BANS = [HOUR_S, DAY_S, 7 * DAY_S, 0];
const PURGES = [0, HOUR_S, DAY_S];
const DURATIONS = new Map([
  [10 * MINUTE_S, "10_minutes"],
  [HOUR_S, "1_hour"],
  [DAY_S, "1_day"],
  [7 * DAY_S, "1_week"],
  [0, "without_end"],
]);
/** Which parts of the form an act has. */
const FIELDS = {
  kick: ["reason"],
  mute: ["duration", "reason"],
  ban: ["duration", "reason", "purge", "address"],
  setRole: ["role"],
  remove: ["quote"],
};
const QUOTE_MAX = 300;

export class Moderation {
  /** @type {Order | null} */
  #order = null;
  #isBusy = false;

  /** @param {HTMLDialogElement} dialog
   * @param {import("./socket.js").Link} link
   * @param {(words: string) => void} tell  what came of it
   * @param {() => void} refocus  where the focus goes if what had it is gone */
  constructor(dialog, link, tell, refocus) {
    this.dialog = dialog;
    this.link = link;
    this.tell = tell;
    this.form = partAs(dialog, "act-form", HTMLFormElement);
    this.error = part(dialog, "act-error");
    this.submit = partAs(dialog, "act-submit", HTMLButtonElement);
    this.reason = partAs(dialog, "act-reason", HTMLInputElement);
    this.address = partAs(dialog, "act-address", HTMLInputElement);
    this.form.addEventListener("submit", (event) => void this.#submitted(event));
    part(dialog, "act-cancel").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
      this.#order = null;
      // Where the dialog was opened from may be gone, and the focus is still on its button then.
      const { activeElement } = document;
      if (activeElement === document.body || dialog.contains(activeElement)) refocus();
    });
  }

  /** Ask for what an act needs, and do it.
   * @param {Order} order */
  open(order) {
    const { act, person, room, message } = order;
    const values = { name: person.name, room: room.name };
    this.#order = order;
    this.form.reset();
    setText(part(this.dialog, "act-heading"), text(`act.${act}`, values));
    setText(part(this.dialog, "act-words"), text(`act.${act}.words`, values));
    for (const name of ["duration", "reason", "purge", "address", "role", "quote"]) {
      show(part(this.dialog, `act-${name}-box`), FIELDS[act].includes(name));
    }
    if (act === "mute" || act === "ban") this.#chooseDuration(act === "mute" ? MUTES : BANS);
    if (act === "ban") this.#choosePurge();
    if (act === "setRole") this.#chooseRole(room, person);
    setText(part(this.dialog, "act-quote-box"), (message?.text ?? "").slice(0, QUOTE_MAX));
    setText(this.submit, text(`act.${act}.do`));
    this.submit.classList.toggle("button--main", act === "setRole");
    this.submit.classList.toggle("button--grave", act !== "setRole");
    this.#complain("");
    this.dialog.showModal();
  }

  /** Do something that needs no further word.
   * @param {Room} room @param {"unmute" | "unban"} act @param {Person} person */
  async lift(room, act, person) {
    const answer = await this.link.ask(act, { room: room.name, user: person.id });
    await room.readRights();
    this.tell(answer.ok ? text(`done.${act}`, { name: person.name }) : answer.message);
  }

  /** @param {number[]} choices */
  #chooseDuration(choices) {
    const made = choices.map((seconds, index) =>
      choice("duration", String(seconds), durationText(seconds), index === 0),
    );
    part(this.dialog, "act-durations").replaceChildren(...made);
  }

  #choosePurge() {
    const made = PURGES.map((seconds, index) => {
      const words = seconds ? text(`purge.${DURATIONS.get(seconds)}`) : text("purge.nothing");
      return choice("purge", String(seconds), words, index === 0);
    });
    part(this.dialog, "act-purges").replaceChildren(...made);
  }

  /** @param {Room} room @param {Person} person */
  #chooseRole(room, person) {
    const held = room.members.get(person.id)?.role ?? null;
    const roles = [...(room.rights?.roles ?? [])].reverse();
    const made = [...roles, null].map((role) =>
      choice("role", role ?? "", text(`a_role.${role ?? "none"}`), role === held),
    );
    part(this.dialog, "act-roles").replaceChildren(...made);
  }

  /** @param {SubmitEvent} event */
  async #submitted(event) {
    event.preventDefault();
    const order = this.#order;
    if (!order || this.#isBusy) return;
    this.#isBusy = true;
    this.dialog.setAttribute("aria-busy", "true");
    try {
      const { room, act, person } = order;
      const answer = await this.link.ask(act, this.#request(order));
      // Busy means that it stands, and not yet everywhere.
      if (!answer.ok && answer.code !== "busy") return this.#complain(answer.message);
      const words = text(`done.${act}`, { name: person.name });
      this.dialog.close();
      this.tell(answer.ok ? words : `${words} ${answer.message}`);
      room.readMembersSoon();
      await room.readRights();
    } finally {
      this.#isBusy = false;
      this.dialog.removeAttribute("aria-busy");
    }
    return undefined;
  }

  /** @param {Order} order */
  #request({ room, act, person, message }) {
    if (act === "remove") return { room: room.name, id: String(message?.id) };
    const about = { room: room.name, user: person.id };
    if (act === "setRole") return { ...about, role: this.#chosen("role") || null };
    const reason = this.reason.value.trim() || undefined;
    if (act === "kick") return { ...about, reason };
    const for_s = Number(this.#chosen("duration")) || undefined;
    if (act === "mute") return { ...about, reason, for_s };
    const purge_s = Number(this.#chosen("purge")) || undefined;
    return { ...about, reason, for_s, purge_s, address: this.address.checked };
  }

  /** @param {string} name @returns {string} */
  #chosen(name) {
    return String(new FormData(this.form).get(name) ?? "");
  }

  /** @param {string} words */
  #complain(words) {
    setText(this.error, words);
    show(this.error, words !== "");
  }
}

/** How long something holds, in words.
 * @param {number} seconds  one of those that are offered
 * @returns {string} */
export const durationText = (seconds) => text(`for.${DURATIONS.get(seconds)}`);

/** One of several that exclude each other.
 * @param {string} name @param {string} value @param {string} words @param {boolean} isChosen */
function choice(name, value, words, isChosen) {
  const element = copyTemplate("choice");
  const input = partAs(element, "input", HTMLInputElement);
  Object.assign(input, { name, value, checked: isChosen, defaultChecked: isChosen });
  setText(part(element, "text"), words);
  return element;
}
