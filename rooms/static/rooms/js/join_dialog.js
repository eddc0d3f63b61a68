// @ts-check
/** The one dialog in which a refused join can be put right: its field and its way on follow the
 * refusal's code. */

import { part, partAs, setText, show } from "./dom.js";
import { loginUrl } from "./page.js";
import { countText, text } from "./texts.js";

/** @typedef {import("./shapes.js").Denial} Denial
 * @typedef {import("./room.js").Room} Room */

const WITH_PASSWORD = new Set(["password_required", "wrong_password"]);

/** Whether there is something to do about a refusal here.
 * @param {Denial} denial
 * @returns {boolean} */
export const canBeSolved = ({ code, retry_after }) =>
  WITH_PASSWORD.has(code) || code === "login_required" || retry_after !== undefined;

export class JoinDialog {
  /** @type {Room | null} */
  #room = null;
  /** Whether the room asked for a password, which a throttle must not make us forget. */
  #asksPassword = false;
  #timer = 0;
  #isBusy = false;

  /** @param {HTMLDialogElement} dialog @param {() => void} joined */
  constructor(dialog, joined) {
    this.dialog = dialog;
    this.joined = joined;
    this.form = partAs(dialog, "join-form", HTMLFormElement);
    this.heading = part(dialog, "join-heading");
    this.reason = part(dialog, "join-reason");
    this.passwordBox = part(dialog, "join-password-box");
    this.password = partAs(dialog, "join-password", HTMLInputElement);
    this.submit = partAs(dialog, "join-submit", HTMLButtonElement);
    this.signIn = partAs(dialog, "join-sign-in", HTMLAnchorElement);
    this.ref = part(dialog, "join-ref");
    this.form.addEventListener("submit", (event) => void this.#submitted(event));
    part(dialog, "join-cancel").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => this.#closed());
  }

  /** @param {Room} room @param {Denial} denial */
  open(room, denial) {
    if (room !== this.#room) this.#asksPassword = false;
    this.#room = room;
    setText(this.heading, text("join_heading", { room: room.name }));
    if (!this.dialog.open) {
      this.password.value = "";
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
    this.#isBusy = true;
    this.dialog.setAttribute("aria-busy", "true");
    try {
      const password = this.#asksPassword ? { password: this.password.value } : {};
      const denial = await room.join(password);
      if (room !== this.#room) return;
      if (denial) return this.#show(denial);
      this.close();
      this.joined();
    } finally {
      this.#isBusy = false;
      this.dialog.removeAttribute("aria-busy");
    }
  }

  /** @param {Denial} denial */
  #show(denial) {
    this.#asksPassword ||= WITH_PASSWORD.has(denial.code);
    const isLogin = denial.code === "login_required";
    setText(this.reason, reasonText(denial));
    this.reason.classList.toggle("notice--bad", denial.code !== "password_required" && !isLogin);
    show(this.passwordBox, this.#asksPassword && !isLogin);
    this.password.required = this.#asksPassword && !isLogin;
    this.password.setAttribute("aria-invalid", String(denial.code === "wrong_password"));
    show(this.signIn, isLogin);
    this.signIn.href = loginUrl();
    show(this.submit, !isLogin);
    setText(this.ref, denial.ref ? text("reference", { ref: denial.ref }) : "");
    show(this.ref, denial.ref !== undefined);
    this.#countDown(denial.retry_after ?? 0);
    if (isLogin) this.signIn.focus();
    else if (this.#asksPassword) this.password.select();
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
      setText(this.submit, left > 0 ? countText("join_in", left) : text("join"));
      if (left <= 0) window.clearInterval(this.#timer);
    };
    tick();
    if (seconds > 0) this.#timer = window.setInterval(tick, 250);
  }

  #closed() {
    window.clearInterval(this.#timer);
    this.password.value = "";
    this.#room = null;
    this.#asksPassword = false;
  }
}

/** @param {Denial} denial */
function reasonText({ message, attempts_left }) {
  if (attempts_left === undefined) return message;
  return `${message} ${countText("attempts_left", attempts_left)}`;
}
