"""`/admin/users`: what the holder of the service key may do."""

import base64
import hashlib
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

from yarl import URL

from sandbox.supabase.errors import SupabaseApiError, make_validation_error
from sandbox.supabase.signup import build_user
from sandbox.supabase.state import SupabaseProject
from sandbox.supabase.user_account import set_password
from sandbox.supabase.users import (
    MAX_PASSWORD_BYTES,
    TOKEN_AUDIENCE,
    AuthUser,
    Record,
    check_address,
    check_strength,
    merge_metadata,
)
from sandbox.supabase.wire import RequestParams, SupabaseCall

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")
_LONGEST_BAN = timedelta(days=365 * 290)
"""What Go's durations hold."""
_METADATA = ("user_metadata", "app_metadata")
_DUPLICATE = "A user with this email address has already been registered"


async def list_users(call: SupabaseCall) -> Record:
    """The newest first, by pages that are counted from 1."""
    call.require_admin()
    page, size = _positive(call, "page", 1), _positive(call, "per_page", 50)
    wanted = call.request.query.get("filter", "")
    rows = [one for one in reversed(call.project.users.values()) if _fits(one, wanted)]
    rows.sort(key=lambda one: one.created_at, reverse=True)
    last = -(-len(rows) // size)
    links = [("next", page + 1)] if last > page else []
    url = call.request.rel_url
    call.headers["Link"] = ", ".join(_link(url, number, name) for name, number in [*links, ("last", last)])
    call.headers["X-Total-Count"] = str(len(rows))
    return {"users": [one.to_json() for one in rows[(page - 1) * size : page * size]], "aud": TOKEN_AUDIENCE}


async def show_user(call: SupabaseCall) -> Record:
    return _user(call).to_json()


async def create_user(call: SupabaseCall) -> Record:
    """No rule for the password here; without one the user has a random one."""
    call.require_admin()
    params, project = await call.read_params(), call.project
    if params.read_text("phone"):
        raise make_validation_error("The sandbox knows no phone numbers.")
    if not params.read_text("email"):
        raise make_validation_error("Cannot create a user without either an email or phone")
    address, password = check_address(params.read_text("email")), params.read_text("password")
    if project.find_by_email(address) is not None or address in project.pending_user_ids:
        raise SupabaseApiError(422, "email_exists", _DUPLICATE)
    if params.has_param("password_hash"):
        raise make_validation_error("The sandbox takes no foreign password hashes.")
    if len(password.encode()) > MAX_PASSWORD_BYTES:
        raise make_validation_error(f"bcrypt: password length exceeds {MAX_PASSWORD_BYTES} bytes")
    user = build_user(project, address, password or project.new_id(), params.read_table("user_metadata") or {})
    user.id = user.identities[0]["id"] = user.identities[0]["user_id"] = _chosen_id(params, user.id)
    user.identities[0]["identity_data"]["sub"] = user.id
    _set(project, user, params)
    project.add_user(user)
    return user.to_json()


async def update_user(call: SupabaseCall) -> Record:
    """A new password ends every session. All of it is done, or nothing when a part is wrong."""
    user = _user(call)
    params, project = await call.read_params(), call.project
    params.check_types(
        texts=("email", "phone", "password", "role", "ban_duration"), flags=("email_confirm",), tables=_METADATA
    )
    address, password = (
        params.read_text("email") and check_address(params.read_text("email")),
        params.read_text("password"),
    )
    if params.has_param("password"):
        check_strength(password)
    if params.read_text("phone"):
        raise make_validation_error("The sandbox knows no phone numbers.")
    if address and project.find_by_email(address) not in [None, user]:
        raise SupabaseApiError(500, "unexpected_failure", "Error updating user")
    ban = _ban(params)
    if params.has_param("password"):
        set_password(project, user, password, None)
    if address:
        user.email = address
        for one in user.identities:
            one["email"] = address
            one["identity_data"] |= {"email": address, "email_verified": params.read_flag("email_confirm")}
    merge_metadata(user.user_metadata, params.read_table("user_metadata") or {})
    _set(project, user, params, ban)
    project.touch_user(user)
    return user.to_json()


async def delete_user(call: SupabaseCall) -> Record:
    """Gone at once; with should_soft_delete the row stays, and nobody can be recognised in it."""
    user = _user(call)
    params = await call.read_params() if await call.request.read() else RequestParams({})
    if not params.read_flag("should_soft_delete"):
        call.project.remove_user(user)
    elif user.deleted_at is None:
        _obscure(call.project, user)
    return {}


def _user(call: SupabaseCall) -> AuthUser:
    """Raises Refused unless the caller may, and it is there."""
    call.require_admin()
    try:
        ident = str(UUID(call.request.match_info["id"]))
    except ValueError:
        raise SupabaseApiError(404, "validation_failed", "user_id must be an UUID") from None
    user = call.project.users.get(ident)
    if user is None:
        raise SupabaseApiError(404, "user_not_found", "User not found")
    return user


def _set(project: SupabaseProject, user: AuthUser, params: RequestParams, ban: timedelta | None = None) -> None:
    """What creation and change have in common."""
    ban = ban if ban is not None else _ban(params)
    user.role = params.read_text("role") or user.role
    merge_metadata(user.app_metadata, params.read_table("app_metadata") or {})
    if params.read_flag("email_confirm"):
        user.confirm_email(project.current_time())
    if ban is not None:
        user.banned_until = project.current_time() + ban if ban else None


def _ban(params: RequestParams) -> timedelta | None:
    """A duration as Go writes it (`1h30m`); nothing for `none`."""
    text = params.read_text("ban_duration")
    if not text or text == "none":
        return timedelta() if text else None
    parts = _PART.findall(text)
    if "".join(number + unit for number, unit in parts) != text:
        raise make_validation_error(f'invalid format for ban duration: time: invalid duration "{text}"')
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds > _LONGEST_BAN.total_seconds():
        raise make_validation_error(f'invalid format for ban duration: time: invalid duration "{text}"')
    return timedelta(seconds=seconds)


def _chosen_id(params: RequestParams, made: str) -> str:
    if not params.read_text("id"):
        return made
    try:
        found = UUID(params.read_text("id"))
    except ValueError:
        raise make_validation_error("ID must conform to the uuid v4 format") from None
    if not found.int:
        raise make_validation_error("ID cannot be a nil uuid")
    return str(found)


def _obscure(project: SupabaseProject, user: AuthUser) -> None:
    user.email = _mark(user, user.email)
    user.password = ""
    user.spend_tokens()
    user.app_metadata, user.user_metadata = {}, {}
    for one in user.identities:
        one |= {"id": _mark(user, f"email:{one['id']}"), "identity_data": {}, "email": ""}
    user.deleted_at = project.current_time()
    project.end_sessions(user)
    project.touch_user(user)


def _mark(user: AuthUser, value: str) -> str:
    digest = hashlib.sha256((user.id + value).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _fits(user: AuthUser, wanted: str) -> bool:
    name: Any = user.user_metadata.get("full_name")
    return wanted in user.email or (isinstance(name, str) and wanted.lower() in name.lower())


def _positive(call: SupabaseCall, name: str, usual: int) -> int:
    text = call.request.query.get(name, "")
    if text and not re.fullmatch(r"\d{1,18}", text, re.ASCII):
        raise make_validation_error(f'Bad Pagination Parameters: strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text or 0) or usual


def _link(url: URL, page: int, name: str) -> str:
    return f'<{url.update_query(page=page)}>; rel="{name}"'
