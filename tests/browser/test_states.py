"""What must hold in every state of the pages: for all eyes and ears, and at any width."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.states import STATES, State
from tests.helpers.live_server import Clerk
from tests.helpers.services import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
# What Django 5.2 draws in its admin's pages, and no template or widget of ours.
DJANGOS = [
    # admin/js/SelectFilter2.js: the magnifying glass of two lists of choices, a span with a label.
    [".selector-filter .help-tooltip"],
    # admin/edit_inline/tabular.html: the heads of the columns that name rows and delete them.
    [".inline-group thead th:empty"],
    # admin/delete_selected_confirmation.html: links within the line of the way here.
    [".delete-confirmation .breadcrumbs > a"],
]
RUN = """async (rules) => {
  // Django's own pages fade from one theme to the other, whatever a person prefers. What is out of
  // sight may never come to its end.
  const faded = Promise.allSettled(document.getAnimations().map(({ finished }) => finished));
  await Promise.race([faded, new Promise((resolve) => setTimeout(resolve, 1_000))]);
  const only = rules.length ? { runOnly: { type: "rule", values: rules } } : {};
  const { violations } = await axe.run({ exclude: DJANGOS }, { preload: false, ...only });
  return violations.map(({ id, nodes }) => ({
    id,
    where: nodes.map(({ target, failureSummary }) => `${target}: ${failureSummary}`),
  }));
}""".replace("DJANGOS", json.dumps(DJANGOS))
WIDTHS = (360, 1280)
TWO_FRAMES = """() => new Promise((done) => {
  requestAnimationFrame(() => requestAnimationFrame(done));
})"""
# All rules in one theme; in the other those whose answer hangs on colours.
THEMES: dict[Any, list[str]] = {"light": [], "dark": ["color-contrast", "link-in-text-block"]}
# Violations of the policy, of all documents of a page, where its own scripts cannot hide them.
WATCH_POLICY = """
  document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
# Everything that stands further out than the page is wide, and is no part of something that
# scrolls by itself.
WIDER = """() => {
  const width = document.documentElement.clientWidth;
  return document.documentElement.scrollWidth > width
    ? [...document.querySelectorAll("body *")]
        .filter((each) => each.getBoundingClientRect().right > width + 1)
        .map((each) => each.outerHTML.slice(0, 120))
    : [];
}"""


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name.replace(" ", "-"))
def test_axe_finds_nothing_and_the_policy_is_kept(
    people: Callable[[str | None], Page], clerk: Clerk, state: State
) -> None:
    page = people(state.reader)
    page.add_init_script(WATCH_POLICY)
    page.emulate_media(reduced_motion="reduce")
    state.reach(page, clerk)
    page.evaluate(AXE.read_text())
    found = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        # What the page does at another size, such as closing a menu, comes with the next frames.
        page.evaluate(TWO_FRAMES)
        if state.again:
            state.again(page, clerk)
        for theme, rules in THEMES.items():
            page.emulate_media(color_scheme=theme)
            if violations := page.evaluate(RUN, rules):
                found[f"{width} {theme}"] = violations
    assert not found, json.dumps(found, indent=1)
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate(WIDER) == []
