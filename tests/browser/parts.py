"""The parts of a room's page, as a person finds them."""

from playwright.sync_api import Locator, Page, expect


def enter(page: Page, url: str) -> None:
    """Open a room's address and be in it."""
    page.goto(url)
    expect(page.get_by_role("button", name="Leave")).to_be_visible()


def field(page: Page) -> Locator:
    """Where one writes."""
    return page.get_by_label("Message", exact=True)


def say(page: Page, text: str) -> None:
    """Write and send."""
    field(page).fill(text)
    page.get_by_role("button", name="Send").click()


def log(page: Page) -> Locator:
    """What has been said."""
    return page.get_by_role("log")


def message(page: Page, text: str) -> Locator:
    """The rows of the log that say ``text``."""
    return log(page).get_by_role("listitem").filter(has_text=text)


def people(page: Page) -> Locator:
    """Who is here."""
    return page.get_by_role("complementary")


def rooms(page: Page) -> Locator:
    """The list of rooms."""
    return page.get_by_role("navigation", name="Rooms")


def chip(page: Page) -> Locator:
    """The state of the connection."""
    return page.locator("[data-part=chip]")
