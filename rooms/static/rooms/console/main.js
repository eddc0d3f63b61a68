// @ts-check
/** The console's page: one connection to begin with, and as many beside it as a person wants. */

import { data } from "./data.js";
import { part } from "./dom.js";
import { Panel } from "./panel.js";

const panels = part(document, "panels", HTMLElement);
const live = part(document, "live-region", HTMLElement);
const add = part(document, "add", HTMLButtonElement);
let number = 0;

/** @returns {Panel} */
function addPanel() {
  number += 1;
  const asked = new URLSearchParams(window.location.search).get("namespace");
  const namespace = asked ?? data.namespaces[0]?.path ?? "/";
  const panel = new Panel(
    number,
    namespace,
    (words) => {
      live.textContent = words;
    },
    (gone) => {
      gone.element.remove();
      add.focus();
    },
  );
  panels.append(panel.element);
  return panel;
}

add.hidden = false;
add.addEventListener("click", () => addPanel().focus());
addPanel();
