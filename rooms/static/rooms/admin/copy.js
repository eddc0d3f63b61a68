// @ts-check
/** Copies the links of new invitations, or saves them as CSV; without it they are selected by hand. */

import { copyText } from "../js/copying.js";

const part = document.querySelector("[data-copy]");
const text = part?.querySelector("[data-copy-text]");
const button = part?.querySelector("[data-copy-button]");
const csv = part?.querySelector("[data-csv-button]");
const status = part?.querySelector("[data-copy-status]");

/** @param {"copied" | "failed"} outcome */
const say = (outcome) => {
  if (status instanceof HTMLElement) status.textContent = status.dataset[outcome] ?? "";
};

if (text instanceof HTMLTextAreaElement && button instanceof HTMLButtonElement) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    if (await copyText(text.value, text.parentElement ?? document.body)) return say("copied");
    // The text is selected for the person instead.
    text.focus();
    text.select();
    return say("failed");
  });
}

if (text instanceof HTMLTextAreaElement && csv instanceof HTMLButtonElement) {
  csv.hidden = false;
  csv.addEventListener("click", () => {
    const rows = ["url", ...text.value.trim().split("\n")];
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([`${rows.join("\r\n")}\r\n`], { type: "text/csv" }));
    link.download = "invitations.csv";
    link.click();
    URL.revokeObjectURL(link.href);
  });
}
