"""One sandbox project: its settings, users, sessions and keys. Made anew after a reset."""

import hashlib
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sandbox.codec import TRANSIENT
from sandbox.state import Callback, SandboxState
from sandbox.supabase import webhook_signature
from sandbox.supabase.access_tokens import SigningKeys
from sandbox.supabase.errors import make_unexpected
from sandbox.supabase.sessions import AuthSession
from sandbox.supabase.users import TOKEN_AUDIENCE, AuthUser, Record
from sandbox.tables import TrackedTable

TOKEN_LIFE = 3600
"""Seconds that an access token is good for."""


@dataclass(slots=True)
class ProjectSettings:
    """What a project's owner sets in the dashboard; lives and waits in seconds."""

    autoconfirm: bool = False
    disable_signup: bool = False
    captcha: bool = False
    max_frequency: float = 60.0
    """Between two mails of one kind to one user."""
    emails_per_hour: int | None = None
    otp_life: float = 3600.0
    reuse_interval: float = 10.0
    """How long a spent refresh token still gets the current one."""
    send_email: bool = False
    """Whether mails are left to the send-email hook."""
    hub_templates: bool = False
    """Whether mails link to pages of the site itself, with the token, and not to the project's own /verify."""
    database: bool = False
    """Whether changes of auth.users are told by database webhooks."""
    hook_timeout: float = 5.0
    hook_backoff: float = 2.0

    def to_json(self) -> Record:
        return asdict(self)


@dataclass(slots=True)
class SupabaseProject:
    world: SandboxState = field(metadata=TRANSIENT)
    keys: SigningKeys
    settings: ProjectSettings = field(default_factory=ProjectSettings)
    users: TrackedTable[str, AuthUser] = field(default_factory=TrackedTable)
    sessions: TrackedTable[str, AuthSession] = field(default_factory=TrackedTable)
    pending_user_ids: set[str] = field(default_factory=set, metadata=TRANSIENT)
    """Addresses that are being signed up."""
    sent_mail_times: list[datetime] = field(default_factory=list)
    touched_user_ids: dict[str, None] = field(default_factory=dict)
    """Ids of users whose rows have changed and were not told yet, in order."""
    reported_rows: TrackedTable[str, Record] = field(default_factory=TrackedTable)
    """Each user's row as it was told last."""

    @property
    def url(self) -> str:
        return f"{self.world.config.public_base}/supabase/auth/v1"

    def current_time(self) -> datetime:
        return self.world.now()

    def new_id(self) -> str:
        return str(UUID(int=self.world.random.getrandbits(128), version=4))

    def new_one_time_password(self) -> str:
        return f"{self.world.random.randrange(10**6):06}"

    def find_by_email(self, address: str) -> AuthUser | None:
        return next((one for one in self.users.values() if one.email == address.lower()), None)

    def find_by_token(self, kind: str, mark: str) -> AuthUser | None:
        """`kind` is confirmation, recovery or email_change; `mark` is the hash that was sent."""
        names = [f"{kind}_token"]
        if kind == "email_change":
            names = ["email_change_token_current", "email_change_token_new"]
        return next(
            (user for user in self.users.values() if mark and mark in [getattr(user, name) for name in names]), None
        )

    def add_user(self, user: AuthUser) -> None:
        if self.find_by_email(user.email) is not None:
            raise make_unexpected("Database error saving new user")
        self.users[user.id] = user
        self.touched_user_ids[user.id] = None

    def touch_user(self, user: AuthUser) -> None:
        """A change of the row. One that is not in the table yet is told when it comes in."""
        user.updated_at = self.current_time()
        if self.users.get(user.id) is not None:
            self.touched_user_ids[user.id] = None

    def remove_user(self, user: AuthUser) -> None:
        del self.users[user.id]
        self.touched_user_ids[user.id] = None
        self.end_sessions(user)

    def end_sessions(self, user: AuthUser, but: AuthSession | None = None) -> None:
        gone = [one.id for one in self.sessions.values() if one.user_id == user.id and one is not but]
        for ident in gone:
            del self.sessions[ident]

    def open_session(self, user: AuthUser, method: str, user_agent: str, ip: str) -> AuthSession:
        now = self.current_time()
        session = AuthSession(
            self.new_id(), user.id, self.world.random.randbytes(32), now, method, user_agent, ip
        )  # fmt: skip
        self.sessions[session.id] = session
        user.last_sign_in_at = now
        self.touch_user(user)
        return session

    def grant_tokens(self, user: AuthUser, session: AuthSession) -> Record:
        """An access token, the session's refresh token and the user."""
        now = self.current_time()
        issued = int(now.timestamp())
        claims = {
            "iss": self.url,
            "sub": user.id,
            "aud": TOKEN_AUDIENCE,
            "exp": issued + TOKEN_LIFE,
            "iat": issued,
            "email": user.email,
            "phone": "",
            "app_metadata": user.app_metadata,
            "user_metadata": user.user_metadata,
            "role": user.role,
            "aal": "aal1",
            "amr": session.amr,
            "session_id": session.id,
            "is_anonymous": False,
        }
        return {
            "access_token": self.keys.sign_token(claims),
            "token_type": "bearer",
            "expires_in": TOKEN_LIFE,
            "expires_at": issued + TOKEN_LIFE,
            "refresh_token": session.refresh_token,
            "user": user.to_json(),
        }

    def is_expired(self, sent_at: datetime | None) -> bool:
        """Of what was sent in a mail."""
        return sent_at is None or self.current_time() > sent_at + timedelta(seconds=self.settings.otp_life)


def hash_token(address: str, otp: str) -> str:
    return hashlib.sha224((address + otp).encode()).hexdigest()


def get_supabase_project(world: SandboxState) -> SupabaseProject:
    return world.get_state("supabase", SupabaseProject)


def create_project(world: SandboxState) -> SupabaseProject:
    keys = SigningKeys(world.config.seed, world.config.supabase_jwt_secret)
    return SupabaseProject(world, keys, ProjectSettings(hub_templates=world.config.supabase_hub_templates))


def sign_callback(world: SandboxState, callback: Callback, at: datetime) -> dict[str, str]:
    return webhook_signature.build_headers(callback.message_id, callback.body, world.config.supabase_webhook_secret, at)
