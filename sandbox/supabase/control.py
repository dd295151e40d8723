"""What the sandbox adds to Supabase at /_/supabase/: looking in, and what the owner does in the dashboard."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.control_input import InvalidControlInput, is_number_between, is_whole_number, read_input
from sandbox.state import SandboxState
from sandbox.supabase.access_tokens import ALGORITHMS
from sandbox.supabase.state import ProjectSettings, SupabaseProject, get_supabase_project
from sandbox.supabase.users import Record

_HOOKS = ("send_email", "database")
_LONGEST = 10 * 365 * 86400
"""Seconds that a setting may be."""

ControlAction = Callable[[SupabaseProject, Record], Record]


def setup(app: web.Application, world: SandboxState) -> None:
    app.router.add_get("/_/supabase/users", _look(world, lambda it: [one.to_json() for one in it.users.values()]))
    app.router.add_get("/_/supabase/sessions", _look(world, lambda it: [one.to_json() for one in it.sessions.values()]))
    app.router.add_get("/_/supabase/settings", _look(world, lambda it: it.settings.to_json()))
    app.router.add_post("/_/supabase/settings", _act(world, _settle))
    app.router.add_post("/_/supabase/hooks", _act(world, _hook))
    app.router.add_post("/_/supabase/rotate", _act(world, _rotate))
    app.router.add_post("/_/supabase/signing", _act(world, _sign))


def _look(
    world: SandboxState, seen: Callable[[SupabaseProject], Any]
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def look(_: web.Request) -> web.Response:
        return web.json_response(seen(get_supabase_project(world)))

    return look


def _act(world: SandboxState, act: ControlAction) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            return web.json_response(act(get_supabase_project(world), await read_input(request)))
        except InvalidControlInput as error:
            return error.to_response()

    return handle


def _settle(project: SupabaseProject, wish: Record) -> Record:
    """Any of Settings by name; all of them, or none when one is wrong."""
    usual = ProjectSettings().to_json()
    for name, value in wish.items():
        if name not in usual:
            raise InvalidControlInput(name, f"is not one of {', '.join(usual)}")
        if name == "emails_per_hour":
            if value is not None and not is_whole_number(value):
                raise InvalidControlInput(name, "must be a whole number from 0, or null")
        elif isinstance(usual[name], bool):
            if not isinstance(value, bool):
                raise InvalidControlInput(name, "must be true or false")
        elif not is_number_between(value, 0, _LONGEST):
            raise InvalidControlInput(name, f"must be from 0 to {_LONGEST} seconds")
    for name, value in wish.items():
        setattr(project.settings, name, value)
    return project.settings.to_json()


def _hook(project: SupabaseProject, wish: Record) -> Record:
    """`{"send_email": …, "database": …}`, each of them optional."""
    for name in wish:
        if name not in _HOOKS:
            raise InvalidControlInput(name, f"is not one of {', '.join(_HOOKS)}")
    found = _settle(project, wish)
    return {name: found[name] for name in _HOOKS}


def _rotate(project: SupabaseProject, wish: Record) -> Record:
    """A new key signs from now on, and the old ones stay. `{"drop_old": true}` takes those back instead."""
    drop, keys = wish.get("drop_old", False), project.keys
    if not isinstance(drop, bool):
        raise InvalidControlInput("drop_old", "must be true or false")
    if not drop or len(keys.keys) == 1:  # with no old key it is the only one that goes, as after a leak
        keys.rotate_keys()
    if drop:
        keys.drop_old_keys()
    return {"kid": keys.keys[-1].kid, "published": [one["kid"] for one in keys.public_jwks]}


def _sign(project: SupabaseProject, wish: Record) -> Record:
    if wish.get("algorithm") not in ALGORITHMS:
        raise InvalidControlInput("algorithm", f"must be one of {', '.join(ALGORITHMS)}")
    project.keys.algorithm = wish["algorithm"]
    return {"algorithm": project.keys.algorithm}
