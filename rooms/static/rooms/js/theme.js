// @ts-check
/** Light or dark: the system's choice until a person makes another, which this browser keeps.
 * Loaded before the page is painted, and therefore no module. */

(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  const chosen = () => {
    try {
      return window.localStorage.getItem("roomkey theme");
    } catch {
      return null;
    }
  };

  /** @param {string} theme */
  const keep = (theme) => {
    try {
      window.localStorage.setItem("roomkey theme", theme);
    } catch {
      // The choice then lasts as long as the page.
    }
  };

  const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";

  const paintButtons = () => {
    for (const button of document.querySelectorAll("button[data-part='theme']")) {
      button.setAttribute("aria-pressed", String(isDark()));
    }
  };

  const kept = chosen();
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;

  document.addEventListener("DOMContentLoaded", () => {
    paintButtons();
    system.addEventListener("change", paintButtons);
    document.addEventListener("click", (event) => {
      const target = event.target;
      if (!(target instanceof Element) || !target.closest("button[data-part='theme']")) return;
      const theme = isDark() ? "light" : "dark";
      root.dataset.theme = theme;
      keep(theme);
      paintButtons();
    });
  });
})();
