"""`/token`: a password or a refresh token for an access token."""

from datetime import timedelta

from sandbox.supabase import captcha, sessions
from sandbox.supabase.errors import Refused, bad_credentials, invalid
from sandbox.supabase.sessions import RefreshToken, Session
from sandbox.supabase.state import Project
from sandbox.supabase.users import Record, matches, weakness
from sandbox.supabase.wire import Call


async def token(call: Call) -> Record:
    match call.request.query.get("grant_type"):
        case "password":
            return await _password(call)
        case "refresh_token":
            return await _refresh(call)
        case _:
            raise Refused(400, "invalid_credentials", "unsupported_grant_type")


async def _password(call: Call) -> Record:
    params, project = await call.params(), call.project
    captcha.check(call, params)
    address, phone, password = (params.text(name) for name in ("email", "phone", "password"))
    if address and phone:
        raise invalid("Only an email address or phone number should be provided on login.")
    if phone:
        raise Refused(422, "phone_provider_disabled", "Phone logins are disabled")
    if not address:
        raise invalid("missing email or phone")
    user = project.by_email(address)
    if user is None or not user.password:
        raise bad_credentials()
    if user.banned(project.now()):
        raise Refused(400, "user_banned", "User is banned")
    if not matches(password, user.password):
        raise bad_credentials()
    if user.email_confirmed_at is None:
        raise Refused(400, "email_not_confirmed", "Email not confirmed")
    weak = weakness(password)
    return call.sign_in(user, "password") | ({"weak_password": weak} if weak else {})


async def _refresh(call: Call) -> Record:
    params, project = await call.params(), call.project
    given = sessions.parse(params.text("refresh_token"))
    if given is None:
        raise invalid("Refresh token is not valid")
    session = project.sessions.get(given.session_id)
    if session is None or not given.is_of(session):
        raise Refused(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
    user = project.users[session.user_id]
    call.headers |= {"sb-auth-user-id": user.id, "sb-auth-session-id": session.id}
    if user.banned(project.now()):
        raise Refused(400, "user_banned", "Invalid Refresh Token: User Banned")
    _turn(project, session, given)
    call.headers["sb-auth-refresh-token-counter"] = str(session.counter)
    session.refreshed_at = project.now()
    session.user_agent, session.ip = call.request.headers.get("User-Agent", ""), call.ip
    return project.grant(user, session)


def _turn(project: Project, session: Session, given: RefreshToken) -> None:
    """Moves the session on. A token that was spent long ago ends it: whoever holds the newer one may be the thief."""
    if given.counter == session.counter:
        session.counter += 1
        return
    interval = timedelta(seconds=project.settings.reuse_interval)
    if not session.reusable(given.counter, project.now(), interval):
        del project.sessions[session.id]
        raise Refused(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
