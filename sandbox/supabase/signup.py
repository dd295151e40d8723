"""Sign-up, and the mails that may be asked for again: confirmation and recovery."""

from sandbox.supabase import captcha
from sandbox.supabase.errors import Refused, invalid, unexpected
from sandbox.supabase.mails import send_confirmation, send_recovery
from sandbox.supabase.state import Project
from sandbox.supabase.users import Record, User, check_address, check_strength, hashed, identity_of
from sandbox.supabase.wire import Call, Params

_RESENT = {"signup", "email_change", "sms", "phone_change"}


async def signup(call: Call) -> Record:
    """A user to be confirmed, or tokens when the project confirms by itself. A taken address gets a made-up user."""
    params, project = await call.params(), call.project
    captcha.check(call, params)
    address = _read(params, project)
    found = project.by_email(address)
    if found is None:
        user = await _arrive(call, params, address)
    elif found.email_confirmed_at is not None:
        return _taken(project, address, params.table("data") or {})
    else:  # nobody knows whose address it is: the first one's password and data stay
        user = found
        await _confirm(call, user)
    return call.sign_in(user, "password") if user.email_confirmed_at else user.as_json()


async def recover(call: Call) -> Record:
    params = await call.params()
    captcha.check(call, params)
    if not params.text("email"):
        raise invalid("Password recovery requires an email")
    user = call.project.by_email(check_address(params.text("email")))
    if user is not None:
        await send_recovery(call, user)
    return {}


async def resend(call: Call) -> Record:
    params = await call.params()
    captcha.check(call, params)
    kind, address = params.text("type"), params.text("email")
    if kind not in _RESENT:
        raise invalid("Missing one of these types: signup, email_change, sms, phone_change")
    if kind == "signup" and not address:
        raise invalid("Type provided requires an email address")
    if params.text("phone"):
        raise Refused(400, "phone_provider_disabled", "Phone logins are disabled")
    if not address:
        raise invalid(
            "Type provided requires a phone number" if kind == "sms" else "Missing email address or phone number"
        )
    user = call.project.by_email(check_address(address))
    if user is not None and kind == "signup" and user.email_confirmed_at is None:
        await send_confirmation(call, user)
    return {}


def new_user(project: Project, address: str, password: str, data: Record) -> User:
    """With its identity, not yet in the table."""
    now = project.now()
    user = User(project.new_id(), address, now, now, password=hashed(password, project.world.random.randbytes(16)))
    user.app_metadata = {"provider": "email", "providers": ["email"]}
    user.user_metadata = dict(data)
    user.identities = [identity_of(user, project.new_id(), data, now)]
    return user


def _read(params: Params, project: Project) -> str:
    """The address. Raises Refused for a sign-up that cannot be."""
    address, phone, password = (params.text(name) for name in ("email", "phone", "password"))
    if not address and not phone:
        raise Refused(422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled")
    if project.settings.disable_signup:
        raise Refused(422, "signup_disabled", "Signups not allowed for this instance")
    if not password:
        raise invalid("Signup requires a valid password")
    check_strength(password)
    if address and phone:
        raise invalid("Only an email address or phone number should be provided on signup.")
    if phone:
        raise Refused(400, "phone_provider_disabled", "Phone signups are disabled")
    return check_address(address)


async def _arrive(call: Call, params: Params, address: str) -> User:
    """In the table once the mail is on its way: when it cannot go, there is no user."""
    project = call.project
    if address in project.arriving:
        raise unexpected("Database error saving new user")
    project.arriving.add(address)
    try:
        user = new_user(project, address, params.text("password"), params.table("data") or {})
        await _confirm(call, user)
        project.add(user)
    finally:
        project.arriving.discard(address)
    return user


async def _confirm(call: Call, user: User) -> None:
    if call.project.settings.autoconfirm:
        user.confirm(call.project.now())
        call.project.touch(user)
    else:
        await send_confirmation(call, user)


def _taken(project: Project, address: str, data: Record) -> Record:
    """What a stranger would see for a free address, so that he learns nothing."""
    if project.settings.autoconfirm:
        raise Refused(422, "user_already_exists", "User already registered")
    now = project.now()
    fake = User(project.new_id(), address, now, now, role="", confirmation_sent_at=now, user_metadata=data)
    fake.app_metadata = {"provider": "email", "providers": ["email"]}
    return fake.as_json()
