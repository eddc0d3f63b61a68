// @ts-check
/** Names for fields that Django's admin leaves without one: those of a table's rows, which stand
 * under a head that names them to the eye alone, and those that Select2 makes, which are named by
 * what is chosen and by nothing while nothing is. */

/** @param {Element} field
 * @returns {Element | null} the head of the column that it stands in */
function headOf(field) {
  const cell = field.closest(".tabular td");
  const heads = cell?.closest("table")?.querySelectorAll("thead th") ?? [];
  if (cell?.classList.contains("delete")) return heads[heads.length - 1] ?? null;
  const name = [...(cell?.classList ?? [])].find((each) => each.startsWith("field-"));
  const column = name && `column-${name.slice("field-".length)}`;
  return [...heads].find((head) => column && head.classList.contains(column)) ?? null;
}

function nameFields() {
  for (const field of document.querySelectorAll(".tabular td :is(select, input, textarea)")) {
    const head = headOf(field);
    if (!head || field.hasAttribute("aria-label")) continue;
    head.id ||= `${field.id}_head`;
    field.setAttribute("aria-labelledby", head.id);
  }
  for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
    const label = document.querySelector(`label[for="${CSS.escape(select.id)}"]`) ?? headOf(select);
    const chosen = select.nextElementSibling?.querySelector(".select2-selection__rendered");
    if (!label || !chosen) continue;
    label.id ||= `${select.id}_label`;
    chosen.setAttribute("aria-labelledby", label.id);
    chosen.closest("[role=combobox]")?.setAttribute("aria-labelledby", `${label.id} ${chosen.id}`);
  }
}

// Django's own script makes them at these same moments, and has asked for both before us.
/** @type {any} */ (window).django?.jQuery(nameFields);
document.addEventListener("formset:added", nameFields);

export {};
