"""`/verify`: the token of a mail for a session, by the app (POST) or by the link itself (GET)."""

from typing import Literal
from urllib.parse import urlencode

from aiohttp import web

from sandbox.supabase.errors import Refused, invalid
from sandbox.supabase.state import Project, token_hash
from sandbox.supabase.users import Record, User, check_address
from sandbox.supabase.wire import Call, Params

Kind = Literal["confirmation", "recovery", "email_change"]

_KINDS: dict[str, tuple[Kind, ...]] = {
    "signup": ("confirmation",),
    "invite": ("confirmation",),
    "recovery": ("recovery",),
    "magiclink": ("recovery",),
    "email": ("confirmation", "recovery"),
    "email_change": ("email_change",),
}
_OAUTH = {
    400: "invalid_request",
    401: "unauthorized_client",
    403: "access_denied",
    500: "server_error",
    503: "temporarily_unavailable",
}
_HALF = "Confirmation link accepted. Please proceed to confirm link sent to the other email"


async def by_app(call: Call) -> Record:
    params = await call.params()
    kind, token, mark = (params.text(name) for name in ("type", "token", "token_hash"))
    if not kind:
        raise invalid("Verify requires a verification type")
    if bool(token) == bool(mark):
        raise invalid("Verify requires either a token or a token hash")
    user = _by_hash(call.project, kind, mark) if mark else _by_otp(call.project, kind, params)
    if mark and (params.text("email") or params.text("phone") or params.text("redirect_to")):
        raise invalid("Only the token_hash and type should be provided")
    granted = _proven(call, user, mark)
    return {"msg": _HALF, "code": "200"} if granted is None else granted


async def by_link(call: Call) -> web.Response:
    """Back to the site, with the tokens or the error in the fragment, where no server sees them."""
    query = call.request.query
    if not query.get("type"):
        raise invalid("Verify requires a verification type")
    if not query.get("token"):
        raise invalid("Verify requires a token or a token hash")
    try:
        granted = _proven(call, _by_hash(call.project, query["type"], query["token"]), query["token"])
    except Refused as error:
        fragment = {"error_code": error.code, "error_description": str(error), "sb": ""}
        if error.status in _OAUTH:
            fragment["error"] = _OAUTH[error.status]
    else:
        if granted is None:
            return _back(call, {"message": _HALF, "sb": ""})
        names = ("access_token", "expires_at", "expires_in", "refresh_token", "token_type")
        fragment = {name: str(granted[name]) for name in names} | {"sb": "", "type": query["type"]}
    return _back(call, fragment)


def _back(call: Call, fragment: dict[str, str]) -> web.Response:
    target = f"{call.redirect_to.partition('#')[0]}#{urlencode(sorted(fragment.items()))}"
    return web.Response(status=303, headers={"Location": target})


def _by_hash(project: Project, kind: str, mark: str) -> tuple[User, Kind]:
    if kind not in _KINDS:
        raise invalid("Invalid email verification type")
    for name in _KINDS[kind]:
        user = project.by_token(name, mark)
        if user is not None:
            return _fresh(project, user, name, "Email link is invalid or has expired")
    raise Refused(403, "otp_expired", "Email link is invalid or has expired")


def _by_otp(project: Project, kind: str, params: Params) -> tuple[User, Kind]:
    why = "Token has expired or is invalid"
    if bool(params.text("email")) == bool(params.text("phone")):
        raise invalid("Only an email address or phone number should be provided on verify")
    if params.text("phone"):  # no user here has one
        raise Refused(403, "otp_expired", why)
    try:
        address = check_address(params.text("email"))
    except Refused:
        raise Refused(422, "validation_failed", "Invalid email format") from None
    mark = token_hash(address, params.text("token"))
    for name in _KINDS.get(kind, ()):
        user = project.by_token(name, mark)
        if user is not None:
            return _fresh(project, user, name, why)
    raise Refused(403, "otp_expired", why)


def _fresh(project: Project, user: User, kind: Kind, why: str) -> tuple[User, Kind]:
    """Raises Refused when the user may not come in, or the mail is too old."""
    if user.banned(project.now()):
        raise Refused(403, "user_banned", "User is banned")
    if project.expired(getattr(user, f"{kind}_sent_at")):
        raise Refused(403, "otp_expired", why)
    return user, kind


def _proven(call: Call, found: tuple[User, Kind], mark: str) -> Record | None:
    """Whoever has read the mail owns the address, whichever mail it was. Every token sent to it is spent.

    None: a change of the address, confirmed by the first of its two letters.
    """
    user, kind = found
    if kind == "email_change":
        if user.email_change_confirm_status == 0:
            user.email_change_confirm_status = 1
            is_new = mark == user.email_change_token_new
            setattr(user, f"email_change_token_{'new' if is_new else 'current'}", "")
            call.project.touch(user)
            return None
        user.change_email(call.project.now())
        call.project.touch(user)
        return call.sign_in(user, "otp")
    user.spend_tokens()
    if kind == "confirmation" or user.email_confirmed_at is None:
        user.confirm(call.project.now())
    return call.sign_in(user, "otp")
