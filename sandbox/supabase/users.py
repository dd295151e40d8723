"""Users as auth.users keeps them: as the API shows them, and as the table's row."""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.supabase.errors import SupabaseApiError, make_validation_error

TOKEN_AUDIENCE = "authenticated"  # noqa: S105
MAX_PASSWORD_BYTES = 72
"""Bytes of a password: bcrypt reads no more."""
MIN_PASSWORD_LENGTH = 6

_ADDRESS = re.compile(r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*")  # fmt: skip  # noqa: E501
_HASH = re.compile(r"\$2a\$10\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})")

Record = dict[str, Any]


@dataclass(slots=True)
class AuthUser:
    """`password` looks like bcrypt's hash (see `hash_password`); tokens are hashes of what was sent, "" for none."""

    id: str
    email: str
    created_at: datetime
    updated_at: datetime
    role: str = TOKEN_AUDIENCE
    password: str = ""
    email_confirmed_at: datetime | None = None
    confirmation_token: str = ""
    confirmation_sent_at: datetime | None = None
    recovery_token: str = ""
    recovery_sent_at: datetime | None = None
    email_change: str = ""
    """The new address while it is not confirmed."""
    email_change_token_current: str = ""
    email_change_token_new: str = ""
    email_change_sent_at: datetime | None = None
    email_change_confirm_status: int = 0
    """1 once one of the two addresses has been confirmed."""
    last_sign_in_at: datetime | None = None
    banned_until: datetime | None = None
    deleted_at: datetime | None = None
    app_metadata: Record = field(default_factory=dict)
    user_metadata: Record = field(default_factory=dict)
    identities: list[Record] = field(default_factory=list)

    def to_json(self) -> Record:
        """What the API answers; times that are not there are left out."""
        found: Record = {
            "id": self.id,
            "aud": TOKEN_AUDIENCE,
            "role": self.role,
            "email": self.email,
            "email_confirmed_at": _stamp(self.email_confirmed_at),
            "phone": "",
            "confirmation_sent_at": _stamp(self.confirmation_sent_at),
            "confirmed_at": _stamp(self.email_confirmed_at),
            "recovery_sent_at": _stamp(self.recovery_sent_at),
            "new_email": self.email_change or None,
            "email_change_sent_at": _stamp(self.email_change_sent_at),
            "last_sign_in_at": _stamp(self.last_sign_in_at),
            "app_metadata": dict(self.app_metadata),
            "user_metadata": dict(self.user_metadata),
            "identities": [dict(one) for one in self.identities],
            "created_at": _stamp(self.created_at),
            "updated_at": _stamp(self.updated_at),
            "banned_until": _stamp(self.banned_until),
            "deleted_at": _stamp(self.deleted_at),
            "is_anonymous": False,
        }
        return {name: value for name, value in found.items() if value is not None}

    def to_record(self) -> Record:
        """The row, every column of it: what a database webhook carries, the password's hash and tokens included."""
        return {
            "instance_id": "00000000-0000-0000-0000-000000000000",
            "id": self.id,
            "aud": TOKEN_AUDIENCE,
            "role": self.role,
            "email": self.email,
            "encrypted_password": self.password or None,
            "email_confirmed_at": _column(self.email_confirmed_at),
            "invited_at": None,
            "confirmation_token": self.confirmation_token,
            "confirmation_sent_at": _column(self.confirmation_sent_at),
            "recovery_token": self.recovery_token,
            "recovery_sent_at": _column(self.recovery_sent_at),
            "email_change_token_new": self.email_change_token_new,
            "email_change": self.email_change,
            "email_change_sent_at": _column(self.email_change_sent_at),
            "last_sign_in_at": _column(self.last_sign_in_at),
            "raw_app_meta_data": dict(self.app_metadata),
            "raw_user_meta_data": dict(self.user_metadata),
            "is_super_admin": None,
            "created_at": _column(self.created_at),
            "updated_at": _column(self.updated_at),
            "phone": None,
            "phone_confirmed_at": None,
            "phone_change": "",
            "phone_change_token": "",
            "phone_change_sent_at": None,
            "confirmed_at": _column(self.email_confirmed_at),
            "email_change_token_current": self.email_change_token_current,
            "email_change_confirm_status": self.email_change_confirm_status,
            "banned_until": _column(self.banned_until),
            "reauthentication_token": "",
            "reauthentication_sent_at": None,
            "is_sso_user": False,
            "deleted_at": _column(self.deleted_at),
            "is_anonymous": False,
        }

    def is_banned(self, now: datetime) -> bool:
        return self.banned_until is not None and now < self.banned_until

    def confirm_email(self, now: datetime) -> None:
        self.email_confirmed_at = now
        self.user_metadata["email_verified"] = True
        for one in self.identities:
            one["identity_data"]["email_verified"] = True
        self.spend_tokens()

    def change_email(self, now: datetime) -> None:
        """Both addresses have been confirmed."""
        self.email, self.email_change, self.email_change_confirm_status = self.email_change, "", 0
        for one in self.identities:
            one["email"] = one["identity_data"]["email"] = self.email
        self.user_metadata |= {"email": self.email} if "email" in self.user_metadata else {}
        self.confirm_email(now)

    def spend_tokens(self) -> None:
        self.confirmation_token = self.recovery_token = ""
        self.email_change_token_current = self.email_change_token_new = ""


def build_identity(user: AuthUser, ident: str, data: Record, now: datetime) -> Record:
    told = {"sub": user.id, "email": user.email, "email_verified": False, "phone_verified": False}
    return {
        "identity_id": ident,
        "id": user.id,
        "user_id": user.id,
        "identity_data": data | told,
        "provider": "email",
        "last_sign_in_at": _stamp(now),
        "created_at": _stamp(now),
        "updated_at": _stamp(now),
        "email": user.email,
    }


def merge_metadata(kept: Record, given: Record) -> None:
    """As GoTrue updates metadata: null removes a name."""
    for name, value in given.items():
        if value is None:
            kept.pop(name, None)
        else:
            kept[name] = value


def hash_password(password: str, salt: bytes) -> str:
    """In bcrypt's form, so that whoever keeps what he must not is found out; scrypt inside, at low cost."""
    mark = hashlib.scrypt(password.encode(), salt=salt, n=1 << 10, r=8, p=1, dklen=23)
    return "$2a$10$" + _base64(salt)[:22] + _base64(mark)[:31]


def matches_password(password: str, kept: str) -> bool:
    found = _HASH.fullmatch(kept)
    if found is None:
        return False
    salt = base64.b64decode(found[1].replace(".", "+") + "==")
    return hmac.compare_digest(hash_password(password, salt), kept)


def find_weakness(password: str) -> dict[str, Any] | None:
    """What is wrong with a password: `message` and `reasons`. Raises Refused for one that is too long to read."""
    if len(password.encode()) > MAX_PASSWORD_BYTES:
        raise make_validation_error(f"Password cannot be longer than {MAX_PASSWORD_BYTES} characters")
    if len(password.encode()) < MIN_PASSWORD_LENGTH:
        return {"message": f"Password should be at least {MIN_PASSWORD_LENGTH} characters.", "reasons": ["length"]}
    return None


def check_strength(password: str) -> None:
    """Raises Refused with weak_password and its reasons."""
    weak = find_weakness(password)
    if weak is not None:
        raise SupabaseApiError(422, "weak_password", weak["message"], weak_password={"reasons": weak["reasons"]})


def check_address(text: str) -> str:
    """In lower case. Raises Refused."""
    if not text:
        raise make_validation_error("An email address is required")
    if len(text) > 255:
        raise make_validation_error("An email address is too long")
    if _ADDRESS.fullmatch(text) is None:
        raise make_validation_error("Unable to validate email address: invalid format")
    return text.lower()


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=").replace("+", ".")


def _stamp(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if at else None


def _column(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="microseconds") if at else None
