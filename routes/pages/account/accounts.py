"""Pages that the links in letters open, for products whose frontend has none of its own. They need no JavaScript."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

import structlog
from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from hub.core.errors import BadRequest, Conflict, Forbidden, Gone, HubError, Invalid, NotFound, ProviderError
from hub.people.identity import Caller, Grant, SignedIn
from routes.web import html_pages
from routes.web.access import Gate
from routes.web.endpoint_api import ANYONE, DEVICE_COOKIE, VISIT, Call, get, post
from routes.web.problems import from_exception
from routes.web.schemas import Email

log = structlog.get_logger(__name__)

LARGEST = 8 * 1024
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
HEADERS = {
    "Content-Security-Policy": _CSP,
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
_LINK_HEADERS = {**HEADERS, "Content-Security-Policy": f"{_CSP}; script-src 'self'"}
_DONE = frozenset({"verified", "reset", "sent", "half", "paid", "not_paid"})
_RESET_TYPES = frozenset({"recovery", "invite"})
_VERIFY_TYPES = frozenset({"signup", "email", "email_change"})
"""Types of links in the letters of Supabase."""


class Accounts(Protocol):
    """What these pages ask for; see hub/people/identity/accounts.py."""

    async def verify_email(
        self, token: str, *, device: str | None = None, password: str | None = None, registration: str | None = None
    ) -> SignedIn: ...

    async def reset_password(
        self, token: str, password: str, *, device: str | None = None, registration: str | None = None
    ) -> str: ...

    async def forgot_password(self, email: str) -> None: ...

    async def resend_verification(self, email: str, *, registration: str | None = None) -> None: ...

    async def logout(self, caller: Caller, token: str) -> None: ...


class PageRoutes:
    """`public_url` is how the world reaches the hub, `home` where people go on from here (the frontend), if anywhere.

    Addresses inside the pages are relative, so that a proxy may put the hub under a path of its own.
    """

    def __init__(self, accounts: Accounts, public_url: str, home: str | None = None) -> None:
        self._accounts = accounts
        self._public_url = public_url
        self._home = home
        self._css = html_pages.static_file("account.css")
        self._script = html_pages.static_file("account_link.js")
        self._jinja = html_pages.templates()

    def install(self, app: web.Application, gate: Gate) -> None:
        """Instead of `Api.add`: what goes wrong here is told to people, as a page."""
        html_pages.install(app, gate, self, self._trouble)

    @get("/static/account.css", who=ANYONE, hidden=True)
    async def style(self) -> web.FileResponse:
        """How the pages look."""
        return html_pages.styled(self._css)

    @get("/static/account_link.js", who=ANYONE, hidden=True)
    async def script(self) -> web.FileResponse:
        """Hands over what stands in the address behind the `#`, which no server sees."""
        return html_pages.scripted(self._script)

    @get("/account", who=ANYONE, hidden=True)
    @get("/account/", who=ANYONE, hidden=True)
    async def landing(self, call: Call) -> web.Response:
        """Where the links of Supabase's own letters end. A browser takes the fragment along."""
        target = "link" if call.request.path.endswith("/") else "account/link"
        query = call.request.query_string
        return web.Response(status=303, headers={**HEADERS, "Location": f"{target}?{query}" if query else target})

    @get("/account/link", who=ANYONE, hidden=True)
    async def link(self, call: Call) -> web.Response:
        """What a link of Supabase's own letters leads on to."""
        query = call.request.query
        if "token_hash" in query:
            page = "reset" if query.get("type") in _RESET_TYPES else "verify"
            return web.Response(
                status=303, headers={**HEADERS, "Location": f"{page}?{urlencode({'token': query['token_hash']})}"}
            )
        return self._page("link", headers=_LINK_HEADERS, elsewhere="code" in query)

    @post("/account/link", who=ANYONE, max_body=LARGEST, hidden=True)
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

    @get("/account/verify", who=ANYONE, hidden=True)
    async def verify_form(self, call: Call) -> web.Response:
        """One button: programs that look through mail open links too, and must not use them up."""
        return self._page("verify", token=_token(call.request.query), choose=False, error=None)

    @post("/account/verify", who=ANYONE, limit="auth", max_body=LARGEST, hidden=True)
    async def verify(self, call: Call, body: bytes) -> web.Response:
        """Confirms the address. Nobody here keeps the session that comes with it, so it ends at once."""
        form = self._form(call, body)
        token, password = _token(form), form.get("password")
        try:
            done = await self._accounts.verify_email(
                token, device=call.device, password=password, registration=call.registration
            )
        except Invalid as error:
            return self._page("verify", 422, token=token, choose=True, error=_why(error))
        except Conflict as error:
            if error.code == "other_address_not_confirmed":
                return _onwards("half")
            if error.code != "password_required":
                raise
            return self._page("verify", error.status, token=token, choose=True, error=None)
        await self._end(done.grant)
        return self._remembered(_onwards("verified"), done.device_token)

    @get("/account/reset", who=ANYONE, hidden=True)
    async def reset_form(self, call: Call) -> web.Response:
        """A new password, twice."""
        return self._page("reset", token=_token(call.request.query), error=None, differ=False)

    @post("/account/reset", who=ANYONE, limit="auth", max_body=LARGEST, hidden=True)
    async def reset(self, call: Call, body: bytes) -> web.Response:
        """Sets the password. One that will not do leaves the link good."""
        form = self._form(call, body)
        token, password = _token(form), form.get("password", "")
        if password != form.get("again", ""):
            error = "The two passwords are not the same."
            return self._page("reset", 422, token=token, error=error, differ=True)
        try:
            device = await self._accounts.reset_password(
                token, password, device=call.device, registration=call.registration
            )
        except Invalid as error:
            return self._page("reset", 422, token=token, error=_why(error), differ=False)
        return self._remembered(_onwards("reset"), device)

    @get("/account/forgot", who=ANYONE, hidden=True)
    async def forgot_form(self) -> web.Response:
        """For which address?"""
        return self._page("forgot", email="", error=None)

    @post("/account/forgot", who=ANYONE, limit="auth", max_body=LARGEST, hidden=True)
    async def forgot(self, call: Call, body: bytes) -> web.Response:
        """The same answer for every address."""
        return await self._send("forgot", self._accounts.forgot_password, self._form(call, body))

    @get("/account/resend", who=ANYONE, hidden=True)
    async def resend_form(self) -> web.Response:
        """For which address?"""
        return self._page("resend", email="", error=None)

    @post("/account/resend", who=ANYONE, limit="auth", max_body=LARGEST, hidden=True)
    async def resend(self, call: Call, body: bytes) -> web.Response:
        """The same answer for every address."""
        send = partial(self._accounts.resend_verification, registration=call.registration)
        return await self._send("resend", send, self._form(call, body))

    @get("/account/done", who=ANYONE, hidden=True)
    async def done(self, call: Call) -> web.Response:
        """What has been done. A page of its own: to load it again does nothing again."""
        what = call.request.query.get("what", "")
        if what not in _DONE:
            raise NotFound
        return self._page("done", what=what)

    async def _end(self, grant: Grant) -> None:
        try:
            await self._accounts.logout(Caller(grant.customer_id, grant.session_id), grant.token)
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
        request_id = request[VISIT].request_id
        told = from_exception(error, request_id)
        if isinstance(error, HubError) and (isinstance(error, Gone) or error.code == "token_expired"):
            again = "forgot" if request.path.endswith("reset") else "resend"
            return self._page("expired", Gone.status, again=again)
        detail = error.detail if isinstance(error, HubError) else ""
        page = self._page(
            "trouble", told.status, detail=detail, request_id=request_id, root=html_pages.path_to_root(request)
        )
        html_pages.keep_retry_after(told, page)
        return page

    def _page(self, name: str, status: int = 200, headers: Mapping[str, str] = HEADERS, **facts: Any) -> web.Response:
        text = self._jinja.get_template(f"{name}.html").render(home=self._home, status=status, **facts)
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)

    def _form(self, call: Call, body: bytes) -> dict[str, str]:
        if not own_page(call.request, self._public_url):
            raise Forbidden("This form was not sent from our own page.", code="foreign_origin")
        return read_form(call.request, body)

    def _remembered(self, response: web.Response, device: str) -> web.Response:
        """The browser is a known one from now on: its next sign-in is no news."""
        secure = self._public_url.startswith("https:")
        response.set_cookie(DEVICE_COOKIE, device, max_age=_DEVICE_LIFE, httponly=True, secure=secure, samesite="Lax")
        return response


def own_page(request: web.Request, public_url: str) -> bool:
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


def _why(error: Invalid) -> str:
    reasons = "; ".join(one.message for one in error.errors) or error.detail
    return f"Please choose another password: {reasons}."


def _onwards(what: str) -> web.Response:
    return web.Response(status=303, headers={**HEADERS, "Location": f"done?what={what}"})
