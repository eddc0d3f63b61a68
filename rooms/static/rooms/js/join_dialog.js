// @ts-check
/** The one dialog in which a refused join can be put right: its field and its way on follow the
 * refusal's code. */

import { remainingText } from "./clock.js";
import { part, partAs, setIcon, setText, show } from "./dom.js";
import { loginUrl, signupUrl } from "./page.js";
import { countText, knownText, text } from "./texts.js";

/** @typedef {import("./shapes.js").Denial} Denial
 * @typedef {import("./room.js").Room} Room
 * @typedef {"password" | "invitation" | "sign_in"} Way */

/** What a refusal asks for.
 * @type {Record<string, Way>} */
const WAYS = {
  password_required: "password",
  wrong_password: "password",
  invitation_required: "invitation",
  invalid_invitation: "invitation",
  login_required: "sign_in",
};
/** Codes that say what is wrong with what was given. */
const FAULTS = new Set(["wrong_password", "invalid_invitation"]);
const ICONS = { password: "access-password", invitation: "access-invitation", sign_in: "access-login" };
const TICK_MS = 250;

/** Whether there is something to do about a refusal here.
 * @param {Denial} denial
 * @returns {boolean} */
export const canBeSolved = ({ code, retry_after }) => code in WAYS || retry_after !== undefined;

/** What somebody has to bring to be let in, by the refusal's code.
 * @param {string} code
 * @returns {Way | null} */
export const wayIn = (code) => WAYS[code] ?? null;

export class JoinDialog {
  /** @type {Room | null} */
  #room = null;
  /** What the room asks for, which a throttle must not make us forget.
   * @type {Way | null} */
  #way = null;
  #timer = 0;
  #isBusy = false;

