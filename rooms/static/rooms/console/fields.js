// @ts-check
/** Forms made of JSON Schema: one field for each argument, down to the fields of an object.
 *
 * What a schema leaves out is read as JSON. A field that is empty and not required is left out.
 *
 * @typedef {import("./data.js").Schema} Schema
 * @typedef {{element: HTMLElement, read: () => unknown}} Field  `read` gives undefined for what is
 *   left out, and throws `Incomplete` once it has said at the field what is wrong
 */

import { data, text } from "./data.js";
import { complain, make, newId } from "./dom.js";

const REF = "#/components/schemas/";
/** As deep as objects are shown as fields; what lies deeper is written as JSON. */
const DEPTH = 4;

export class Incomplete extends Error {}

/** The arguments of an event as a form.
 * @param {import("./data.js").ClientEvent} event
 * @returns {{element: HTMLElement, read: () => unknown[]}} */
export function makeFields(event) {
  const element = make("div", { class: "panel__fields" });
  const fields = event.arguments.map((argument) =>
    makeField(argument.name, anyOf(argument.schemas), argument.is_required, 0),
  );
  const rest = event.rest ? jsonField(text("more"), false, "[]") : null;
  element.append(...fields.map((field) => field.element));
  if (rest) element.append(rest.element);
  if (!fields.length && !rest) {
    element.append(make("p", { class: "field__help" }, text("no_arguments")));
  }
  return { element, read: () => readAll(fields, rest) };
}

/** @param {Field[]} fields
 * @param {Field | null} rest
 * @returns {unknown[]} */
function readAll(fields, rest) {
  const values = readEach(fields.map((field) => field.read));
  // Arguments stand by their place: what is left out in the middle is null.
  while (values.length && values.at(-1) === undefined) values.pop();
  const args = values.map((value) => (value === undefined ? null : value));
  const more = rest?.read();
  return Array.isArray(more) ? [...args, ...more] : args;
}

/** Read every field, so that each says what is wrong with it.
 * @param {(() => unknown)[]} readers
 * @returns {unknown[]} */
function readEach(readers) {
  let isIncomplete = false;
  const values = readers.map((read) => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof Incomplete)) throw error;
      isIncomplete = true;
      return undefined;
    }
  });
  if (isIncomplete) throw new Incomplete();
  return values;
}

/** @param {Schema[]} schemas
 * @returns {Schema} */
const anyOf = (schemas) => (schemas.length === 1 ? schemas[0] : { anyOf: schemas });

/** @param {Schema} schema
 * @returns {Schema} */
function resolved(schema) {
  const ref = schema.$ref;
  return typeof ref === "string" ? (data.schemas[ref.slice(REF.length)] ?? {}) : schema;
}

/** @param {string} name
 * @param {Schema} given
 * @param {boolean} isRequired
 * @param {number} depth
 * @returns {Field} */
function makeField(name, given, isRequired, depth) {
  const schema = resolved(given);
  const variants = (schema.anyOf ?? schema.oneOf ?? [schema]).map(resolved);
  const real = variants.filter((/** @type {Schema} */ each) => each.type !== "null");
  const mayBeLeftOut = !isRequired || real.length < variants.length;
  if (real.length > 1) return choiceField(name, real, !mayBeLeftOut, depth);
  const one = { ...(real[0] ?? {}), default: given.default ?? schema.default };
  const kind = one.enum || one.const !== undefined ? "enum" : one.type;
  if (kind === "object" && one.properties && depth < DEPTH) return objectField(name, one, !mayBeLeftOut, depth);
  if (kind === "enum") return selectField(name, one.enum ?? [one.const], !mayBeLeftOut, one.default);
  if (kind === "boolean") return selectField(name, [true, false], !mayBeLeftOut, one.default);
  if (kind === "integer" || kind === "number") return numberField(name, kind, !mayBeLeftOut, one.default);
  if (kind === "string") return textField(name, !mayBeLeftOut, one.default);
  return jsonField(name, !mayBeLeftOut, "");
}

/** @param {string} name
 * @param {boolean} isRequired
 * @param {HTMLElement} input
 * @param {unknown} [fallback]  what holds where the field is left out
 * @returns {{element: HTMLElement, fail: (problem: string) => never, clear: () => void}} */
function framed(name, isRequired, input, fallback) {
  const id = newId();
  const error = make("span", { class: "field__error" });
  input.id = id;
  const hint = isRequired
    ? ""
    : fallback === undefined || fallback === null
      ? text("optional")
      : text("default", { value: JSON.stringify(fallback) });
  const label = make("label", { class: "field__label", for: id }, name, " ");
  if (hint) label.append(make("span", { class: "panel__hint" }, hint));
  if (isRequired) input.setAttribute("aria-required", "true");
  return {
    element: make("div", { class: "field" }, label, input, error),
    fail: (problem) => {
      complain(input, error, problem);
      throw new Incomplete(problem);
    },
    clear: () => complain(input, error, ""),
  };
}

