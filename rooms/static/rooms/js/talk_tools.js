// @ts-check
/** The menus about messages, people and rooms, with the dialogs that they lead to: what the first
 * sight of the page does without. */

import { partAs, part } from "./dom.js";
import { InviteDialog } from "./invite_dialog.js";
import { Menu } from "./menu.js";
import { Moderation } from "./moderation.js";
import { SanctionsDialog } from "./sanctions_dialog.js";
import { TalkMenus } from "./talk_menus.js";

/** @typedef {object} Parts
 * @property {HTMLElement} root
 * @property {import("./socket.js").Link} link
 * @property {import("./composer.js").Composer} composer
 * @property {import("./private_chats.js").PrivateChats} chats
 * @property {import("./private_view.js").PrivateView} privately
 * @property {() => import("./shapes.js").User | null} me
 * @property {(words: string) => void} tell */

/** @param {Parts} parts
 * @returns {TalkMenus} */
export function makeMenus({ root, link, composer, chats, privately, me, tell }) {
  const dialog = (/** @type {string} */ name) => partAs(root, name, HTMLDialogElement);
  const moderation = new Moderation(dialog("act-dialog"), link, tell, () => composer.focus());
  return new TalkMenus(new Menu(part(root, "actions")), {
    me,
    tell,
    mention: (words) => composer.insert(words),
    chats,
    privately,
    moderation,
    invite: new InviteDialog(dialog("invite-dialog"), link, tell),
    sanctions: new SanctionsDialog(dialog("sanctions-dialog"), moderation),
  });
}
