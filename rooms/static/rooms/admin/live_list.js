// @ts-check
/** Keeps the list of connections up to date, row by row: what is ticked or focused stays so.
 *
 * @typedef {{text: string, url?: string, datetime?: string, title?: string}} Cell
 * @typedef {{key: string, select_label: string, cells: Record<string, Cell>}} Row
 * @typedef {{as_of: string, as_of_at: string, count_text: string, rows: Row[]}} Rows
 */

import { reconcile, setAttribute, setText } from "./build.js";
import { follow } from "./poll.js";

const bar = document.querySelector("[data-follow]");
const body = document.querySelector("#result_list tbody");

/** @param {Element} row */
const boxOf = (row) => {
  const box = row.querySelector(".action-select");
  return box instanceof HTMLInputElement ? box : null;
};

/** A row like the others, of nothing yet.
 * @returns {HTMLElement} */
function blankRow() {
  const first = body?.querySelector("tr");
  if (!first) throw new Error("There is no row to take after.");
  const row = /** @type {HTMLElement} */ (first.cloneNode(true));
  row.classList.remove("selected");
  const box = boxOf(row);
  if (box) box.checked = false;
  return row;
}

/** @param {HTMLElement} element
 * @param {Row} row */
function showRow(element, row) {
  const box = boxOf(element);
  if (box) {
    if (box.value !== row.key) box.value = row.key;
    setAttribute(box, "aria-label", row.select_label);
  }
  for (const [name, cell] of Object.entries(row.cells)) {
    const place = element.querySelector(`.field-${name}`);
    const time = place?.querySelector("time") ?? null;
    const link = place?.querySelector("a") ?? null;
    setText(link ?? time ?? place, cell.text);
    if (cell.url) setAttribute(link, "href", cell.url);
    if (cell.datetime) setAttribute(time, "datetime", cell.datetime);
    if (cell.title) setAttribute(time, "title", cell.title);
  }
}

/** @param {Rows} rows */
function show(rows) {
  if (!body !== (rows.rows.length === 0)) {
    // The first row came, or the last one went: the page has a table on one side only.
    window.location.reload();
    return;
  }
  if (!body) return;
  for (const row of body.querySelectorAll("tr")) row.dataset.key ??= boxOf(row)?.value ?? "";
  reconcile(body, rows.rows, blankRow, showRow);
  const paginator = document.querySelector("#changelist .paginator");
  // With pages to turn there is more in it than the count.
  if (paginator && paginator.childElementCount === 0) setText(paginator, rows.count_text);
}

if (bar instanceof HTMLElement) follow(bar, show);
