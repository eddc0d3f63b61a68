"""What our templates inside the admin need: charts written out, and the cards of its first page."""

from typing import Any

from django import template
from django.utils.safestring import SafeString

from rooms.admin.dashboard.charts import Tree, as_markup
from rooms.admin.dashboard.page import dashboard_for
from rooms.admin.scope import scope_of

register = template.Library()


@register.filter
def drawn(tree: Tree) -> SafeString:
    """Write a chart out as SVG."""
    return as_markup(tree)


@register.inclusion_tag("admin/rooms/cards.html", takes_context=True)
def dashboard_cards(context: template.Context) -> dict[str, Any]:
    """Show the dashboard's cards to those who look after something."""
    request = context["request"]
    if scope_of(request).is_empty:
        return {"cards": ()}
    return {"cards": dashboard_for(request).cards, "leads_on": True}
