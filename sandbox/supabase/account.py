"""What a signed-in user does with the own account: see it, change it, leave."""

from aiohttp import web

from sandbox.supabase.errors import Refused, invalid
from sandbox.supabase.mails import send_email_change
from sandbox.supabase.sessions import Session
from sandbox.supabase.state import Project
from sandbox.supabase.users import Record, User, check_address, check_strength, hashed, matches, merge
from sandbox.supabase.wire import Call


async def show(call: Call) -> Record:
    user, _ = call.signed_in()
    return user.as_json()


async def update(call: Call) -> Record:
    """A new password ends the other sessions. A new address comes into force when both have been confirmed."""
    user, session = call.signed_in()
    params, project = await call.params(), call.project
    address, password, data = params.text("email"), params.text("password"), params.table("data")
    new_address = check_address(address) if address else user.email
    if new_address != user.email and project.by_email(new_address) is not None:
        raise Refused(422, "email_exists", "A user with this email address has already been registered")
    if params.text("phone"):
        raise invalid("The sandbox knows no phone numbers.")
    if params.has("password"):
        check_strength(password)
    if params.table("app_metadata") is not None:
        raise Refused(403, "not_admin", "Updating app_metadata requires admin privileges")
    if params.has("password"):
        if matches(password, user.password):
            raise Refused(422, "same_password", "New password should be different from the old password.")
        set_password(project, user, password, session)
    merge(user.user_metadata, data or {})
    project.touch(user)
    if new_address != user.email:
        await send_email_change(call, user, new_address)
    return user.as_json()


async def logout(call: Call) -> web.Response:
    user, session = call.signed_in()
    scope = call.request.query.get("scope") or "global"
    if scope not in {"global", "local", "others"}:
        raise invalid(f'Unsupported logout scope "{scope}"')
    if scope == "global" or session is None:
        call.project.end_sessions(user)
    elif scope == "others":
        call.project.end_sessions(user, but=session)
    else:
        del call.project.sessions[session.id]
    return web.Response(status=204)


def set_password(project: Project, user: User, password: str, kept: Session | None) -> None:
    """Spends what mails have promised, and ends every session but the one that is kept."""
    user.password = hashed(password, project.world.random.randbytes(16))
    user.spend_tokens()
    user.confirmation_sent_at = user.recovery_sent_at = None
    project.end_sessions(user, but=kept)
