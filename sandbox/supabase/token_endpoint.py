"""`/token`: a password or a refresh token for an access token."""

from datetime import timedelta

from sandbox.supabase import captcha_check, sessions
from sandbox.supabase.errors import SupabaseApiError, make_bad_credentials, make_validation_error
from sandbox.supabase.sessions import AuthSession, RefreshToken
from sandbox.supabase.state import SupabaseProject
from sandbox.supabase.users import Record, find_weakness, matches_password
from sandbox.supabase.wire import SupabaseCall


async def issue_token(call: SupabaseCall) -> Record:
    match call.request.query.get("grant_type"):
        case "password":
            return await _password(call)
        case "refresh_token":
            return await _refresh(call)
        case _:
            raise SupabaseApiError(400, "invalid_credentials", "unsupported_grant_type")


async def _password(call: SupabaseCall) -> Record:
    params, project = await call.read_params(), call.project
    captcha_check.check_captcha(call, params)
    address, phone, password = (params.read_text(name) for name in ("email", "phone", "password"))
    if address and phone:
        raise make_validation_error("Only an email address or phone number should be provided on login.")
    if phone:
        raise SupabaseApiError(422, "phone_provider_disabled", "Phone logins are disabled")
    if not address:
        raise make_validation_error("missing email or phone")
    user = project.find_by_email(address)
    if user is None or not user.password:
        raise make_bad_credentials()
    if user.is_banned(project.current_time()):
        raise SupabaseApiError(400, "user_banned", "User is banned")
    if not matches_password(password, user.password):
        raise make_bad_credentials()
    if user.email_confirmed_at is None:
        raise SupabaseApiError(400, "email_not_confirmed", "Email not confirmed")
    weak = find_weakness(password)
    return call.create_session(user, "password") | ({"weak_password": weak} if weak else {})


async def _refresh(call: SupabaseCall) -> Record:
    params, project = await call.read_params(), call.project
    given = sessions.parse_refresh_token(params.read_text("refresh_token"))
    if given is None:
        raise make_validation_error("Refresh token is not valid")
    session = project.sessions.get(given.session_id)
    if session is None or not given.is_signed_for(session):
        raise SupabaseApiError(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
    user = project.users[session.user_id]
    call.headers |= {"sb-auth-user-id": user.id, "sb-auth-session-id": session.id}
    if user.is_banned(project.current_time()):
        raise SupabaseApiError(400, "user_banned", "Invalid Refresh Token: User Banned")
    _turn(project, session, given)
    call.headers["sb-auth-refresh-token-counter"] = str(session.counter)
    session.refreshed_at = project.current_time()
    session.user_agent, session.ip = call.request.headers.get("User-Agent", ""), call.client_ip
    return project.grant_tokens(user, session)


def _turn(project: SupabaseProject, session: AuthSession, given: RefreshToken) -> None:
    """Moves the session on. A token that was spent long ago ends it: whoever holds the newer one may be the thief."""
    if given.counter == session.counter:
        session.counter += 1
        return
    interval = timedelta(seconds=project.settings.reuse_interval)
    if not session.is_reusable(given.counter, project.current_time(), interval):
        del project.sessions[session.id]
        raise SupabaseApiError(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
