"""`/admin/users`: what the holder of the service key may do."""

import base64
import hashlib
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

from yarl import URL

from sandbox.supabase.account import set_password
from sandbox.supabase.errors import Refused, invalid
from sandbox.supabase.signup import new_user
from sandbox.supabase.state import Project
from sandbox.supabase.users import AUDIENCE, LONGEST, Record, User, check_address, check_strength, merge
from sandbox.supabase.wire import Call, Params

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")
_LONGEST_BAN = timedelta(days=365 * 290)
"""What Go's durations hold."""
_METADATA = ("user_metadata", "app_metadata")
_DUPLICATE = "A user with this email address has already been registered"


async def listed(call: Call) -> Record:
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
    return {"users": [one.as_json() for one in rows[(page - 1) * size : page * size]], "aud": AUDIENCE}


async def show(call: Call) -> Record:
    return _user(call).as_json()


async def create(call: Call) -> Record:
    """No rule for the password here; without one the user has a random one."""
    call.require_admin()
    params, project = await call.params(), call.project
    if params.text("phone"):
        raise invalid("The sandbox knows no phone numbers.")
    if not params.text("email"):
        raise invalid("Cannot create a user without either an email or phone")
    address, password = check_address(params.text("email")), params.text("password")
    if project.by_email(address) is not None or address in project.arriving:
        raise Refused(422, "email_exists", _DUPLICATE)
    if params.has("password_hash"):
        raise invalid("The sandbox takes no foreign password hashes.")
    if len(password.encode()) > LONGEST:
        raise invalid(f"bcrypt: password length exceeds {LONGEST} bytes")
    user = new_user(project, address, password or project.new_id(), params.table("user_metadata") or {})
    user.id = user.identities[0]["id"] = user.identities[0]["user_id"] = _chosen_id(params, user.id)
    user.identities[0]["identity_data"]["sub"] = user.id
    _set(project, user, params)
    project.add(user)
    return user.as_json()


async def update(call: Call) -> Record:
    """A new password ends every session. All of it is done, or nothing when a part is wrong."""
    user = _user(call)
    params, project = await call.params(), call.project
    params.check(
        texts=("email", "phone", "password", "role", "ban_duration"), flags=("email_confirm",), tables=_METADATA
    )
    address, password = params.text("email") and check_address(params.text("email")), params.text("password")
    if params.has("password"):
        check_strength(password)
    if params.text("phone"):
        raise invalid("The sandbox knows no phone numbers.")
    if address and project.by_email(address) not in [None, user]:
        raise Refused(500, "unexpected_failure", "Error updating user")
    ban = _ban(params)
    if params.has("password"):
        set_password(project, user, password, None)
    if address:
        user.email = address
        for one in user.identities:
            one["email"] = address
            one["identity_data"] |= {"email": address, "email_verified": params.flag("email_confirm")}
    merge(user.user_metadata, params.table("user_metadata") or {})
    _set(project, user, params, ban)
    project.touch(user)
    return user.as_json()


async def delete(call: Call) -> Record:
    """Gone at once; with should_soft_delete the row stays, and nobody can be recognised in it."""
    user = _user(call)
    params = await call.params() if await call.request.read() else Params({})
    if not params.flag("should_soft_delete"):
        call.project.remove(user)
    elif user.deleted_at is None:
        _obscure(call.project, user)
    return {}


def _user(call: Call) -> User:
    """Raises Refused unless the caller may, and it is there."""
    call.require_admin()
    try:
        ident = str(UUID(call.request.match_info["id"]))
    except ValueError:
        raise Refused(404, "validation_failed", "user_id must be an UUID") from None
    user = call.project.users.get(ident)
    if user is None:
        raise Refused(404, "user_not_found", "User not found")
    return user


def _set(project: Project, user: User, params: Params, ban: timedelta | None = None) -> None:
    """What creation and change have in common."""
    ban = ban if ban is not None else _ban(params)
    user.role = params.text("role") or user.role
    merge(user.app_metadata, params.table("app_metadata") or {})
    if params.flag("email_confirm"):
        user.confirm(project.now())
    if ban is not None:
        user.banned_until = project.now() + ban if ban else None


def _ban(params: Params) -> timedelta | None:
    """A duration as Go writes it (`1h30m`); nothing for `none`."""
    text = params.text("ban_duration")
    if not text or text == "none":
        return timedelta() if text else None
    parts = _PART.findall(text)
    if "".join(number + unit for number, unit in parts) != text:
        raise invalid(f'invalid format for ban duration: time: invalid duration "{text}"')
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds > _LONGEST_BAN.total_seconds():
        raise invalid(f'invalid format for ban duration: time: invalid duration "{text}"')
    return timedelta(seconds=seconds)


def _chosen_id(params: Params, made: str) -> str:
    if not params.text("id"):
        return made
    try:
        found = UUID(params.text("id"))
    except ValueError:
        raise invalid("ID must conform to the uuid v4 format") from None
    if not found.int:
        raise invalid("ID cannot be a nil uuid")
    return str(found)


def _obscure(project: Project, user: User) -> None:
    user.email = _mark(user, user.email)
    user.password = ""
    user.spend_tokens()
    user.app_metadata, user.user_metadata = {}, {}
    for one in user.identities:
        one |= {"id": _mark(user, f"email:{one['id']}"), "identity_data": {}, "email": ""}
    user.deleted_at = project.now()
    project.end_sessions(user)
    project.touch(user)


def _mark(user: User, value: str) -> str:
    digest = hashlib.sha256((user.id + value).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _fits(user: User, wanted: str) -> bool:
    name: Any = user.user_metadata.get("full_name")
    return wanted in user.email or (isinstance(name, str) and wanted.lower() in name.lower())


def _positive(call: Call, name: str, usual: int) -> int:
    text = call.request.query.get(name, "")
    if text and not re.fullmatch(r"\d{1,18}", text, re.ASCII):
        raise invalid(f'Bad Pagination Parameters: strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text or 0) or usual


def _link(url: URL, page: int, name: str) -> str:
    return f'<{url.update_query(page=page)}>; rel="{name}"'