  /** @param {HTMLDialogElement} dialog
   * @param {(room: Room) => void} joined
   * @param {() => void} closed */
  constructor(dialog, joined, closed) {
    this.dialog = dialog;
    this.joined = joined;
    this.closed = closed;
    this.form = partAs(dialog, "join-form", HTMLFormElement);
    this.heading = part(dialog, "join-heading");
    this.lead = part(dialog, "join-reason");
    this.error = part(dialog, "join-error");
    this.fields = {
      password: partAs(dialog, "join-password", HTMLInputElement),
      invitation: partAs(dialog, "join-invitation", HTMLInputElement),
    };
    this.submit = partAs(dialog, "join-submit", HTMLButtonElement);
    this.signIn = partAs(dialog, "join-sign-in", HTMLAnchorElement);
    this.signUp = partAs(dialog, "join-sign-up", HTMLAnchorElement);
    this.ref = part(dialog, "join-ref");
    this.form.addEventListener("submit", (event) => void this.#submitted(event));
    part(dialog, "join-cancel").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => this.#closed());
  }

  /** @param {Room} room @param {Denial} denial */
  open(room, denial) {
    if (room !== this.#room) this.#way = null;
    this.#room = room;
    setText(this.heading, text("join_heading", { room: room.name }));
    if (!this.dialog.open) {
      this.#empty();
      this.dialog.showModal();
    }
    this.#show(denial);
  }

  close() {
    if (this.dialog.open) this.dialog.close();
  }

  /** @param {SubmitEvent} event */
  async #submitted(event) {
    event.preventDefault();
    const room = this.#room;
    if (!room || this.#isBusy || this.submit.disabled) return;
    const given = this.#given();
    if (given === null) return this.#fault(text(`nothing_given.${this.#way}`));
    this.#isBusy = true;
    this.dialog.setAttribute("aria-busy", "true");
    setText(this.submit, text("joining_now"));
    try {
      const denial = await room.join(given);
      if (room !== this.#room) return;
      if (denial) return this.#show(denial);
      this.close();
      this.joined(room);
    } finally {
      this.#isBusy = false;
      this.dialog.removeAttribute("aria-busy");
      if (!this.submit.disabled) setText(this.submit, text("join"));
    }
  }

  /** What was typed, as a join takes it; null where something is asked for and nothing is there.
   * @returns {import("./shapes.js").Credentials | null} */
  #given() {
    if (this.#way === "password") {
      const { value } = this.fields.password;
      return value ? { password: value } : null;
    }
    if (this.#way !== "invitation") return {};
    const token = tokenOf(this.fields.invitation.value);
    return token ? { invitation: token } : null;
  }

  /** @param {Denial} denial */
  #show(denial) {
    this.#way = wayIn(denial.code) ?? this.#way;
    const way = this.#way;
    const isFault = FAULTS.has(denial.code);
    const isAsking = !isFault && denial.code in WAYS;
    const lead = way && knownText(`asks.${way}`);
    setText(this.lead, isAsking || !lead ? denial.message : lead);
    setIcon(part(this.dialog, "join-icon"), way ? ICONS[way] : "clock");
    show(part(this.dialog, "join-password-box"), way === "password");
    show(part(this.dialog, "join-invitation-box"), way === "invitation");
    show(this.signIn, way === "sign_in");
    show(this.signUp, way === "sign_in");
    this.signIn.href = loginUrl();
    this.signUp.href = signupUrl();
    show(this.submit, way !== "sign_in");
    this.#fault(isAsking ? "" : faultText(denial, way), isFault);
    setText(this.ref, denial.ref ? text("reference", { ref: denial.ref }) : "");
    show(this.ref, denial.ref !== undefined);
    this.#countDown(denial.retry_after ?? 0);
    this.#focus();
  }

  /** Say what is wrong, in place; the field keeps what was typed.
   * @param {string} words  "" where nothing is
   * @param {boolean} [isOfField] */
  #fault(words, isOfField = true) {
    setText(this.error, words);
    show(this.error, words !== "");
    for (const field of Object.values(this.fields)) {
      field.setAttribute("aria-invalid", String(words !== "" && isOfField));
    }
    if (words !== "") this.#focus();
  }

  #focus() {
    if (this.#way === "sign_in") this.signIn.focus();
    else if (this.#way) this.fields[this.#way].select();
    else this.submit.focus();
  }

  /** Keep the button shut for as long as the server would refuse.
   * @param {number} seconds */
  #countDown(seconds) {
    window.clearInterval(this.#timer);
    const end = Date.now() + seconds * 1_000;
    const tick = () => {
      const left = Math.ceil((end - Date.now()) / 1_000);
      this.submit.disabled = left > 0;
      setText(this.submit, left > 0 ? text("join_in", { time: remainingText(left) }) : text("join"));
      if (left > 0) return;
      window.clearInterval(this.#timer);
      // What the throttle said is over.
      if (seconds > 0) this.#fault("");
    };
    tick();
    if (seconds > 0) this.#timer = window.setInterval(tick, TICK_MS);
  }

  #empty() {
    for (const field of Object.values(this.fields)) field.value = "";
  }

  #closed() {
    window.clearInterval(this.#timer);
    this.#empty();
    this.#room = null;
    this.#way = null;
    this.closed();
  }
}

/** The token of an invitation that was pasted: as it is, or in the link that carries it.
 * @param {string} pasted
 * @returns {string} */
function tokenOf(pasted) {
  const words = pasted.trim();
  if (!URL.canParse(words, window.location.origin)) return words;
  return new URL(words, window.location.origin).searchParams.get("invite") ?? words;
}

/** @param {Denial} denial @param {Way | null} way */
function faultText({ code, message, attempts_left }, way) {
  // The button counts the seconds.
  if (code === "rate_limited" && way === "password") return text("too_many_attempts");
  if (attempts_left === undefined) return message;
  if (attempts_left === 0) return `${message} ${text("no_attempts_left")}`;
  return `${message} ${countText("attempts_left", attempts_left)}`;
}
