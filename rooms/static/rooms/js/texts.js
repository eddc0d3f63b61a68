// @ts-check
/** The page's words, translated by the server. */

import { readData } from "./page.js";

/** @type {{lang: string, texts: Record<string, string>, plurals: Record<string, Record<string, string>>}} */
const catalogue = readData("page-texts");
const rules = new Intl.PluralRules(catalogue.lang);

/** @param {string} tag */
const languageOf = (tag) => tag.split("-")[0];

/** The page's language, in the visitor's own flavour of it: by it the hour has 12 or 24. */
export const locale =
  navigator.languages.find((tag) => languageOf(tag) === languageOf(catalogue.lang)) ??
  catalogue.lang;

/** A text by its key, with `{name}` places filled.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string} */
export function text(key, values = {}) {
  const found = catalogue.texts[key];
  if (found === undefined) throw new Error(`No text is called "${key}".`);
  return fill(found, values);
}

/** A text that counts: the form for `count`, which also fills `{count}`.
 * @param {string} key
 * @param {number} count
 * @param {Record<string, string | number>} [values]
 * @returns {string} */
export function countText(key, count, values = {}) {
  const forms = catalogue.plurals[key];
  if (forms === undefined) throw new Error(`No counting text is called "${key}".`);
  return fill(forms[rules.select(count)] ?? forms.other, { count: count.toLocaleString(locale), ...values });
}

/** A text that the catalogue may lack, as a code that a newer server may add.
 * @param {string} key
 * @returns {string | null} */
export const knownText = (key) => catalogue.texts[key] ?? null;

/** Names joined as the language does: "Ann, Bob and Eve".
 * @param {string[]} names
 * @returns {string} */
export const listText = (names) => new Intl.ListFormat(locale, { type: "conjunction" }).format(names);

/** @param {string} template @param {Record<string, string | number>} values */
const fill = (template, values) =>
  template.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
