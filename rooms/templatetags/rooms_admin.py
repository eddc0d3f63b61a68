"""What our templates inside the admin need: charts written out, and the cards of its first page.

Django imports every app's tags with the first template, also in a project that has no admin: what
needs one is imported where it is used.
"""

from typing import TYPE_CHECKING, Any

from django import template
from django.utils.safestring import SafeString

if TYPE_CHECKING:
    from rooms.admin.dashboard.charts import Tree

register = template.Library()


@register.filter
def drawn(tree: "Tree") -> SafeString:
    """Write a chart out as SVG."""
    from rooms.admin.dashboard.charts import as_markup  # noqa: PLC0415

    return as_markup(tree)


@register.inclusion_tag("admin/rooms/cards.html", takes_context=True)
def dashboard_cards(context: template.Context) -> dict[str, Any]:
    """Show the dashboard's cards to those who look after something."""
    from rooms.admin.dashboard.page import dashboard_for  # noqa: PLC0415
    from rooms.admin.scope import scope_of  # noqa: PLC0415

    request = context["request"]
    if scope_of(request).is_empty:
        return {"cards": ()}
    return {"cards": dashboard_for(request).cards, "leads_on": True}
