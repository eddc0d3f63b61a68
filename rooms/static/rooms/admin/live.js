// @ts-check
/** Keeps the page of one connection up to date; without it people press Refresh. */

const EVERY_MS = 2_000;
// What its process says, and its rooms.
const PARTS = ".rk-live, #seats-group";

/** Put the parts of a newly read page in the place of ours. */
const show = (/** @type {Document} */ page) => {
  const next = [...page.querySelectorAll(PARTS)];
  const shown = [...document.querySelectorAll(PARTS)];
  for (const [at, old] of shown.entries()) {
    const fresh = next[at];
    if (!fresh || fresh.isEqualNode(old) || old.contains(document.activeElement)) continue;
    old.replaceWith(document.importNode(fresh, true));
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
