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


def room_row(page: Page, name: str) -> Locator:
    """A room of the list."""
    return rooms(page).locator("li[data-key]").and_(page.locator(f'[data-key="{name}"]'))


def notice(page: Page) -> Locator:
    """What stands in place of a room that is not joined."""
    return page.locator("[data-part=notice]")


def emit(page: Page, namespace: str, event: str, argument: object) -> object:
    """Emit an event as the person of a page, over a connection of its own; return the answer."""
    return page.evaluate(
        """async ([namespace, event, argument]) => {
          const { io } = await import("/socket.io/socket.io.esm.min.js");
          const socket = io(namespace, { forceNew: true });
          try {
            return await socket.timeout(5000).emitWithAck(event, argument);
          } finally {
            socket.disconnect();
          }
        }""",
        [namespace, event, argument],
    )


def chip(page: Page) -> Locator:
    """The state of the connection."""
    return page.locator("[data-part=chip]")


def chip_words(page: Page) -> Locator:
    """The same in words alone, without what can be done about it."""
    return page.locator("[data-part=chip-text]")
