"""What a signed-in user does with the own account: see it, change it, leave."""

from aiohttp import web

from sandbox.supabase.auth_emails import send_email_change
from sandbox.supabase.errors import SupabaseApiError, make_validation_error
from sandbox.supabase.sessions import AuthSession
from sandbox.supabase.state import SupabaseProject
from sandbox.supabase.users import (
    AuthUser,
    Record,
    check_address,
    check_strength,
    hash_password,
    matches_password,
    merge_metadata,
)
from sandbox.supabase.wire import SupabaseCall


async def show_user(call: SupabaseCall) -> Record:
    user, _ = call.require_user()
    return user.to_json()


async def update_user(call: SupabaseCall) -> Record:
    """A new password ends the other sessions. A new address comes into force when both have been confirmed."""
    user, session = call.require_user()
    params, project = await call.read_params(), call.project
    address, password, data = params.read_text("email"), params.read_text("password"), params.read_table("data")
    new_address = check_address(address) if address else user.email
    if new_address != user.email and project.find_by_email(new_address) is not None:
        raise SupabaseApiError(422, "email_exists", "A user with this email address has already been registered")
    if params.read_text("phone"):
        raise make_validation_error("The sandbox knows no phone numbers.")
    if params.has_param("password"):
        check_strength(password)
    if params.read_table("app_metadata") is not None:
        raise SupabaseApiError(403, "not_admin", "Updating app_metadata requires admin privileges")
    if params.has_param("password"):
        if matches_password(password, user.password):
            raise SupabaseApiError(422, "same_password", "New password should be different from the old password.")
        set_password(project, user, password, session)
    merge_metadata(user.user_metadata, data or {})
    project.touch_user(user)
    if new_address != user.email:
        await send_email_change(call, user, new_address)
    return user.to_json()


async def log_out(call: SupabaseCall) -> web.Response:
    user, session = call.require_user()
    scope = call.request.query.get("scope") or "global"
    if scope not in {"global", "local", "others"}:
        raise make_validation_error(f'Unsupported logout scope "{scope}"')
    if scope == "global" or session is None:
        call.project.end_sessions(user)
    elif scope == "others":
        call.project.end_sessions(user, but=session)
    else:
        del call.project.sessions[session.id]
    return web.Response(status=204)


def set_password(project: SupabaseProject, user: AuthUser, password: str, kept: AuthSession | None) -> None:
    """Spends what mails have promised, and ends every session but the one that is kept."""
    user.password = hash_password(password, project.world.random.randbytes(16))
    user.spend_tokens()
    user.confirmation_sent_at = user.recovery_sent_at = None
    project.end_sessions(user, but=kept)
