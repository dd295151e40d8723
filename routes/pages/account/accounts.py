"""Pages that the links in letters open, for products whose frontend has none of its own. They need no JavaScript."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

import structlog
from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from hub.core.errors import BadRequest, Conflict, Forbidden, Gone, HubError, InvalidRequest, NotFound, ProviderError
from hub.people.identity import Caller, SessionTokens, SignInResult
from routes.web import html_pages
from routes.web.access import AccessGate
from routes.web.endpoint_api import ANYONE, DEVICE_COOKIE, REQUEST_CONTEXT, Call, get, post
from routes.web.problems import exception_to_response
from routes.web.schemas import Email

log = structlog.get_logger(__name__)

MAX_FORM_BYTES = 8 * 1024
"""Bytes of a form."""
_LONGEST_EMAIL = 254
_LONGEST_TOKEN = 6000
"""Characters: an access token carries what its owner says of themselves."""
_MOST_FIELDS = 10
_DEVICE_LIFE = 400 * 24 * 3600
_EMAIL: TypeAdapter[str] = TypeAdapter(Email)

_CSP = (
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS = {
    "Content-Security-Policy": _CSP,
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
_LINK_HEADERS = {**PAGE_HEADERS, "Content-Security-Policy": f"{_CSP}; script-src 'self'"}
_DONE = frozenset({"verified", "reset", "sent", "half", "paid", "not_paid"})
_RESET_TYPES = frozenset({"recovery", "invite"})
_VERIFY_TYPES = frozenset({"signup", "email", "email_change"})
"""Types of links in the letters of Supabase."""


class AccountService(Protocol):
    """What these pages ask for; see hub/people/identity/accounts.py."""

    async def verify_email(
        self, token: str, *, device: str | None = None, password: str | None = None, registration: str | None = None
    ) -> SignInResult: ...

    async def reset_password(
        self, token: str, password: str, *, device: str | None = None, registration: str | None = None
    ) -> str: ...

    async def request_password_reset(self, email: str) -> None: ...

    async def resend_verification(self, email: str, *, registration: str | None = None) -> None: ...

    async def sign_out(self, caller: Caller, token: str) -> None: ...


class PageRoutes:
    """`public_url` is how the world reaches the hub, `home` where people go on from here (the frontend), if anywhere.

    Addresses inside the pages are relative, so that a proxy may put the hub under a path of its own.
    """

    def __init__(self, accounts: AccountService, public_url: str, home: str | None = None) -> None:
        self._accounts = accounts
        self._public_url = public_url
        self._home = home
        self._css = html_pages.get_static_path("account.css")
        self._script = html_pages.get_static_path("account_link.js")
        self._jinja = html_pages.create_template_environment()

    def install_pages(self, app: web.Application, gate: AccessGate) -> None:
        """Instead of `Api.add`: what goes wrong here is told to people, as a page."""
        html_pages.install_pages(app, gate, self, self._trouble)

    @get("/static/account.css", permission=ANYONE, hidden=True)
    async def style(self) -> web.FileResponse:
        """How the pages look."""
        return html_pages.serve_stylesheet(self._css)

    @get("/static/account_link.js", permission=ANYONE, hidden=True)
    async def script(self) -> web.FileResponse:
        """Hands over what stands in the address behind the `#`, which no server sees."""
        return html_pages.serve_script(self._script)

    @get("/account", permission=ANYONE, hidden=True)
    @get("/account/", permission=ANYONE, hidden=True)
    async def landing(self, call: Call) -> web.Response:
        """Where the links of Supabase's own letters end. A browser takes the fragment along."""
        target = "link" if call.request.path.endswith("/") else "account/link"
        query = call.request.query_string
        return web.Response(status=303, headers={**PAGE_HEADERS, "Location": f"{target}?{query}" if query else target})

    @get("/account/link", permission=ANYONE, hidden=True)
    async def link(self, call: Call) -> web.Response:
        """What a link of Supabase's own letters leads on to."""
        query = call.request.query
        if "token_hash" in query:
            page = "reset" if query.get("type") in _RESET_TYPES else "verify"
            return web.Response(
                status=303, headers={**PAGE_HEADERS, "Location": f"{page}?{urlencode({'token': query['token_hash']})}"}
            )
        return self._page("link", headers=_LINK_HEADERS, elsewhere="code" in query)

    @post("/account/link", permission=ANYONE, max_body=MAX_FORM_BYTES, hidden=True)
    async def follow_link(self, call: Call, body: bytes) -> web.Response:
        """The page for what stood in the fragment: nothing is changed before a button is pressed."""
        form = self._form(call, body)
        if form.get("error") or form.get("error_code"):
            return self._page("expired", Gone.status, again="either")
        kind = form.get("type", "")
        if form.get("message") and not form.get("access_token"):
            return _onwards("half")
        if kind in _RESET_TYPES:
            return self._page("reset", token=_token(form, "access_token"), error=None, differ=False)
        if kind in _VERIFY_TYPES:
            return self._page("verify", token=_token(form, "access_token"), choose=False, error=None)
        raise BadRequest("This link leads to nothing here.", code="bad_link")

    @get("/account/verify", permission=ANYONE, hidden=True)
    async def verify_form(self, call: Call) -> web.Response:
        """One button: programs that look through mail open links too, and must not use them up."""
        return self._page("verify", token=_token(call.request.query), choose=False, error=None)

    @post("/account/verify", permission=ANYONE, rate_limit="auth", max_body=MAX_FORM_BYTES, hidden=True)
    async def verify(self, call: Call, body: bytes) -> web.Response:
        """Confirms the address. Nobody here keeps the session that comes with it, so it ends at once."""
        form = self._form(call, body)
        token, password = _token(form), form.get("password")
        try:
            done = await self._accounts.verify_email(
                token, device=call.device_token, password=password, registration=call.registration_token
            )
        except InvalidRequest as error:
            return self._page("verify", 422, token=token, choose=True, error=_why(error))
        except Conflict as error:
            if error.code == "other_address_not_confirmed":
                return _onwards("half")
            if error.code != "password_required":
                raise
            return self._page("verify", error.status, token=token, choose=True, error=None)
        await self._end(done.tokens)
        return self._remembered(_onwards("verified"), done.device_token)

    @get("/account/reset", permission=ANYONE, hidden=True)
    async def reset_form(self, call: Call) -> web.Response:
        """A new password, twice."""
        return self._page("reset", token=_token(call.request.query), error=None, differ=False)

    @post("/account/reset", permission=ANYONE, rate_limit="auth", max_body=MAX_FORM_BYTES, hidden=True)
    async def reset(self, call: Call, body: bytes) -> web.Response:
        """Sets the password. One that will not do leaves the link good."""
        form = self._form(call, body)
        token, password = _token(form), form.get("password", "")
        if password != form.get("again", ""):
            error = "The two passwords are not the same."
            return self._page("reset", 422, token=token, error=error, differ=True)
        try:
            device = await self._accounts.reset_password(
                token, password, device=call.device_token, registration=call.registration_token
            )
        except InvalidRequest as error:
            return self._page("reset", 422, token=token, error=_why(error), differ=False)
        return self._remembered(_onwards("reset"), device)

    @get("/account/forgot", permission=ANYONE, hidden=True)
    async def forgot_form(self) -> web.Response:
        """For which address?"""
        return self._page("forgot", email="", error=None)

    @post("/account/forgot", permission=ANYONE, rate_limit="auth", max_body=MAX_FORM_BYTES, hidden=True)
    async def forgot(self, call: Call, body: bytes) -> web.Response:
        """The same answer for every address."""
        return await self._send("forgot", self._accounts.request_password_reset, self._form(call, body))

    @get("/account/resend", permission=ANYONE, hidden=True)
    async def resend_form(self) -> web.Response:
        """For which address?"""
        return self._page("resend", email="", error=None)

    @post("/account/resend", permission=ANYONE, rate_limit="auth", max_body=MAX_FORM_BYTES, hidden=True)
    async def resend(self, call: Call, body: bytes) -> web.Response:
        """The same answer for every address."""
        send = partial(self._accounts.resend_verification, registration=call.registration_token)
        return await self._send("resend", send, self._form(call, body))

    @get("/account/done", permission=ANYONE, hidden=True)
    async def done(self, call: Call) -> web.Response:
        """What has been done. A page of its own: to load it again does nothing again."""
        what = call.request.query.get("what", "")
        if what not in _DONE:
            raise NotFound
        return self._page("done", what=what)

    async def _end(self, grant: SessionTokens) -> None:
        try:
            await self._accounts.sign_out(Caller(grant.customer_id, grant.session_id), grant.access_token)
        except ProviderError as error:  # the address is confirmed all the same, and nobody has the session's tokens
            log.warning("session.end_failed", provider=error.provider, code=error.code)

    async def _send(self, name: str, send: Callable[[str], Awaitable[None]], form: Mapping[str, str]) -> web.Response:
        given = form.get("email", "").strip()
        try:
            email = _EMAIL.validate_python(given)
        except ValidationError:
            error = "This does not look like an e-mail address."
            return self._page(name, 422, email=given[:_LONGEST_EMAIL], error=error)
        await send(email)
        return _onwards("sent")

    def _trouble(self, request: web.Request, error: Exception) -> web.Response:
        request_id = request[REQUEST_CONTEXT].request_id
        told = exception_to_response(error, request_id)
        if isinstance(error, HubError) and (isinstance(error, Gone) or error.code == "token_expired"):
            again = "forgot" if request.path.endswith("reset") else "resend"
            return self._page("expired", Gone.status, again=again)
        detail = error.detail if isinstance(error, HubError) else ""
        page = self._page(
            "trouble", told.status, detail=detail, request_id=request_id, root=html_pages.build_path_to_root(request)
        )
        html_pages.copy_retry_after(told, page)
        return page

    def _page(
        self, name: str, status: int = 200, headers: Mapping[str, str] = PAGE_HEADERS, **facts: Any
    ) -> web.Response:
        text = self._jinja.get_template(f"{name}.html").render(home=self._home, status=status, **facts)
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)

    def _form(self, call: Call, body: bytes) -> dict[str, str]:
        if not is_own_page(call.request, self._public_url):
            raise Forbidden("This form was not sent from our own page.", code="foreign_origin")
        return read_form(call.request, body)

    def _remembered(self, response: web.Response, device: str) -> web.Response:
        """The browser is a known one from now on: its next sign-in is no news."""
        secure = self._public_url.startswith("https:")
        response.set_cookie(DEVICE_COOKIE, device, max_age=_DEVICE_LIFE, httponly=True, secure=secure, samesite="Lax")
        return response