/** @param {string} name
 * @param {boolean} isRequired
 * @param {unknown} fallback
 * @returns {Field} */
function textField(name, isRequired, fallback) {
  const input = make("input", {
    class: "input",
    autocomplete: "off",
    type: name === "password" ? "password" : "text",
  });
  const frame = framed(name, isRequired, input, fallback);
  return {
    element: frame.element,
    read: () => {
      frame.clear();
      if (input.value !== "") return input.value;
      return isRequired ? frame.fail(text("required")) : undefined;
    },
  };
}

/** @param {string} name
 * @param {string} kind
 * @param {boolean} isRequired
 * @param {unknown} fallback
 * @returns {Field} */
function numberField(name, kind, isRequired, fallback) {
  const input = make("input", { class: "input", inputmode: "decimal", autocomplete: "off" });
  const frame = framed(name, isRequired, input, fallback);
  return {
    element: frame.element,
    read: () => {
      frame.clear();
      const words = input.value.trim();
      if (words === "") return isRequired ? frame.fail(text("required")) : undefined;
      const value = Number(words);
      if (!Number.isFinite(value)) return frame.fail(text("bad_number"));
      if (kind === "integer" && !Number.isInteger(value)) return frame.fail(text("bad_integer"));
      return value;
    },
  };
}

/** @param {string} name
 * @param {unknown[]} values
 * @param {boolean} isRequired
 * @param {unknown} fallback
 * @returns {Field} */
function selectField(name, values, isRequired, fallback) {
  const select = make("select", { class: "input" });
  if (!isRequired) select.append(make("option", { value: "" }, text("unset")));
  values.forEach((value, place) => {
    const words = value === true ? text("yes") : value === false ? text("no") : String(value);
    select.append(make("option", { value: String(place) }, words));
  });
  const frame = framed(name, isRequired, select, fallback);
  return {
    element: frame.element,
    read: () => (select.value === "" ? undefined : values[Number(select.value)]),
  };
}

/** @param {string} name
 * @param {boolean} isRequired
 * @param {string} placeholder
 * @returns {Field} */
function jsonField(name, isRequired, placeholder) {
  const area = make("textarea", {
    class: "input panel__code",
    rows: "2",
    spellcheck: "false",
    placeholder: placeholder || "JSON",
  });
  const frame = framed(name, isRequired, area);
  return {
    element: frame.element,
    read: () => {
      frame.clear();
      if (area.value.trim() === "") return isRequired ? frame.fail(text("required")) : undefined;
      try {
        return JSON.parse(area.value);
      } catch (error) {
        return frame.fail(text("bad_json", { problem: String(/** @type {Error} */ (error).message) }));
      }
    },
  };
}

/** @param {string} name
 * @param {Schema} schema
 * @param {boolean} isRequired
 * @param {number} depth
 * @returns {Field} */
function objectField(name, schema, isRequired, depth) {
  const required = new Set(schema.required ?? []);
  const entries = Object.entries(schema.properties).map(([key, value]) => ({
    key,
    // Within an object that may be left out, nothing is required before something is filled in.
    field: makeField(key, /** @type {Schema} */ (value), isRequired && required.has(key), depth + 1),
  }));
  const element = make("fieldset", { class: "panel__object" }, make("legend", {}, schema.title ?? name));
  element.append(...entries.map((each) => each.field.element));
  return {
    element,
    read: () => {
      const values = readEach(entries.map((each) => each.field.read));
      const pairs = entries.map((each, place) => [each.key, values[place]]);
      const given = pairs.filter(([, value]) => value !== undefined);
      return given.length || isRequired ? Object.fromEntries(given) : undefined;
    },
  };
}

/** @param {string} name
 * @param {Schema[]} variants
 * @param {boolean} isRequired
 * @param {number} depth
 * @returns {Field} */
function choiceField(name, variants, isRequired, depth) {
  // What has fields of its own says most.
  const ordered = [...variants].sort((a, b) => Number(Boolean(b.properties)) - Number(Boolean(a.properties)));
  const fields = ordered.map((each) => makeField(name, each, isRequired, depth));
  const select = make("select", { class: "input" });
  ordered.forEach((each, place) => {
    const words = each.title ?? (each.type === "string" ? text("as_text") : String(each.type ?? "JSON"));
    select.append(make("option", { value: String(place) }, words));
  });
  const frame = framed(name, true, select);
  const place = make("div", {}, fields[0].element);
  select.addEventListener("change", () => place.replaceChildren(fields[Number(select.value)].element));
  return {
    element: make("div", { class: "panel__choice" }, frame.element, place),
    read: () => fields[Number(select.value)].read(),
  };
}
