"""How the operator's people come in and go out with a browser: a form of ours, or the way to an OpenID provider."""

import re
from typing import Any
from urllib.parse import urlencode, urlsplit

import structlog
from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from hub.core.context import bind_context
from hub.core.errors import Forbidden, HubError, ProviderError, TooManyRequests, Unauthenticated
from hub.people.identity import Caller, StaffAccounts, StaffSession, equals_in_constant_time
from routes.pages.account.accounts import MAX_FORM_BYTES, read_form
from routes.staff.schemas import StaffCredentials
from routes.web import html_pages
from routes.web.access import AccessGate
from routes.web.endpoint_api import ANYONE, REQUEST_CONTEXT, Call, get, post
from routes.web.problems import exception_to_response

log = structlog.get_logger(__name__)

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""
_LOGIN_LIFE = 600
_LOCAL = re.compile(r"/(?!/)[!-\[\]-~]{0,500}")
NO_STORE_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
_CREDENTIALS = TypeAdapter(StaffCredentials)


class StaffSignInPages:
    """`public_url` is how the world reaches the hub. `origins` are other places whose pages may act with the cookie.

    `home` is where a browser goes that has not said where it wanted to go.
    """

    def __init__(
        self, staff: StaffAccounts, public_url: str, *, origins: tuple[str, ...] = (), home: str = "/auth/signed-in"
    ) -> None:
        parts = urlsplit(public_url)
        self._staff = staff
        self._public_url = public_url
        self._ours = frozenset({f"{parts.scheme}://{parts.netloc}", *origins})
        self._home = home
        self._secure = parts.scheme == "https"
        prefix = "__Host-" if self._secure else ""
        self._session_cookie, self._login_cookie = f"{prefix}hub_staff", f"{prefix}hub_login"
        self.ticket_cookie = f"{prefix}hub_second_step"
        self._jinja = html_pages.create_template_environment()

    def install_pages(self, app: web.Application, gate: AccessGate) -> None:
        """Instead of `Api.add`: what goes wrong here is told to people, as a page."""
        html_pages.install_pages(app, gate, self, self.render_error_page)

    async def authenticate_cookie(self, request: web.Request) -> Caller | None:
        """For the gate: whose cookie it is, if it is anybody's.

        Raises Forbidden `csrf_failed` when something is to be changed and it is not certain that our page wants it.
        """
        caller = await self.find_caller(request)
        if caller is not None and request.method not in SAFE_METHODS:
            self.check_csrf(request, caller, request.headers.get("X-CSRF-Token", ""))
        return caller

    @get("/auth/login", permission=ANYONE, rate_limit="auth", hidden=True)
    async def begin(self, call: Call) -> web.Response:
        """`return_to` is where to go afterwards: a path of this host."""
        return_to = self.sanitize_return_path(call.request.query.get("return_to", ""))
        if self._staff.provider is None:
            return self.render_page("login", return_to=return_to, email="", error=None)
        url, sealed = await self._staff.begin_provider_sign_in(return_to)
        response = redirect_to(url)
        self.set_cookie(response, self._login_cookie, sealed, _LOGIN_LIFE)
        return response

    @post("/auth/login", permission=ANYONE, rate_limit="auth", max_body=MAX_FORM_BYTES, hidden=True)
    async def enter(self, call: Call, body: bytes) -> web.Response:
        """The form. A new session begins, and the one that the browser had ends."""
        self.check_origin(call.request)
        form = read_form(call.request, body)
        return_to = self.sanitize_return_path(form.get("return_to", ""))
        try:
            given = _CREDENTIALS.validate_python({name: form.get(name, "") for name in ("email", "password")})
            step = await self._staff.begin_sign_in(given.email, given.password)
        except (ValidationError, Unauthenticated, TooManyRequests) as error:
            return self._again(error, return_to, form.get("email", ""))
        if isinstance(step, StaffSession):
            return await self.start_browser_session(call, step, return_to)
        return self.redirect_to_second_factor(step.ticket, return_to, setup=step.needs_setup)

    def redirect_to_second_factor(self, ticket: str, return_to: str, *, setup: bool) -> web.Response:
        """Onwards to the second factor. The browser takes along whose password was right."""
        path = "/auth/second-factor-setup" if setup else "/auth/second-factor"
        response = redirect_to(f"{path}?{urlencode({'return_to': return_to})}")
        self.set_cookie(response, self.ticket_cookie, ticket, _LOGIN_LIFE)
        return response

    @get("/auth/callback", permission=ANYONE, rate_limit="auth", hidden=True)
    async def callback(self, call: Call) -> web.Response:
        """The way back from the OpenID provider."""
        query, sealed = call.request.query, call.request.cookies.get(self._login_cookie, "")
        if "error" in query:
            await self._staff.reject_provider_sign_in(query["error"], query.get("state", ""), sealed)
        session, return_to = await self._staff.finish_provider_sign_in(
            query.get("code", ""), query.get("state", ""), sealed
        )
        response = await self.start_browser_session(call, session, self.sanitize_return_path(return_to))
        self.set_cookie(response, self._login_cookie, "", 0)
        return response

    @post("/auth/logout", permission=ANYONE, max_body=MAX_FORM_BYTES, hidden=True)
    async def leave(self, call: Call, body: bytes) -> web.Response:
        """Ends the session here, and leads on to where the provider ends its own.

        To who accepts JSON the latter is only told, as `end_url`.
        """
        caller = await self.find_caller(call.request)
        if caller is None:
            return self._gone(call.request, None)
        token = call.request.headers.get("X-CSRF-Token", "")
        if not token and call.request.content_type == "application/x-www-form-urlencoded":
            token = read_form(call.request, body).get("csrf", "")
        self.check_csrf(call.request, caller, token)
        with bind_context(actor=f"staff:{caller.id}"):
            return self._gone(call.request, await self._end_url(await self._staff.end_session(caller)))

    @get("/auth/signed-in", permission=ANYONE, hidden=True)
    async def signed_in(self, call: Call) -> web.Response:
        """Who it is, and the way out."""
        caller = await self.find_caller(call.request)
        if caller is None:
            return redirect_to("/auth/login")
        return await self.render_member_page(caller)

    async def render_member_page(self, caller: Caller, status: int = 200, error: str | None = None) -> web.Response:
        """Who it is and the second factor, with `error` at its form."""
        member = await self._staff.members.find_member(caller.id)
        return self.render_page(
            "signed_in",
            status,
            member=member,
            roles=sorted(member.roles),
            csrf=self._staff.compute_csrf_token(caller),
            local=self._staff.provider is None,
            factor=await self._staff.second_factors.get_status(member.id),
            required=self._staff.second_factors.is_required(member),
            error=error,
        )

    @get("/auth/signed-out", permission=ANYONE, hidden=True)
    async def signed_out(self) -> web.Response:
        """The end."""
        return self.render_page("signed_out")

    async def find_caller(self, request: web.Request) -> Caller | None:
        """Whose session the browser's cookie is."""
        value = request.cookies.get(self._session_cookie)
        if not value:
            return None
        try:
            return await self._staff.authenticate_cookie(value)
        except Unauthenticated:
            return None

    def get_csrf_token(self, caller: Caller) -> str:
        """What a form of ours has to bring back."""
        return self._staff.compute_csrf_token(caller) if caller.session_id is not None else ""

    def check_csrf(self, request: web.Request, caller: Caller, token: str) -> None:
        """Raises Forbidden `csrf_failed`."""
        self.check_origin(request)
        if not equals_in_constant_time(token, self._staff.compute_csrf_token(caller)):
            raise Forbidden("The X-CSRF-Token is missing or not that of this session.", code="csrf_failed")

    def check_origin(self, request: web.Request) -> None:
        """Our own page, by what no page can make a browser say: Sec-Fetch-Site, or Origin where that is not sent."""
        if request.headers.get("Sec-Fetch-Site") == "same-origin":
            return
        origin = request.headers.get("Origin", "")
        if origin not in self._ours and origin not in {f"http://{request.host}", f"https://{request.host}"}:
            raise Forbidden("This was not sent by a page of ours.", code="csrf_failed")

    async def start_browser_session(self, call: Call, session: StaffSession, return_to: str) -> web.Response:
        before = await self.find_caller(call.request)
        if before is not None and before.session_id is not None:
            await self._staff.sessions.end_session(before.session_id, "replaced")
        response = redirect_to(return_to)
        seconds = int((session.expires_at - session.started_at).total_seconds())
        self.set_cookie(response, self._session_cookie, self._staff.sign_cookie(session), seconds)
        return response

    async def _end_url(self, id_token: str | None) -> str | None:
        try:
            return await self._staff.build_sign_out_url(id_token, f"{self._public_url}/auth/signed-out")
        except ProviderError as error:  # here the session has ended all the same
            log.warning("staff.end_url_missing", provider=error.provider, code=error.code)
            return None

    def _gone(self, request: web.Request, end_url: str | None) -> web.Response:
        """A page that leads on, and no redirect: browsers apply `form-action` to where a form is redirected to."""
        if "application/json" in request.headers.get("Accept", ""):
            response: web.Response = web.json_response({"end_url": end_url}, headers=NO_STORE_HEADERS)
        elif end_url is None:
            response = redirect_to("/auth/signed-out")
        else:
            response = self.render_page("leaving", end_url=end_url)
            response.headers["Refresh"] = f"0; url={end_url}"
        if self._session_cookie in request.cookies:  # else a foreign page could remove what it cannot have sent
            self.set_cookie(response, self._session_cookie, "", 0)
        return response

    def _again(self, error: Exception, return_to: str, email: str) -> web.Response:
        known = error if isinstance(error, HubError) else Unauthenticated(code="wrong_credentials")
        why = "The e-mail address or the password is wrong."
        if isinstance(known, TooManyRequests):
            why = "Too many attempts. Wait a while, then try again."
        page = self.render_page("login", known.status, return_to=return_to, email=email[:254], error=why)
        if known.retry_after is not None:
            page.headers["Retry-After"] = str(max(1, round(known.retry_after)))
        return page

    def sanitize_return_path(self, return_to: str) -> str:
        """A path of this host and nothing else: no scheme, no other host, nothing that a browser reads as one."""
        return return_to if _LOCAL.fullmatch(return_to) else self._home

    def set_cookie(self, response: web.Response, name: str, value: str, seconds: int) -> None:
        response.set_cookie(name, value, max_age=seconds, path="/", httponly=True, secure=self._secure, samesite="Lax")

    def render_page(self, name: str, status: int = 200, **facts: Any) -> web.Response:
        text = self._jinja.get_template(f"staff/{name}.html").render(status=status, **facts)
        return web.Response(text=text, status=status, content_type="text/html", headers=NO_STORE_HEADERS)

    def render_error_page(self, request: web.Request, error: Exception) -> web.Response:
        request_id = request[REQUEST_CONTEXT].request_id
        told = exception_to_response(error, request_id)
        if "application/json" in request.headers.get("Accept", ""):
            return told
        detail, code = (error.detail, error.code) if isinstance(error, HubError) else ("", "")
        root = html_pages.build_path_to_root(request)
        page = self.render_page("trouble", told.status, detail=detail, code=code, request_id=request_id, root=root)
        if "Retry-After" in told.headers:
            page.headers["Retry-After"] = told.headers["Retry-After"]
        return page


def redirect_to(url: str) -> web.Response:
    return web.Response(status=303, headers={**NO_STORE_HEADERS, "Location": url})
