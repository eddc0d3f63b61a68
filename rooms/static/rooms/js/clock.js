// @ts-check
/** Times as people read them, in their own zone. */

import { locale, text } from "./texts.js";

const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" });
const year = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric" });
const whole = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "short" });

/** @param {Date} at @returns {string} */
export const clockText = (at) => clock.format(at);

/** @param {Date} at @returns {string} */
export const wholeText = (at) => whole.format(at);

/** When something ends: the hour alone where that is today.
 * @param {Date} at @param {Date} now @returns {string} */
export const untilText = (at, now) => (dayKey(at) === dayKey(now) ? clock : whole).format(at);

/** How long something still takes: "42 s", or "9:05" from a minute on.
 * @param {number} seconds @returns {string} */
export function remainingText(seconds) {
  if (seconds < 60) return text("seconds", { seconds: seconds.toLocaleString(locale) });
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** One string per local day; equal for times of the same day.
 * @param {Date} at
 * @returns {string} */
export const dayKey = (at) => `${at.getFullYear()}-${at.getMonth() + 1}-${at.getDate()}`;

/** @param {Date} at @param {Date} now @returns {string} */
export function dayText(at, now) {
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (dayKey(at) === dayKey(now)) return text("today");
  if (dayKey(at) === dayKey(yesterday)) return text("yesterday");
  return (at.getFullYear() === now.getFullYear() ? day : year).format(at);
}
