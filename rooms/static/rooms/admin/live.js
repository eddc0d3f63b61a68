// @ts-check
/** Keeps the list of connections up to date; without it people press Refresh. */

const EVERY_MS = 2_000;

/** @returns {Set<string>} what is ticked now */
const ticked = () =>
  new Set(
    [...document.querySelectorAll("#changelist-form .action-select")]
      .filter((box) => box instanceof HTMLInputElement && box.checked)
      .map((box) => /** @type {HTMLInputElement} */ (box).value),
  );

/** Put the rows of a newly read page in the place of ours, with the same rows ticked. */
const show = (/** @type {Document} */ page) => {
  const next = page.querySelector("#result_list tbody");
  const shown = document.querySelector("#result_list tbody");
  if (!next || !shown) {
    // The first row came, or the last one went: the table is there on one side only.
    if (Boolean(next) !== Boolean(shown)) window.location.reload();
    return;
  }
  if (next.innerHTML === shown.innerHTML || shown.contains(document.activeElement)) return;
  const chosen = ticked();
  const rows = document.importNode(next, true);
  for (const box of rows.querySelectorAll(".action-select")) {
    if (box instanceof HTMLInputElement && chosen.has(box.value)) {
      box.checked = true;
      box.closest("tr")?.classList.add("selected");
    }
  }
  shown.replaceWith(rows);
};

const refresh = async () => {
  if (document.hidden) return;
  try {
    const answer = await fetch(window.location.href, { credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return;
    show(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // The next round tries again; the rows shown stay.
  }
};

setInterval(refresh, EVERY_MS);
