// @ts-check
/** Putting text on the clipboard, also where the browser offers that only the old way. */

// Shorter than a click lets a page use the old way: 5 s in Chromium, less elsewhere.
const PATIENCE_MS = 1_000;

/** @param {string} value
 * @param {HTMLElement} near  an element on the screen that may hold the text for a moment
 * @returns {Promise<boolean>} whether it is there */
export async function copyText(value, near) {
  try {
    await Promise.race([navigator.clipboard.writeText(value), runOut()]);
    return true;
  } catch {
    // No secure context, or the browser said no, or nothing at all.
    return copyBySelection(value, near);
  }
}

/** @returns {Promise<never>} */
function runOut() {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error("The clipboard does not answer.")), PATIENCE_MS);
  });
}

/** @param {string} value @param {HTMLElement} near */
function copyBySelection(value, near) {
  const focused = document.activeElement;
  const field = document.createElement("textarea");
  field.className = "unseen";
  field.value = value;
  near.append(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return isCopied;
}
