"""The second factor of staff with a password here: entered after the password, set up, renewed, turned off."""

import base64
from collections.abc import Mapping

from aiohttp import web

from hub.core.context import bind_context
from hub.core.errors import Conflict, Forbidden, HubError, TooManyRequests, Unauthenticated
from hub.people.identity import Caller, StaffAccounts, StaffMember
from routes.pages.account.accounts import MAX_FORM_BYTES, read_form
from routes.pages.console.sign_in import StaffSignInPages, redirect_to
from routes.web import html_pages
from routes.web.access import AccessGate
from routes.web.endpoint_api import ANYONE, Call, get, post

_LONGEST_CODE = 20
_WRONG = "The code is wrong, or has been used. Wait for the next one."


class StaffSecondFactorPages:
    def __init__(self, staff: StaffAccounts, door: StaffSignInPages) -> None:
        self._staff = staff
        self._door = door

    def install_pages(self, app: web.Application, gate: AccessGate) -> None:
        """Instead of `Api.add`: errors are shown as pages."""
        html_pages.install_pages(app, gate, self, self._door.render_error_page)

    @get("/auth/second-factor", permission=ANYONE, hidden=True)
    async def ask(self, call: Call) -> web.Response:
        """The code, after the password."""
        if not self._ticket(call):
            return redirect_to("/auth/login")
        return self._door.render_page("second_factor", return_to=self._return_to(call.request.query), error=None)

    @post("/auth/second-factor", permission=ANYONE, rate_limit="auth", max_body=MAX_FORM_BYTES, hidden=True)
    async def enter(self, call: Call, body: bytes) -> web.Response:
        """A right code signs in."""
        form = self._form(call, body)
        return_to = self._return_to(form)
        try:
            session = await self._staff.sign_in_with_ticket(self._ticket(call), _code(form))
        except (Unauthenticated, TooManyRequests) as error:
            return self._again("second_factor", error, return_to)
        return self._without_ticket(await self._door.start_browser_session(call, session, return_to))

    @get("/auth/second-factor-setup", permission=ANYONE, hidden=True)
    async def show_setup(self, call: Call) -> web.Response:
        """What goes into an authenticator app, and a field for its first code."""
        if not self._ticket(call):
            return redirect_to("/auth/login")
        member = await self._staff.second_factors.find_ticket_member(self._ticket(call))
        return await self._setup_page(member, self._return_to(call.request.query))

    @post("/auth/second-factor-setup", permission=ANYONE, rate_limit="auth", max_body=MAX_FORM_BYTES, hidden=True)
    async def set_up(self, call: Call, body: bytes) -> web.Response:
        """A first code turns it on and signs in. The recovery codes are shown this once."""
        form = self._form(call, body)
        ticket, return_to = self._ticket(call), self._return_to(form)
        try:
            session, codes = await self._staff.set_up_factor_with_ticket(ticket, _code(form))
        except (Forbidden, Conflict, TooManyRequests) as error:
            if error.code in {"staff_disabled", "second_factor_on"}:
                raise
            member = await self._staff.second_factors.find_ticket_member(ticket)
            return await self._setup_page(member, return_to, error)
        welcome = await self._door.start_browser_session(call, session, return_to)
        page = self._door.render_page("recovery_codes", codes=codes, return_to=return_to)
        page.cookies.update(welcome.cookies)
        return self._without_ticket(page)

    @post("/auth/second-factor-begin", permission=ANYONE, rate_limit="auth", max_body=MAX_FORM_BYTES, hidden=True)
    async def begin(self, call: Call, body: bytes) -> web.Response:
        """Somebody who is signed in sets it up: the password first."""
        caller, form = await self._member(call, body)
        member = await self._staff.members.find_member(caller.id)
        try:
            row = await self._staff.check_password(member.email, form.get("password", ""))
        except (Unauthenticated, TooManyRequests) as error:
            return await self._door.render_member_page(caller, error.status, _why(error, "The password is wrong."))
        return self._door.redirect_to_second_factor(
            self._staff.second_factors.issue_ticket(row), "/auth/signed-in", setup=True
        )

    @post("/auth/second-factor-codes", permission=ANYONE, rate_limit="auth", max_body=MAX_FORM_BYTES, hidden=True)
    async def renew(self, call: Call, body: bytes) -> web.Response:
        """New recovery codes; the old ones are void."""
        caller, form = await self._member(call, body)
        member = await self._staff.members.find_member(caller.id)
        try:
            codes = await self._staff.second_factors.renew_recovery_codes(member, _code(form))
        except (Forbidden, Conflict, TooManyRequests) as error:
            return await self._door.render_member_page(caller, error.status, _why(error))
        return self._door.render_page("recovery_codes", codes=codes, return_to="/auth/signed-in")

    @post("/auth/second-factor-off", permission=ANYONE, rate_limit="auth", max_body=MAX_FORM_BYTES, hidden=True)
    async def turn_off(self, call: Call, body: bytes) -> web.Response:
        """For roles that need none."""
        caller, form = await self._member(call, body)
        member = await self._staff.members.find_member(caller.id)
        try:
            with bind_context(actor=f"staff:{caller.id}"):
                await self._staff.second_factors.turn_off_factor(member, _code(form))
        except (Forbidden, Conflict, TooManyRequests) as error:
            return await self._door.render_member_page(caller, error.status, _why(error))
        return redirect_to("/auth/signed-in")

    async def _member(self, call: Call, body: bytes) -> tuple[Caller, dict[str, str]]:
        """Who is signed in, and the form. Raises Unauthenticated, Forbidden `csrf_failed`."""
        caller = await self._door.find_caller(call.request)
        if caller is None:
            raise Unauthenticated("This session has ended; sign in again.", code="session_ended")
        form = read_form(call.request, body)
        self._door.check_csrf(call.request, caller, form.get("csrf", ""))
        return caller, form

    async def _setup_page(
        self, member: StaffMember, return_to: str, error: Forbidden | Conflict | TooManyRequests | None = None
    ) -> web.Response:
        enrollment = await self._staff.second_factors.get_or_begin_enrollment(member)
        picture = base64.b64encode(enrollment.qr_svg.encode()).decode()
        return self._door.render_page(
            "second_factor_setup",
            error.status if error else 200,
            secret=" ".join(enrollment.secret[at : at + 4] for at in range(0, len(enrollment.secret), 4)),
            picture=f"data:image/svg+xml;base64,{picture}",
            return_to=return_to,
            error=_why(error) if error else None,
        )

    def _again(self, page: str, error: Unauthenticated | TooManyRequests, return_to: str) -> web.Response:
        if error.code == "login_expired":
            raise error
        return self._door.render_page(page, error.status, return_to=return_to, error=_why(error))

    def _form(self, call: Call, body: bytes) -> dict[str, str]:
        self._door.check_origin(call.request)
        return read_form(call.request, body)

    def _return_to(self, fields: Mapping[str, str]) -> str:
        return self._door.sanitize_return_path(fields.get("return_to", ""))

    def _ticket(self, call: Call) -> str:
        return call.request.cookies.get(self._door.ticket_cookie, "")

    def _without_ticket(self, response: web.Response) -> web.Response:
        self._door.set_cookie(response, self._door.ticket_cookie, "", 0)
        return response


def _code(form: dict[str, str]) -> str:
    return form.get("code", "").strip()[:_LONGEST_CODE] or "-"


def _why(error: HubError, wrong: str = _WRONG) -> str:
    if isinstance(error, TooManyRequests):
        return "Too many attempts. Wait a while, then try again."
    return error.detail if isinstance(error, Conflict) else wrong
