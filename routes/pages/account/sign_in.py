"""Signing in with a browser on the hub's own pages, to open what is private: a trip plan.

The session's access token is kept in a cookie that is sent to the pages of plans alone, and lives as long as the
token: nothing can be changed with it.
"""

from typing import Protocol
from urllib.parse import urlsplit
from uuid import UUID

from aiohttp import web

from hub.core.errors import Forbidden, HubError, NotFound, TooManyRequests, Unauthenticated
from hub.people.identity import SignInResult
from routes.pages.account.accounts import MAX_FORM_BYTES, PAGE_HEADERS, is_own_page, read_form
from routes.web import html_pages
from routes.web.access import AccessGate
from routes.web.endpoint_api import ANYONE, DEVICE_COOKIE, PLANS_COOKIE, REQUEST_CONTEXT, Call, get, post
from routes.web.problems import exception_to_response

_DEVICE_LIFE = 400 * 24 * 3600
_LONGEST_EMAIL = 254


class SignInService(Protocol):
    """See hub/people/identity/accounts.py."""

    async def sign_in(self, email: str, password: str, *, code: str | None, device: str | None) -> SignInResult: ...


def build_plans_cookie(token: str, seconds: int, public_url: str) -> str:
    """The value of `Set-Cookie`: the access token, for the pages of plans alone."""
    address = urlsplit(public_url)
    secure = "; Secure" if address.scheme == "https" else ""
    path = f"{address.path.rstrip('/')}/plan"
    return f"{PLANS_COOKIE}={token}; Max-Age={seconds}; Path={path}; HttpOnly; SameSite=Lax{secure}"


class SignInPage:
    """`public_url` is how the world reaches the hub. Addresses inside the page are relative."""

    def __init__(self, accounts: SignInService, public_url: str) -> None:
        self._accounts = accounts
        self._public_url = public_url
        self._jinja = html_pages.create_template_environment()

    def install_pages(self, app: web.Application, gate: AccessGate) -> None:
        """Instead of `Api.add`: what goes wrong here is told to people, as a page."""
        html_pages.install_pages(app, gate, self, self._trouble)

    @get("/account/sign-in", permission=ANYONE, hidden=True)
    async def form(self, call: Call) -> web.Response:
        """For whose plan? `plan` is its id."""
        return self._page(_plan(call.request.query.get("plan", "")))

    @post("/account/sign-in", permission=ANYONE, rate_limit="auth", max_body=MAX_FORM_BYTES, hidden=True)
    async def sign_in(self, call: Call, body: bytes) -> web.Response:
        """Signs in and goes on to the plan."""
        if not is_own_page(call.request, self._public_url):
            raise Forbidden("This form was not sent from our own page.", code="foreign_origin")
        form = read_form(call.request, body)
        plan, email = _plan(form.get("plan", "")), form.get("email", "").strip().lower()
        code = form.get("code", "").strip() or None
        try:
            signed_in = await self._accounts.sign_in(
                email, form.get("password", ""), code=code, device=call.device_token
            )
        except (Unauthenticated, Forbidden, TooManyRequests) as error:
            second = error.code.startswith("second_factor") or code is not None
            return self._page(plan, error.status, email=email[:_LONGEST_EMAIL], error=error.detail, second=second)
        response = web.Response(status=303, headers={**PAGE_HEADERS, "Location": f"../plan/{plan}"})
        grant = signed_in.tokens
        response.headers.add("Set-Cookie", build_plans_cookie(grant.access_token, grant.expires_in, self._public_url))
        secure = self._public_url.startswith("https:")
        response.set_cookie(
            DEVICE_COOKIE, signed_in.device_token, max_age=_DEVICE_LIFE, httponly=True, secure=secure, samesite="Lax"
        )
        return response

    def _trouble(self, request: web.Request, error: Exception) -> web.Response:
        request_id = request[REQUEST_CONTEXT].request_id
        problem = exception_to_response(error, request_id)
        detail = error.detail if isinstance(error, HubError) else ""
        text = self._jinja.get_template("trouble.html").render(
            home=None,
            status=problem.status,
            detail=detail,
            request_id=request_id,
            root=html_pages.build_path_to_root(request),
        )
        response = web.Response(text=text, status=problem.status, content_type="text/html", headers=PAGE_HEADERS)
        html_pages.copy_retry_after(problem, response)
        return response

    def _page(
        self, plan: UUID, status: int = 200, *, email: str = "", error: str | None = None, second: bool = False
    ) -> web.Response:
        text = self._jinja.get_template("sign_in.html").render(plan=plan, email=email, error=error, second=second)
        return web.Response(text=text, status=status, content_type="text/html", headers=PAGE_HEADERS)


def _plan(text: str) -> UUID:
    """Raises NotFound for what is no id of a plan."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(code="plan_not_found") from None
