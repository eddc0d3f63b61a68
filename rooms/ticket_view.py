"""``POST /accounts/ticket/``: a one-time key with which a client without cookies comes in.

Who may ask is the Origin rule of the sockets' own doors; the CSRF token proves the page.
Source: DESIGN section 4.
"""

import logging

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from realtime.exceptions import Refused
from realtime.namespaces.origin import OriginVerdict, Trust, judge_origin
from realtime.namespaces.tickets import TICKET_AGE_S, issue_ticket
from rooms.visitors import request_scope

logger = logging.getLogger(__name__)


class TokenCheck(CsrfViewMiddleware):
    """The CSRF token's check, for requests whose origin our own rule has let pass."""

    def _origin_verified(self, _request: HttpRequest) -> bool:
        return True


@csrf_exempt
@never_cache
@require_http_methods(["POST", "OPTIONS"])
def ticket(request: HttpRequest) -> HttpResponse:
    """Answer ``{"ticket", "expires_in"}``, or 401 ``login_required`` to who is not signed in.

    403 for an origin that is not allowed, or for a signed-in user without the CSRF token.
    """
    verdict = judge_origin(request_scope(request))
    if verdict.trust is Trust.REFUSED:
        logger.warning(
            "ticket refused: the Origin is not in ALLOWED_ORIGINS or CSRF_TRUSTED_ORIGINS",
            extra={"origin": verdict.origin},
        )
        return _denial("forbidden", _("This site gives tickets to its own pages only."), 403)
    return _with_cors(_answer(request, verdict), verdict)


def _answer(request: HttpRequest, verdict: OriginVerdict) -> HttpResponse:
    if request.method == "OPTIONS":
        response = HttpResponse(status=204)
        response["Access-Control-Allow-Methods"] = "POST"
        response["Access-Control-Allow-Headers"] = "content-type, x-csrftoken"
        return response
    # A foreign page's cookies do not count.
    if verdict.trust is not Trust.OWN or not request.user.is_authenticated:
        return _denial("login_required", _("Sign in to get a ticket."), 401)
    refusal = TokenCheck(_issue).process_view(request, _issue, (), {})
    return refusal or _issue(request)


def _issue(request: HttpRequest) -> HttpResponse:
    try:
        key = issue_ticket(request.user, session_key=request.session.session_key)
    except Refused as refused:
        return _denial(refused.code, refused.message, 503)
    return JsonResponse({"ticket": key, "expires_in": TICKET_AGE_S})


def _denial(code: str, message: str, status: int) -> JsonResponse:
    return JsonResponse({"code": code, "message": message}, status=status)


def _with_cors(response: HttpResponse, verdict: OriginVerdict) -> HttpResponse:
    """Let the page read the answer; only an allowed one's cookies are let through."""
    patch_vary_headers(response, ["Origin"])
    if verdict.origin is None:
        return response
    response["Access-Control-Allow-Origin"] = verdict.origin
    if verdict.trust is Trust.OWN:
        response["Access-Control-Allow-Credentials"] = "true"
    return response
