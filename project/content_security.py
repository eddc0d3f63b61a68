"""The Content-Security-Policy: strict on our pages, with Trusted Types; the admin without them."""

from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse

# No script of ours turns text into markup, so the browser is told to refuse it.
TRUSTED_TYPES = {"require-trusted-types-for": ["'script'"], "trusted-types": ["'none'"]}


class ContentSecurityMiddleware(CSPMiddleware):
    """Add the policy of the settings to each page, and Trusted Types to all but the admin's.

    Django's admin brings jQuery and Select2, which write markup from strings.
    """

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        """Return the parts of the policy for this answer."""
        parts = super().get_policy_parts(request, response, report_only)
        if not report_only and not request.path.startswith(reverse("admin:index")):
            parts.update = {**TRUSTED_TYPES, **(parts.update or {})}
        return parts
