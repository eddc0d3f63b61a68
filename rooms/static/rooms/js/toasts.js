// @ts-check
/** News that do not belong to what is open: each stays until it is answered or closed. */

import { copyTemplate, part, setIcon, setText, show } from "./dom.js";

const MOST_SHOWN = 3;

export class Toasts {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.list = part(root, "toasts");
  }

  /** Show words with one thing to do about them. A toast with an equal key takes its place.
   * @param {{key: string, icon: string, words: string, action?: string, act?: () => void}} news */
  add({ key, icon, words, action, act }) {
    this.remove(key);
    const toast = copyTemplate("toast");
    toast.dataset.key = key;
    setIcon(part(toast, "icon"), icon);
    setText(part(toast, "words"), words);
    setText(part(toast, "action"), action ?? "");
    show(part(toast, "action"), action !== undefined);
    part(toast, "action").addEventListener("click", () => {
      toast.remove();
      act?.();
    });
    part(toast, "close").addEventListener("click", () => toast.remove());
    this.list.append(toast);
    while (this.list.children.length > MOST_SHOWN) this.list.firstElementChild?.remove();
  }

  /** @param {string} key */
  remove(key) {
    for (const toast of [...this.list.children]) {
      if (toast instanceof HTMLElement && toast.dataset.key === key) toast.remove();
    }
  }
}

/** Tell somebody who has gone to another window, if they have let us.
 * @param {string} words */
export function notifyElsewhere(words) {
  const isElsewhere = document.visibilityState === "hidden" && "Notification" in window;
  if (!isElsewhere || Notification.permission !== "granted") return;
  try {
    new Notification(words);
  } catch {
    // Some browsers notify from service workers alone; the toast waits on the page.
  }
}