def is_own_page(request: web.Request, public_url: str) -> bool:
    """Whether a form comes from a page of ours.

    Under `Referrer-Policy: no-referrer` browsers send `Origin: null` even to the page's own host; then
    `Sec-Fetch-Site` tells. A browser too old for that header passes with a null origin: the forms rest on no cookie,
    so nobody gains by having another's browser send them.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("Origin", "null")
    if origin == "null":
        return True
    try:
        given, ours = urlsplit(origin), urlsplit(public_url)
    except ValueError:
        return False
    return given.netloc.lower() == request.host.lower() or (given.scheme, given.netloc) == (ours.scheme, ours.netloc)


def read_form(request: web.Request, raw: bytes) -> dict[str, str]:
    """The fields of a posted form; of equal names the last. Raises BadRequest for anything else."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise BadRequest("This is no form.", code="not_a_form")
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise BadRequest("The form could not be read.", code="malformed_form") from error
    return dict(pairs)


def _token(fields: Mapping[str, str], name: str = "token") -> str:
    """Raises BadRequest for a link that has been cut off or mangled on its way."""
    token = fields.get(name, "").strip()
    if not token or len(token) > _LONGEST_TOKEN or not token.isascii() or not token.isprintable():
        raise BadRequest(
            "The link is not complete. Open it again from the message, or copy the whole of it.", code="bad_link"
        )
    return token


def _why(error: InvalidRequest) -> str:
    reasons = "; ".join(one.message for one in error.errors) or error.detail
    return f"Please choose another password: {reasons}."


def _onwards(what: str) -> web.Response:
    return web.Response(status=303, headers={**PAGE_HEADERS, "Location": f"done?what={what}"})
