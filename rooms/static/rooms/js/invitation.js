// @ts-check
/** An invitation in the address is a secret: it leaves the address bar, the history and what
 * people copy before anything else happens, and waits in this tab for the join, a sign-in on the
 * way included. Loaded before the page is painted, and therefore no module. */

(() => {
  const address = new URL(window.location.href);
  const token = address.searchParams.get("invite");
  if (token === null) return;
  try {
    window.sessionStorage.setItem(`roomkey invitation ${decodeURIComponent(address.pathname)}`, token);
  } catch {
    // Where nothing may be kept, the page reads it from the address.
    return;
  }
  address.searchParams.delete("invite");
  window.history.replaceState(null, "", address);
})();
