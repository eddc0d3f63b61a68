// @ts-check
/** The first page, live: the rooms of each namespace as the server tells of them, by one connection
 * that asks each namespace on the screen for its list and no more. It joins nothing, and rests while
 * nobody looks. */

import { part, setText, show } from "./dom.js";
import { HomeSection } from "./home_section.js";
import { page } from "./page.js";
import { hear } from "./tabs.js";
import { text } from "./texts.js";

/** A look at another tab is no reason to go away. */
const REST_AFTER_MS = 10_000;
const LONGEST_DELAY_MS = 20_000;
/** Sections are read a little before they are scrolled to. */
const AHEAD = "200px";

const { Manager } = await import(page.socket.client);
/** @type {import("socket.io-client").Manager} */
const manager = new Manager(window.location.origin, {
  path: page.socket.path,
  transports: /** @type {any} */ (page.socket.transports),
  reconnectionDelayMax: LONGEST_DELAY_MS,
  autoConnect: false,
});
const chip = part(document.body, "chip");
const nothing = part(document.body, "no-namespace");
const sections = [...document.querySelectorAll("[data-namespace]")].map((element) => {
  const socket = manager.socket(/** @type {HTMLElement} */ (element).dataset.namespace ?? "/");
  return new HomeSection(/** @type {HTMLElement} */ (element), socket, render);
});
/** @type {Set<HomeSection>} */
const inSight = new Set();
let restTimer = 0;
let hasBeenLive = false;
/** The pages and the sockets of this browser belong to different people by now. */
let isForeign = false;

function render() {
  isForeign ||= sections.some((section) => section.isForeign);
  if (isForeign) for (const section of sections) section.rest();
  const isLive = [...inSight].every((section) => section.isLive || section.isRefused);
  hasBeenLive ||= isLive;
  chip.dataset.phase = phaseOf(isLive);
  const isAgain = chip.dataset.phase === "connecting" && hasBeenLive;
  chip.toggleAttribute("data-again", isAgain);
  setText(part(chip, "chip-text"), text(isAgain ? "chip.reconnecting" : `chip.${chip.dataset.phase}`));
  show(part(chip, "reload"), isForeign);
  show(nothing, sections.every((section) => section.isRefused));
}

/** @param {boolean} isLive */
function phaseOf(isLive) {
  if (isForeign) return "signed_out";
  if (!navigator.onLine) return "offline";
  return isLive ? "live" : "connecting";
}

function watch() {
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        const section = sections.find(({ element }) => element === target);
        if (section && isIntersecting) inSight.add(section);
        else if (section && !section.isRefused) inSight.delete(section);
      }
      follow();
    },
    { rootMargin: AHEAD },
  );
  for (const { element } of sections) watcher.observe(element);
}

/** Ask the sections in sight, and only them. */
function follow() {
  if (isForeign || document.visibilityState === "hidden") return;
  for (const section of sections) {
    if (inSight.has(section)) section.follow();
    else section.rest();
  }
  render();
}

document.addEventListener("visibilitychange", () => {
  window.clearTimeout(restTimer);
  if (document.visibilityState === "visible") return follow();
  restTimer = window.setTimeout(() => {
    for (const section of sections) section.rest();
  }, REST_AFTER_MS);
});
window.addEventListener("online", follow);
window.addEventListener("offline", render);
hear((word) => {
  // Somebody has signed in or out in another tab: this page was made for who is no more.
  if (word.kind === "here" && word.user !== (page.user?.id ?? null)) window.location.reload();
});
if (sections.length > 0) {
  show(chip, true);
  watch();
}
