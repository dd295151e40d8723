"""Supabase Auth (GoTrue) behind its gateway: users, sessions, mails with links, hooks, and tokens under a JWKS."""

from aiohttp import web

from sandbox.supabase import account, admin, control, general, grants, signup, verify
from sandbox.supabase.hooks import Hooks
from sandbox.supabase.sessions import Session
from sandbox.supabase.signing import Key, Keyring
from sandbox.supabase.state import Settings, new_project, sign
from sandbox.supabase.users import User
from sandbox.supabase.wire import Endpoint, handler
from sandbox.world import Emulator, World

_ENDPOINTS: tuple[tuple[str, str, Endpoint], ...] = (
    ("POST", "signup", signup.signup),
    ("POST", "recover", signup.recover),
    ("POST", "resend", signup.resend),
    ("POST", "token", grants.token),
    ("POST", "verify", verify.by_app),
    ("GET", "verify", verify.by_link),
    ("POST", "logout", account.logout),
    ("GET", "user", account.show),
    ("PUT", "user", account.update),
    ("GET", "admin/users", admin.listed),
    ("POST", "admin/users", admin.create),
    ("GET", "admin/users/{id}", admin.show),
    ("PUT", "admin/users/{id}", admin.update),
    ("DELETE", "admin/users/{id}", admin.delete),
    ("GET", "health", general.health),
    ("GET", "settings", general.settings),
    ("GET", ".well-known/jwks.json", general.jwks),
)
_OPEN: tuple[Endpoint, ...] = (verify.by_link, general.jwks)
"""Reached without a key: by a click in a mail, and by whoever checks tokens."""
_EMULATOR = Emulator("supabase", new_project, (Key, Keyring, Session, Settings, User), sign=sign)


def setup(app: web.Application, world: World) -> None:
    world.register(_EMULATOR)
    hooks = Hooks()
    app.cleanup_ctx.append(hooks.running)
    for method, path, endpoint in _ENDPOINTS:
        handle = handler(world, hooks, endpoint, gated=endpoint not in _OPEN)
        app.router.add_route(method, f"/supabase/auth/v1/{path}", handle)
    control.setup(app, world)
