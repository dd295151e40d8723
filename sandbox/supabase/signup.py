"""Sign-up, and the mails that may be asked for again: confirmation and recovery."""

from sandbox.supabase import captcha_check
from sandbox.supabase.auth_emails import send_confirmation, send_recovery
from sandbox.supabase.errors import SupabaseApiError, make_unexpected, make_validation_error
from sandbox.supabase.state import SupabaseProject
from sandbox.supabase.users import AuthUser, Record, build_identity, check_address, check_strength, hash_password
from sandbox.supabase.wire import RequestParams, SupabaseCall

_RESENT = {"signup", "email_change", "sms", "phone_change"}


async def sign_up(call: SupabaseCall) -> Record:
    """A user to be confirmed, or tokens when the project confirms by itself. A taken address gets a made-up user."""
    params, project = await call.read_params(), call.project
    captcha_check.check_captcha(call, params)
    address = _read(params, project)
    found = project.find_by_email(address)
    if found is None:
        user = await _arrive(call, params, address)
    elif found.email_confirmed_at is not None:
        return _taken(project, address, params.read_table("data") or {})
    else:  # nobody knows whose address it is: the first one's password and data stay
        user = found
        await _confirm(call, user)
    return call.create_session(user, "password") if user.email_confirmed_at else user.to_json()


async def recover_account(call: SupabaseCall) -> Record:
    params = await call.read_params()
    captcha_check.check_captcha(call, params)
    if not params.read_text("email"):
        raise make_validation_error("Password recovery requires an email")
    user = call.project.find_by_email(check_address(params.read_text("email")))
    if user is not None:
        await send_recovery(call, user)
    return {}


async def resend_email(call: SupabaseCall) -> Record:
    params = await call.read_params()
    captcha_check.check_captcha(call, params)
    kind, address = params.read_text("type"), params.read_text("email")
    if kind not in _RESENT:
        raise make_validation_error("Missing one of these types: signup, email_change, sms, phone_change")
    if kind == "signup" and not address:
        raise make_validation_error("Type provided requires an email address")
    if params.read_text("phone"):
        raise SupabaseApiError(400, "phone_provider_disabled", "Phone logins are disabled")
    if not address:
        raise make_validation_error(
            "Type provided requires a phone number" if kind == "sms" else "Missing email address or phone number"
        )
    user = call.project.find_by_email(check_address(address))
    if user is not None and kind == "signup" and user.email_confirmed_at is None:
        await send_confirmation(call, user)
    return {}


def build_user(project: SupabaseProject, address: str, password: str, data: Record) -> AuthUser:
    """With its identity, not yet in the table."""
    now = project.current_time()
    user = AuthUser(
        project.new_id(), address, now, now, password=hash_password(password, project.world.random.randbytes(16))
    )
    user.app_metadata = {"provider": "email", "providers": ["email"]}
    user.user_metadata = dict(data)
    user.identities = [build_identity(user, project.new_id(), data, now)]
    return user


def _read(params: RequestParams, project: SupabaseProject) -> str:
    """The address. Raises Refused for a sign-up that cannot be."""
    address, phone, password = (params.read_text(name) for name in ("email", "phone", "password"))
    if not address and not phone:
        raise SupabaseApiError(422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled")
    if project.settings.disable_signup:
        raise SupabaseApiError(422, "signup_disabled", "Signups not allowed for this instance")
    if not password:
        raise make_validation_error("Signup requires a valid password")
    check_strength(password)
    if address and phone:
        raise make_validation_error("Only an email address or phone number should be provided on signup.")
    if phone:
        raise SupabaseApiError(400, "phone_provider_disabled", "Phone signups are disabled")
    return check_address(address)


async def _arrive(call: SupabaseCall, params: RequestParams, address: str) -> AuthUser:
    """In the table once the mail is on its way: when it cannot go, there is no user."""
    project = call.project
    if address in project.pending_user_ids:
        raise make_unexpected("Database error saving new user")
    project.pending_user_ids.add(address)
    try:
        user = build_user(project, address, params.read_text("password"), params.read_table("data") or {})
        await _confirm(call, user)
        project.add_user(user)
    finally:
        project.pending_user_ids.discard(address)
    return user


async def _confirm(call: SupabaseCall, user: AuthUser) -> None:
    if call.project.settings.autoconfirm:
        user.confirm_email(call.project.current_time())
        call.project.touch_user(user)
    else:
        await send_confirmation(call, user)


def _taken(project: SupabaseProject, address: str, data: Record) -> Record:
    """What a stranger would see for a free address, so that he learns nothing."""
    if project.settings.autoconfirm:
        raise SupabaseApiError(422, "user_already_exists", "User already registered")
    now = project.current_time()
    fake = AuthUser(project.new_id(), address, now, now, role="", confirmation_sent_at=now, user_metadata=data)
    fake.app_metadata = {"provider": "email", "providers": ["email"]}
    return fake.to_json()
