"""Supabase Auth (GoTrue) behind its gateway: users, sessions, mails with links, hooks, and tokens under a JWKS."""

from aiohttp import web

from sandbox.state import Emulator, SandboxState
from sandbox.supabase import admin, control, project_info, signup, token_endpoint, user_account, verification
from sandbox.supabase.access_tokens import SigningKey, SigningKeys
from sandbox.supabase.hooks import HookCaller
from sandbox.supabase.sessions import AuthSession
from sandbox.supabase.state import ProjectSettings, create_project, sign_callback
from sandbox.supabase.users import AuthUser
from sandbox.supabase.wire import Endpoint, api_handler

_ENDPOINTS: tuple[tuple[str, str, Endpoint], ...] = (
    ("POST", "signup", signup.sign_up),
    ("POST", "recover", signup.recover_account),
    ("POST", "resend", signup.resend_email),
    ("POST", "token", token_endpoint.issue_token),
    ("POST", "verify", verification.verify_by_app),
    ("GET", "verify", verification.verify_by_link),
    ("POST", "logout", user_account.log_out),
    ("GET", "user", user_account.show_user),
    ("PUT", "user", user_account.update_user),
    ("GET", "admin/users", admin.list_users),
    ("POST", "admin/users", admin.create_user),
    ("GET", "admin/users/{id}", admin.show_user),
    ("PUT", "admin/users/{id}", admin.update_user),
    ("DELETE", "admin/users/{id}", admin.delete_user),
    ("GET", "health", project_info.show_health),
    ("GET", "settings", project_info.show_settings),
    ("GET", ".well-known/jwks.json", project_info.show_jwks),
)
_OPEN: tuple[Endpoint, ...] = (verification.verify_by_link, project_info.show_jwks)
"""Reached without a key: by a click in a mail, and by whoever checks tokens."""
_EMULATOR = Emulator(
    "supabase",
    create_project,
    (SigningKey, SigningKeys, AuthSession, ProjectSettings, AuthUser),
    sign_callback=sign_callback,
)


def setup(app: web.Application, world: SandboxState) -> None:
    world.register_emulator(_EMULATOR)
    hooks = HookCaller()
    app.cleanup_ctx.append(hooks.run_session)
    for method, path, endpoint in _ENDPOINTS:
        handle = api_handler(world, hooks, endpoint, gated=endpoint not in _OPEN)
        app.router.add_route(method, f"/supabase/auth/v1/{path}", handle)
    control.setup(app, world)
