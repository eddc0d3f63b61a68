// @ts-check
/** Keeps the dashboard up to date; without it people press Refresh.
 *
 * @typedef {import("./build.js").Tree} Tree
 * @typedef {{key: string, title: string, value: string, note: string, url: string, spark: Tree | null}} Card
 * @typedef {{key: string, label: string, value: string, note: string, url: string}} Row
 * @typedef {{key: string, rows: Row[], chart: Tree}} Panel
 * @typedef {{as_of: string, as_of_at: string, cards: Card[], panels: Panel[]}} Dashboard
 */

import { build, make, reconcile, setAttribute, setText, slot } from "./build.js";
import { follow } from "./poll.js";

const root = document.querySelector("[data-dashboard]");

/** @param {HTMLElement} element
 * @param {Card} card */
function showCard(element, card) {
  setAttribute(element, "href", card.url);
  setText(slot(element, "title"), card.title);
  setText(slot(element, "value"), card.value);
  setText(slot(element, "note"), card.note);
  slot(element, "spark")?.replaceChildren(...(card.spark ? [build(card.spark)] : []));
}

/** @param {number} columns
 * @returns {(row: Row) => HTMLElement} */
const rowMaker = (columns) => () => {
  const row = make("tr");
  const number = make("td", "", { class: "rk-number" });
  number.append(make("a"));
  row.append(make("th", "", { scope: "row" }), number);
  if (columns > 2) row.append(make("td"));
  return row;
};

/** @param {HTMLElement} element
 * @param {Row} row */
function showRow(element, row) {
  const link = element.querySelector("a");
  setText(element.querySelector("th"), row.label);
  setText(link, row.value);
  setAttribute(link, "href", row.url);
  setText(element.querySelector("td:nth-child(3)"), row.note);
}

/** @param {HTMLElement} section
 * @param {Panel} panel */
function showPanel(section, panel) {
  const isEmpty = panel.rows.length === 0;
  const [empty, figure] = [slot(section, "empty"), slot(section, "figure")];
  if (empty) empty.hidden = !isEmpty;
  if (figure) figure.hidden = isEmpty;
  slot(section, "chart")?.replaceChildren(build(panel.chart));
  const rows = slot(section, "rows");
  if (rows) reconcile(rows, panel.rows, rowMaker(Number(rows.dataset.columns)), showRow);
}

/** @param {Dashboard} dashboard */
function show(dashboard) {
  for (const card of dashboard.cards) {
    const element = root?.querySelector(`[data-cards] [data-key="${card.key}"]`);
    if (element instanceof HTMLElement) showCard(element, card);
  }
  for (const panel of dashboard.panels) {
    const section = root?.querySelector(`[data-panel="${panel.key}"]`);
    if (section instanceof HTMLElement) showPanel(section, panel);
  }
}

const bar = root?.querySelector("[data-follow]");
if (bar instanceof HTMLElement) follow(bar, show);
