// @ts-check
/** One connection: how it is set up, what is emitted over it, and what comes of that. */

import { copyText } from "../js/copying.js";
import { classAt, data, text } from "./data.js";
import { ANSWER_S, makeDoor } from "./doors.js";
import { complain, copyTemplate, make, newId, part } from "./dom.js";
import { Incomplete, makeFields } from "./fields.js";
import { PacketLog } from "./log.js";
import { Questions } from "./questions.js";
import { snippetOf } from "./snippet.js";

const OTHER = "";

export class Panel {
  element = copyTemplate("panel");
  /** @type {import("./doors.js").Door | null} */
  #door = null;
  /** @type {import("./doors.js").Setup} */
  #setup = { namespace: "/", door: "plain", auth: {} };
  /** @type {{element: HTMLElement, read: () => unknown[]} | null} */
  #fields = null;
  /** @type {import("./data.js").NamespaceClass | null} */
  #known = null;

  /** @param {number} number
   * @param {string} namespace
   * @param {(words: string) => void} announce
   * @param {(panel: Panel) => void} removed */
  constructor(number, namespace, announce, removed) {
    this.number = number;
    this.announce = announce;
    this.log = new PacketLog(this.element);
    this.questions = new Questions(this.element, announce);
    this.#label();
    this.namespace.value = namespace;
    this.#on("setup", "submit", () => this.#connect());
    this.#on("disconnect", "click", () => this.#door?.close());
    this.#on("remove", "click", () => {
      this.#door?.close();
      removed(this);
    });
    this.#on("draw", "click", () => this.#drawTicket());
    this.#on("ping", "click", () => this.#ping());
    this.#on("namespace", "change", () => this.#listEvents());
    this.#on("door", "change", () => this.#title());
    this.#on("event", "change", () => this.#chooseEvent());
    this.#on("as-form", "change", () => this.#switch());
    this.#on("as-json", "change", () => this.#switch());
    this.#on("emit", "submit", () => this.#emit());
    this.#on("copy", "click", () => this.#copy());
    this.#state("idle", "");
    this.#rtt(null);
    this.#listEvents();
  }

  get namespace() {
    return part(this.element, "namespace", HTMLInputElement);
  }

  focus() {
    this.namespace.focus();
  }

  // --- Connecting ---

  #connect() {
    const auth = this.#auth();
    const namespace = this.#path();
    if (auth === null) return;
    if (namespace === "") {
      this.#problem(text("no_namespace"));
      this.namespace.focus();
      return;
    }
    this.#door?.close();
    this.#problem("");
    this.#setup = { namespace, door: part(this.element, "door", HTMLSelectElement).value, auth };
    /** @type {import("./doors.js").Door} */
    const door = makeDoor(this.#setup, {
      // A door that was replaced has nothing more to say.
      state: (phase, words) => this.#door === door && this.#state(phase, words),
      transport: (name) => this.#door === door && this.#transport(name),
      packet: (packet) => this.log.add(packet),
      question: (question) => this.#door === door && this.questions.add(question),
    });
    this.#door = door;
    this.#title();
    this.#listEvents();
    door.open();
  }

  #path() {
    const typed = this.namespace.value.trim();
    return typed === "" || typed.startsWith("/") ? typed : `/${typed}`;
  }

  /** @returns {Record<string, unknown> | null} */
  #auth() {
    const field = part(this.element, "auth", HTMLTextAreaElement);
    const place = part(this.element, "auth-error", HTMLElement);
    complain(field, place, "");
    /** @type {Record<string, unknown>} */
    let auth = {};
    try {
      auth = field.value.trim() === "" ? {} : JSON.parse(field.value);
      if (auth === null || typeof auth !== "object" || Array.isArray(auth)) throw new Error(field.value);
    } catch (error) {
      complain(field, place, text("bad_auth", { problem: /** @type {Error} */ (error).message }));
      const folded = field.closest("details");
      if (folded) folded.open = true;
      field.focus();
      return null;
    }
    for (const name of ["name", "guest", "ticket"]) {
      const value = part(this.element, name, HTMLInputElement).value.trim();
      if (value !== "") auth[name] = value;
    }
    return auth;
  }

  /** @param {import("./doors.js").Phase} phase
   * @param {string} words */
  #state(phase, words) {
    const chip = part(this.element, "chip", HTMLElement);
    const isOpen = phase === "live" || phase === "connecting";
    chip.dataset.phase = phase === "idle" || phase === "closed" ? "idle" : phase;
    part(this.element, "chip-text", HTMLElement).textContent = text(`phase.${phase}`);
    this.#swap(isOpen);
    part(this.element, "send", HTMLButtonElement).disabled = phase !== "live";
    part(this.element, "ping", HTMLButtonElement).hidden = !(phase === "live" && this.#door?.ping);
    if (!isOpen) part(this.element, "transport", HTMLElement).hidden = true;
    if (phase !== "live") this.questions.clear();
    this.#problem(words);
    if (phase !== "idle" && phase !== "connecting") {
      this.announce(`${part(this.element, "title", HTMLElement).textContent}: ${text(`phase.${phase}`)}`);
    }
    if (phase === "live") this.#ping();
  }

  /** Offer what can be done now, and let the focus stay with it.
   * @param {boolean} isOpen */
  #swap(isOpen) {
    const connect = part(this.element, "connect", HTMLButtonElement);
    const disconnect = part(this.element, "disconnect", HTMLButtonElement);
    const hadFocus = [connect, disconnect].some((each) => each === document.activeElement);
    connect.hidden = isOpen;
    disconnect.hidden = !isOpen;
    if (hadFocus) (isOpen ? disconnect : connect).focus();
  }

  /** @param {string} name */
  #transport(name) {
    const place = part(this.element, "transport", HTMLElement);
    place.textContent = text("by", { transport: name });
    place.hidden = false;
  }

  async #drawTicket() {
    const note = part(this.element, "ticket-note", HTMLElement);
    const token = document.querySelector("input[name=csrfmiddlewaretoken]");
    try {
      const answer = await fetch(data.ticket_url, {
        method: "POST",
        headers: { "X-CSRFToken": token instanceof HTMLInputElement ? token.value : "" },
      });
      const drawn = await answer.json();
      if (!answer.ok) throw new Error(drawn.message ?? String(answer.status));
      part(this.element, "ticket", HTMLInputElement).value = drawn.ticket;
      note.textContent = text("ticket.drawn", { s: drawn.expires_in });
    } catch (error) {
      note.textContent = text("ticket.failed", { problem: /** @type {Error} */ (error).message });
    }
  }

  async #ping() {
    if (this.#door?.ping) this.#rtt(await this.#door.ping());
  }

  /** @param {number | null} ms */
  #rtt(ms) {
    part(this.element, "rtt", HTMLElement).textContent =
      ms === null ? text("rtt.none") : text("rtt", { ms: rounded(ms) });
  }

  // --- Emitting ---

  #listEvents() {
    this.#known = classAt(this.#path());
    const select = part(this.element, "event", HTMLSelectElement);
    const before = select.value;
    const names = this.#known?.events.map((event) => event.name) ?? [];
    select.replaceChildren(
      ...names.map((name) => make("option", { value: name }, name)),
      make("option", { value: OTHER }, text("other_event")),
    );
    if (names.includes(before)) select.value = before;
    this.#title();
    if (!this.#fields || select.value !== before || !names.includes(before)) this.#chooseEvent();
  }

  #chooseEvent() {
    const name = part(this.element, "event", HTMLSelectElement).value;
    const event = this.#known?.events.find((each) => each.name === name);
    this.#fields = event ? makeFields(event) : null;
    part(this.element, "event-name-field", HTMLElement).hidden = event !== undefined;
    part(this.element, "summary", HTMLElement).textContent = event ? event.summary : text("no_form");
    part(this.element, "fields", HTMLElement).replaceChildren(...(this.#fields ? [this.#fields.element] : []));
    part(this.element, "raw", HTMLTextAreaElement).value = "";
    // An answer stands below the event that it is of.
    part(this.element, "answer", HTMLElement).hidden = true;
    const asForm = part(this.element, "as-form", HTMLInputElement);
    asForm.disabled = event === undefined;
    if (!event) part(this.element, "as-json", HTMLInputElement).checked = true;
    this.#switch();
  }

  /** Show the form, or what it says as JSON. */
  #switch() {
    const isRaw = part(this.element, "as-json", HTMLInputElement).checked;
    const raw = part(this.element, "raw", HTMLTextAreaElement);
    if (isRaw && raw.value === "") raw.value = JSON.stringify(this.#filled(), null, 2);
    if (!isRaw) raw.value = "";
    part(this.element, "raw-field", HTMLElement).hidden = !isRaw;
    part(this.element, "fields", HTMLElement).hidden = isRaw;
  }

  /** What the form says, as far as it is filled in.
   * @returns {unknown[]} */
  #filled() {
    try {
      return this.#fields?.read() ?? [];
    } catch (error) {
      if (error instanceof Incomplete) return [];
      throw error;
    }
  }

  /** @returns {unknown[] | null} */
  #args() {
    if (!part(this.element, "as-json", HTMLInputElement).checked) {
      try {
        return this.#fields?.read() ?? [];
      } catch (error) {
        if (!(error instanceof Incomplete)) throw error;
        const wrong = this.element.querySelector('[data-part="fields"] [aria-invalid="true"]');
        if (wrong instanceof HTMLElement) wrong.focus();
        return null;
      }
    }
    const raw = part(this.element, "raw", HTMLTextAreaElement);
    const place = part(this.element, "raw-error", HTMLElement);
    complain(raw, place, "");
    try {
      const args = JSON.parse(raw.value.trim() || "[]");
      if (!Array.isArray(args)) throw new Error(raw.value);
      return args;
    } catch (error) {
      complain(raw, place, text("bad_args", { problem: /** @type {Error} */ (error).message }));
      raw.focus();
      return null;
    }
  }

  /** @returns {string | null} */
  #eventName() {
    const chosen = part(this.element, "event", HTMLSelectElement).value;
    if (chosen !== OTHER) return chosen;
    const field = part(this.element, "event-name", HTMLInputElement);
    const place = part(this.element, "event-name-error", HTMLElement);
    complain(field, place, field.value.trim() === "" ? text("no_event") : "");
    if (field.value.trim() === "") field.focus();
    return field.value.trim() || null;
  }

  async #emit() {
    const event = this.#eventName();
    const args = event === null ? null : this.#args();
    const door = this.#door;
    if (event === null || args === null) return;
    if (!door?.isLive) {
      this.#answer(text("not_connected"), null);
      return;
    }
    const wantsAck = part(this.element, "wants-ack", HTMLInputElement).checked;
    part(this.element, "snippet", HTMLElement).textContent = snippetOf(this.#setup, event, args, wantsAck);
    const sent_at = performance.now();
    try {
      const answer = await door.emit(event, args, wantsAck);
      const ms = performance.now() - sent_at;
      if (answer === null) {
        this.#answer(text("sent"), null);
        return;
      }
      this.#rtt(ms);
      const first = /** @type {any} */ (answer[0]);
      const isDenied = first !== null && typeof first === "object" && first.ok === false;
      const words = isDenied
        ? text("denied", { ms: rounded(ms), code: first.code })
        : text("ack", { ms: rounded(ms) });
      this.#answer(words, answer, isDenied);
    } catch (problem) {
      this.#answer(typeof problem === "string" ? problem : text("ack.none", { s: ANSWER_S }), null, true);
    }
  }

  /** @param {string} words
   * @param {unknown[] | null} answer
   * @param {boolean} [isBad] */
  #answer(words, answer, isBad = false) {
    const place = part(this.element, "answer", HTMLElement);
    place.hidden = false;
    place.dataset.tone = isBad ? "bad" : "good";
    part(this.element, "answer-words", HTMLElement).textContent = words;
    const json = part(this.element, "answer-json", HTMLElement);
    json.hidden = answer === null;
    const shown = answer?.length === 1 ? answer[0] : answer;
    json.textContent = answer === null ? "" : JSON.stringify(shown, null, 2);
  }

  async #copy() {
    const note = part(this.element, "copy-note", HTMLElement);
    const snippet = part(this.element, "snippet", HTMLElement).textContent ?? "";
    note.textContent = text((await copyText(snippet, this.element)) ? "copied" : "copy_failed");
  }

  // --- The frame ---

  #title() {
    const door = part(this.element, "door", HTMLSelectElement).value;
    part(this.element, "title", HTMLElement).textContent = text("title", {
      number: this.number,
      namespace: this.#path() || "?",
      door: text(`door.${door}`),
    });
  }

  /** @param {string} words */
  #problem(words) {
    const place = part(this.element, "problem", HTMLElement);
    place.hidden = words === "";
    place.textContent = words;
  }

  /** Tie labels to their fields, and the panel to its title: several panels stand on one page. */
  #label() {
    const title = part(this.element, "title", HTMLElement);
    title.id = newId();
    this.element.setAttribute("aria-labelledby", title.id);
    for (const label of this.element.querySelectorAll("label[data-for]")) {
      if (!(label instanceof HTMLLabelElement)) continue;
      const field = part(this.element, label.dataset.for ?? "", HTMLElement);
      field.id = label.htmlFor = newId();
    }
    const group = newId();
    for (const name of ["as-form", "as-json"]) part(this.element, name, HTMLInputElement).name = group;
  }

  /** @param {string} name
   * @param {string} event
   * @param {() => void} act */
  #on(name, event, act) {
    part(this.element, name, HTMLElement).addEventListener(event, (happened) => {
      if (event === "submit") happened.preventDefault();
      act();
    });
  }
}

/** @param {number} ms */
const rounded = (ms) => (ms < 10 ? ms.toFixed(1) : Math.round(ms));
