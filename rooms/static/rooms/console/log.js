// @ts-check
/** The packets of one connection: the latest first, filtered, paused, and never without bound. */

import { text } from "./data.js";
import { make, part } from "./dom.js";
import { matches } from "./packets.js";

const MOST = 500;
const EXCERPT = 120;

/** @typedef {import("./packets.js").Packet} Packet */

export class PacketLog {
  /** @type {{packet: Packet, row: HTMLElement}[]} */
  #entries = [];
  /** @type {Packet[]} */
  #held = [];
  #isPaused = false;

  /** @param {HTMLElement} panel */
  constructor(panel) {
    this.list = part(panel, "packets", HTMLElement);
    this.empty = part(panel, "packets-empty", HTMLElement);
    this.count = part(panel, "count", HTMLElement);
    this.filter = part(panel, "filter", HTMLInputElement);
    this.which = part(panel, "which", HTMLSelectElement);
    this.pauseButton = part(panel, "pause", HTMLButtonElement);
    this.filter.addEventListener("input", () => this.#sift());
    this.which.addEventListener("change", () => this.#sift());
    this.pauseButton.addEventListener("click", () => this.#pause());
    part(panel, "clear", HTMLButtonElement).addEventListener("click", () => this.#clear());
    this.#tell();
  }

  /** @param {Packet} packet */
  add(packet) {
    if (this.#isPaused) {
      this.#held.push(packet);
      if (this.#held.length > MOST) this.#held.shift();
    } else {
      this.#show(packet);
    }
    this.#tell();
  }

  /** @param {Packet} packet */
  #show(packet) {
    const row = makeRow(packet);
    row.hidden = !this.#wants(packet);
    this.#entries.push({ packet, row });
    this.list.prepend(row);
    if (this.#entries.length > MOST) this.#entries.shift()?.row.remove();
  }

  /** @param {Packet} packet */
  #wants(packet) {
    return matches(packet, this.which.value, this.filter.value.trim());
  }

  #sift() {
    for (const { packet, row } of this.#entries) row.hidden = !this.#wants(packet);
    this.#tell();
  }

  #pause() {
    this.#isPaused = !this.#isPaused;
    this.pauseButton.setAttribute("aria-pressed", String(this.#isPaused));
    for (const packet of this.#isPaused ? [] : this.#held.splice(0)) this.#show(packet);
    this.#tell();
  }

  #clear() {
    this.#entries = [];
    this.#held = [];
    this.list.replaceChildren();
    this.#tell();
  }

  #tell() {
    const shown = this.#entries.filter(({ row }) => !row.hidden).length;
    const words = text("shown", { shown, count: this.#entries.length });
    const held = this.#held.length ? ` · ${text("paused", { count: this.#held.length })}` : "";
    this.count.textContent = `${words}${held}`;
    this.empty.hidden = this.#entries.length > 0;
    this.list.hidden = this.#entries.length === 0;
  }
}

/** @param {Packet} packet
 * @returns {HTMLElement} */
function makeRow(packet) {
  const id = packet.id === null ? "" : `#${packet.id}`;
  const label = [packet.namespace === "/" ? "" : packet.namespace, packet.name, id].filter(Boolean).join(" ");
  const json = packet.value === null ? "" : JSON.stringify(packet.value);
  const summary = make(
    "summary",
    { class: "packet__line" },
    make("time", { class: "packet__time", datetime: packet.at.toISOString() }, clock(packet.at)),
    make("span", { class: "packet__way" }, text(packet.direction)),
    make("span", { class: "packet__kind" }, packet.kind),
    make("span", { class: "packet__name" }, label),
    make("span", { class: "packet__size" }, text("bytes", { count: packet.size })),
    make("span", { class: "packet__excerpt" }, json.length > EXCERPT ? `${json.slice(0, EXCERPT)}…` : json),
  );
  const whole = make("pre", { class: "panel__code", tabindex: "0" }, JSON.stringify(packet.value, null, 2));
  const row = make("li", { class: "packet" }, make("details", {}, summary, whole));
  row.dataset.direction = packet.direction;
  row.dataset.kind = packet.kind;
  return row;
}

/** @param {Date} at */
const clock = (at) =>
  `${at.toLocaleTimeString("en-GB")}.${String(at.getMilliseconds()).padStart(3, "0")}`;
