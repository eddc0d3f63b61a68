// @ts-check
/** Putting text on the clipboard, also where the browser offers that only the old way. */

/** @param {string} value
 * @param {HTMLElement} near  an element on the screen that may hold the text for a moment
 * @returns {Promise<boolean>} whether it is there */
export async function copyText(value, near) {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    // No secure context, or the browser said no.
    return copyBySelection(value, near);
  }
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
