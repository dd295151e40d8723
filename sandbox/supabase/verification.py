"""`/verify`: the token of a mail for a session, by the app (POST) or by the link itself (GET)."""

from typing import Literal
from urllib.parse import urlencode

from aiohttp import web

from sandbox.supabase.errors import SupabaseApiError, make_validation_error
from sandbox.supabase.state import SupabaseProject, hash_token
from sandbox.supabase.users import AuthUser, Record, check_address
from sandbox.supabase.wire import RequestParams, SupabaseCall

TokenKind = Literal["confirmation", "recovery", "email_change"]

_KINDS: dict[str, tuple[TokenKind, ...]] = {
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


async def verify_by_app(call: SupabaseCall) -> Record:
    params = await call.read_params()
    kind, token, mark = (params.read_text(name) for name in ("type", "token", "token_hash"))
    if not kind:
        raise make_validation_error("Verify requires a verification type")
    if bool(token) == bool(mark):
        raise make_validation_error("Verify requires either a token or a token hash")
    user = _by_hash(call.project, kind, mark) if mark else _by_otp(call.project, kind, params)
    if mark and (params.read_text("email") or params.read_text("phone") or params.read_text("redirect_to")):
        raise make_validation_error("Only the token_hash and type should be provided")
    granted = _proven(call, user, mark)
    return {"msg": _HALF, "code": "200"} if granted is None else granted


async def verify_by_link(call: SupabaseCall) -> web.Response:
    """Back to the site, with the tokens or the error in the fragment, where no server sees them."""
    query = call.request.query
    if not query.get("type"):
        raise make_validation_error("Verify requires a verification type")
    if not query.get("token"):
        raise make_validation_error("Verify requires a token or a token hash")
    try:
        granted = _proven(call, _by_hash(call.project, query["type"], query["token"]), query["token"])
    except SupabaseApiError as error:
        fragment = {"error_code": error.code, "error_description": str(error), "sb": ""}
        if error.status in _OAUTH:
            fragment["error"] = _OAUTH[error.status]
    else:
        if granted is None:
            return _back(call, {"message": _HALF, "sb": ""})
        names = ("access_token", "expires_at", "expires_in", "refresh_token", "token_type")
        fragment = {name: str(granted[name]) for name in names} | {"sb": "", "type": query["type"]}
    return _back(call, fragment)


def _back(call: SupabaseCall, fragment: dict[str, str]) -> web.Response:
    target = f"{call.redirect_target.partition('#')[0]}#{urlencode(sorted(fragment.items()))}"
    return web.Response(status=303, headers={"Location": target})


def _by_hash(project: SupabaseProject, kind: str, mark: str) -> tuple[AuthUser, TokenKind]:
    if kind not in _KINDS:
        raise make_validation_error("Invalid email verification type")
    for name in _KINDS[kind]:
        user = project.find_by_token(name, mark)
        if user is not None:
            return _fresh(project, user, name, "Email link is invalid or has expired")
    raise SupabaseApiError(403, "otp_expired", "Email link is invalid or has expired")


def _by_otp(project: SupabaseProject, kind: str, params: RequestParams) -> tuple[AuthUser, TokenKind]:
    why = "Token has expired or is invalid"
    if bool(params.read_text("email")) == bool(params.read_text("phone")):
        raise make_validation_error("Only an email address or phone number should be provided on verify")
    if params.read_text("phone"):  # no user here has one
        raise SupabaseApiError(403, "otp_expired", why)
    try:
        address = check_address(params.read_text("email"))
    except SupabaseApiError:
        raise SupabaseApiError(422, "validation_failed", "Invalid email format") from None
    mark = hash_token(address, params.read_text("token"))
    for name in _KINDS.get(kind, ()):
        user = project.find_by_token(name, mark)
        if user is not None:
            return _fresh(project, user, name, why)
    raise SupabaseApiError(403, "otp_expired", why)


def _fresh(project: SupabaseProject, user: AuthUser, kind: TokenKind, why: str) -> tuple[AuthUser, TokenKind]:
    """Raises Refused when the user may not come in, or the mail is too old."""
    if user.is_banned(project.current_time()):
        raise SupabaseApiError(403, "user_banned", "User is banned")
    if project.is_expired(getattr(user, f"{kind}_sent_at")):
        raise SupabaseApiError(403, "otp_expired", why)
    return user, kind


def _proven(call: SupabaseCall, found: tuple[AuthUser, TokenKind], mark: str) -> Record | None:
    """Whoever has read the mail owns the address, whichever mail it was. Every token sent to it is spent.

    None: a change of the address, confirmed by the first of its two letters.
    """
    user, kind = found
    if kind == "email_change":
        if user.email_change_confirm_status == 0:
            user.email_change_confirm_status = 1
            is_new = mark == user.email_change_token_new
            setattr(user, f"email_change_token_{'new' if is_new else 'current'}", "")
            call.project.touch_user(user)
            return None
        user.change_email(call.project.current_time())
        call.project.touch_user(user)
        return call.create_session(user, "otp")
    user.spend_tokens()
    if kind == "confirmation" or user.email_confirmed_at is None:
        user.confirm_email(call.project.current_time())
    return call.create_session(user, "otp")
