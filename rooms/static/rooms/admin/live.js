// @ts-check
/** Keeps the list of connections, or the page of one, up to date; without it people press Refresh. */

const EVERY_MS = 2_000;
// The list's rows; on the page of one connection what its process says, and its rooms.
const PARTS = "#result_list tbody, .rk-live, #seats-group";

/** @returns {Set<string>} what is ticked now */
const ticked = () =>
  new Set(
    [...document.querySelectorAll("#changelist-form .action-select")]
      .filter((box) => box instanceof HTMLInputElement && box.checked)
      .map((box) => /** @type {HTMLInputElement} */ (box).value),
  );

/** @param {ParentNode} rows @param {Set<string>} chosen */
const tick = (rows, chosen) => {
  for (const box of rows.querySelectorAll(".action-select")) {
    if (box instanceof HTMLInputElement && chosen.has(box.value)) {
      box.checked = true;
      box.closest("tr")?.classList.add("selected");
    }
  }
};

/** Put the parts of a newly read page in the place of ours, with the same rows ticked. */
const show = (/** @type {Document} */ page) => {
  const next = [...page.querySelectorAll(PARTS)];
  const shown = [...document.querySelectorAll(PARTS)];
  if (next.length !== shown.length) {
    // The first row came, or the last one went: the table is there on one side only.
    window.location.reload();
    return;
  }
  const chosen = ticked();
  for (const [at, old] of shown.entries()) {
    const fresh = next[at];
    if (!fresh || fresh.innerHTML === old.innerHTML || old.contains(document.activeElement)) continue;
    const part = document.importNode(fresh, true);
    tick(part, chosen);
    old.replaceWith(part);
  }
};

let isOver = false;

const refresh = async () => {
  if (document.hidden || isOver) return;
  try {
    const answer = await fetch(window.location.href, { credentials: "same-origin" });
    // Signed out, or the connection that this page is about has ended: what is shown stays.
    isOver = answer.redirected || answer.status === 404;
    const ended = document.querySelector("[data-live-ended]");
    if (isOver && ended instanceof HTMLElement) ended.textContent = ended.dataset.text ?? "";
    if (answer.ok && !isOver) show(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // The next round tries again; the rows shown stay.
  }
};

setInterval(refresh, EVERY_MS);
