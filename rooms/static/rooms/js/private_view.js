// @ts-check
/** The panel of private conversations: the list of them, or one of them, beside the open room. */

import { untilText } from "./clock.js";
import { Composer } from "./composer.js";
import { copyTemplate, part, partAs, reconcile, setText, show } from "./dom.js";
import { LogView } from "./log_view.js";
import { loginUrl, page } from "./page.js";
import { isGuest, paintAvatar } from "./person.js";
import { countText, locale, text } from "./texts.js";

/** @typedef {import("./private_chats.js").PrivateTalk} PrivateTalk
 * @typedef {import("./private_chats.js").PrivateChats} PrivateChats */

const IN_ADDRESS = /^#private(?:=(.+))?$/;
/** There is no room for it beside the open room: it lies over the page. */
const liesOver = window.matchMedia("(max-width: 68rem)");

export class PrivateView {
  /** Whom the panel shows; null for the list.
   * @type {PrivateTalk | null} */
  #talk = null;
  /** @type {Element | null} */
  #openedBy = null;
  #isDue = false;

  /** @param {HTMLElement} root
   * @param {PrivateChats} chats
   * @param {{me: () => import("./shapes.js").User | null, say: (words: string) => void}} tools */
  constructor(root, chats, { me, say }) {
    this.root = root;
    this.chats = chats;
    this.say = say;
    this.panel = partAs(root, "private", HTMLDialogElement);
    this.button = part(root, "private-toggle");
    this.heading = part(this.panel, "private-heading");
    this.back = part(this.panel, "private-back");
    this.list = part(this.panel, "private-list");
    this.talkBox = part(this.panel, "private-talk");
    this.explanation = part(this.panel, "private-explanation");
    this.blocked = part(this.panel, "private-blocked");
    this.log = new LogView(this.talkBox, me);
    this.composer = new Composer(this.talkBox, () => this.log.toEnd());
    this.button.addEventListener("click", () => (this.isOpen ? this.close() : this.open(null)));
    part(this.panel, "private-close").addEventListener("click", () => this.close());
    this.back.addEventListener("click", () => this.open(null));
    this.list.addEventListener("click", (event) => this.#chosen(event));
    part(this.panel, "private-block").addEventListener("click", () => void this.#toggleBlock());
    part(this.panel, "private-unblock").addEventListener("click", () => void this.#toggleBlock());
    this.panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
    chats.addEventListener("change", () => this.#renderSoon());
    chats.addEventListener("arrived", (event) => this.#arrived(/** @type {CustomEvent} */ (event)));
    document.addEventListener("visibilitychange", () => this.render());
    liesOver.addEventListener("change", () => this.#coverPage());
    document.addEventListener("pointerdown", ({ target }) => {
      const isInside = target instanceof Node && this.panel.contains(target);
      if (liesOver.matches && !isInside && !this.#isOverPanel(target)) this.close();
    });
    window.addEventListener("hashchange", () => this.openAddress());
  }

  get isOpen() {
    return this.panel.open;
  }

  /** Open what the page's address asks for: `#private`, or `#private=7` for the user 7. */
  openAddress() {
    const match = IN_ADDRESS.exec(window.location.hash);
    if (!match || (!page.user && !match[1])) return;
    if (match[1] && match[1] === this.#talk?.user.id && this.isOpen) return;
    const id = match[1] && decodeURIComponent(match[1]);
    this.open(id ? (this.chats.get(id)?.user ?? { id, name: text("somebody") }) : null);
  }

  /** Show the conversation with a user, or with null the list.
   * @param {{id: string, name: string} | null} user */
  open(user) {
    if (!this.isOpen) this.#openedBy = document.activeElement;
    this.#show(user ? this.chats.with(user) : null);
    if (!this.isOpen) this.panel.show();
    this.#coverPage();
    this.#keepAddress(user ? `#private=${encodeURIComponent(user.id)}` : "#private");
    if (this.#talk && this.#isPossible(this.#talk)) void this.#talk.load();
    this.render();
    this.#focus();
  }

  close() {
    if (!this.isOpen) return;
    this.log.close();
    this.#show(null);
    this.panel.close();
    this.#coverPage();
    this.#keepAddress("");
    this.render();
    const target = this.#openedBy instanceof HTMLElement && this.#openedBy.isConnected;
    (target ? /** @type {HTMLElement} */ (this.#openedBy) : this.button).focus();
  }

  render() {
    const { unread } = this.chats;
    show(this.button, this.chats.isOffered);
    this.button.setAttribute("aria-expanded", String(this.isOpen));
    const label = [text("private"), ...(unread ? [countText("unread", unread)] : [])].join(", ");
    this.button.setAttribute("aria-label", label);
    setText(part(this.button, "private-count"), unread.toLocaleString(locale));
    show(part(this.button, "private-count"), unread > 0);
    if (!this.isOpen) return;
    const talk = this.#talk;
    setText(this.heading, talk ? talk.title : text("private"));
    show(this.back, talk !== null && this.chats.isOffered);
    show(this.list, talk === null);
    show(part(this.panel, "private-empty"), talk === null && this.chats.list.length === 0);
    show(part(this.panel, "private-lead"), talk !== null && this.#isPossible(talk));
    if (talk) this.#renderTalk(talk);
    else this.#renderList();
  }

  /** @param {PrivateTalk | null} talk */
  #show(talk) {
    if (this.#talk) this.#talk.isOpen = false;
    this.#talk = talk;
    if (talk) talk.isOpen = this.#isPossible(talk);
  }

  /** Many changes within one turn are drawn once. */
  #renderSoon() {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      this.render();
    });
  }

  /** @param {PrivateTalk} talk */
  #renderTalk(talk) {
    const reason = this.#reasonAgainst(talk);
    show(this.talkBox, reason === null);
    show(this.explanation, reason !== null);
    setText(part(this.explanation, "text"), reason ?? "");
    const signIn = partAs(this.explanation, "private-sign-in", HTMLAnchorElement);
    signIn.href = loginUrl();
    show(signIn, page.user === null);
    const isPossible = reason === null;
    show(part(this.panel, "private-block"), isPossible && !talk.isBlocked);
    show(this.blocked, isPossible && talk.isBlocked);
    setText(part(this.blocked, "text"), text("you_block", { name: talk.title }));
    if (!isPossible) return;
    this.composer.open(talk);
    this.log.render(talk);
  }

  #renderList() {
    this.log.close();
    for (const each of [this.talkBox, this.explanation, this.blocked]) show(each, false);
    show(part(this.panel, "private-block"), false);
    reconcile(
      this.list,
      this.chats.list,
      (talk) => talk.user.id,
      () => copyTemplate("private-row"),
      updateRow,
    );
  }

  /** @param {PrivateTalk} talk */
  #isPossible(talk) {
    return page.user !== null && page.namespace.allowsPrivate && !isGuest(talk.user.id);
  }

  /** Why two people cannot write to each other, in words; null if they can.
   * @param {PrivateTalk} talk
   * @returns {string | null} */
  #reasonAgainst(talk) {
    const name = talk.title;
    if (!page.namespace.allowsPrivate) return text("private_off");
    if (page.user === null) return text("private_sign_in", { name });
    if (isGuest(talk.user.id)) return text("private_guest", { name });
    return talk.denial && !talk.isLoaded ? talk.denial.message : null;
  }

  /** @param {Event} event */
  #chosen(event) {
    const row = event.target instanceof Element && event.target.closest("li");
    const talk = row && this.chats.get(row.dataset.key ?? "");
    if (talk) this.open(talk.user);
  }

  async #toggleBlock() {
    const talk = this.#talk;
    if (!talk) return;
    const isBlocked = !talk.isBlocked;
    const denial = await this.chats.block(talk, isBlocked);
    const key = isBlocked ? "done.block" : "done.unblock";
    this.say(denial ? denial.message : text(key, { name: talk.title }));
    if (denial) return;
    this.render();
    part(this.panel, isBlocked ? "private-unblock" : "private-block").focus();
  }

  /** @param {CustomEvent<{talk: PrivateTalk, message: import("./shapes.js").Message}>} event */
  #arrived({ detail: { talk, message } }) {
    const name = message.user?.name ?? text("somebody");
    this.say(text("says_private", { name, text: message.text ?? "" }));
    if (talk === this.#talk) this.render();
  }

  /** A menu that was opened from the panel lies over it.
   * @param {EventTarget | null} target */
  #isOverPanel(target) {
    return target instanceof Element && target.closest('[role="menu"], dialog') !== null;
  }

  /** What lies under the panel must not be reached. */
  #coverPage() {
    const isCovered = this.isOpen && liesOver.matches;
    for (const each of this.root.querySelectorAll(":scope > header, :scope > main")) {
      each.toggleAttribute("inert", isCovered);
    }
  }

  #focus() {
    const talk = this.#talk;
    const first = this.list.querySelector("button");
    if (talk && this.#isPossible(talk)) this.composer.focus();
    else if (talk && page.user === null) part(this.explanation, "private-sign-in").focus();
    else if (!talk && first instanceof HTMLElement) first.focus();
    if (!this.panel.contains(document.activeElement)) part(this.panel, "private-close").focus();
  }

  /** @param {string} hash */
  #keepAddress(hash) {
    const { pathname, search } = window.location;
    window.history.replaceState(window.history.state, "", `${pathname}${search}${hash}`);
  }
}

/** @param {HTMLElement} element @param {PrivateTalk} talk */
function updateRow(element, talk) {
  paintAvatar(part(element, "avatar"), talk.user);
  setText(part(element, "name"), talk.title);
  const facts = [
    talk.isBlocked ? text("is_blocked") : "",
    talk.at ? untilText(new Date(talk.at), new Date()) : "",
  ];
  setText(part(element, "facts"), facts.filter(Boolean).join(" · "));
  const isNew = talk.unread > 0 && !talk.isBlocked;
  setText(part(element, "unread"), isNew ? countText("unread", talk.unread) : "");
  show(part(element, "unread"), isNew);
}
