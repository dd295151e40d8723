"""What the sandbox adds to Supabase at /_/supabase/: looking in, and what the owner does in the dashboard."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.supabase.signing import ALGORITHMS
from sandbox.supabase.state import Project, Settings, project_of
from sandbox.supabase.users import Record
from sandbox.wire import Wrong, number, read_input, whole
from sandbox.world import World

_HOOKS = ("send_email", "database")
_LONGEST = 10 * 365 * 86400
"""Seconds that a setting may be."""

Act = Callable[[Project, Record], Record]


def setup(app: web.Application, world: World) -> None:
    app.router.add_get("/_/supabase/users", _look(world, lambda it: [one.as_json() for one in it.users.values()]))
    app.router.add_get("/_/supabase/sessions", _look(world, lambda it: [one.as_json() for one in it.sessions.values()]))
    app.router.add_get("/_/supabase/settings", _look(world, lambda it: it.settings.as_json()))
    app.router.add_post("/_/supabase/settings", _act(world, _settle))
    app.router.add_post("/_/supabase/hooks", _act(world, _hook))
    app.router.add_post("/_/supabase/rotate", _act(world, _rotate))
    app.router.add_post("/_/supabase/signing", _act(world, _sign))


def _look(world: World, seen: Callable[[Project], Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def look(_: web.Request) -> web.Response:
        return web.json_response(seen(project_of(world)))

    return look


def _act(world: World, act: Act) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            return web.json_response(act(project_of(world), await read_input(request)))
        except Wrong as error:
            return error.answer()

    return handle


def _settle(project: Project, wish: Record) -> Record:
    """Any of Settings by name; all of them, or none when one is wrong."""
    usual = Settings().as_json()
    for name, value in wish.items():
        if name not in usual:
            raise Wrong(name, f"is not one of {', '.join(usual)}")
        if name == "emails_per_hour":
            if value is not None and not whole(value):
                raise Wrong(name, "must be a whole number from 0, or null")
        elif isinstance(usual[name], bool):
            if not isinstance(value, bool):
                raise Wrong(name, "must be true or false")
        elif not number(value, 0, _LONGEST):
            raise Wrong(name, f"must be from 0 to {_LONGEST} seconds")
    for name, value in wish.items():
        setattr(project.settings, name, value)
    return project.settings.as_json()


def _hook(project: Project, wish: Record) -> Record:
    """`{"send_email": …, "database": …}`, each of them optional."""
    for name in wish:
        if name not in _HOOKS:
            raise Wrong(name, f"is not one of {', '.join(_HOOKS)}")
    found = _settle(project, wish)
    return {name: found[name] for name in _HOOKS}


def _rotate(project: Project, wish: Record) -> Record:
    """A new key signs from now on, and the old ones stay. `{"drop_old": true}` takes those back instead."""
    drop, keys = wish.get("drop_old", False), project.keys
    if not isinstance(drop, bool):
        raise Wrong("drop_old", "must be true or false")
    if not drop or len(keys.keys) == 1:  # with no old key it is the only one that goes, as after a leak
        keys.rotate()
    if drop:
        keys.drop_old()
    return {"kid": keys.keys[-1].kid, "published": [one["kid"] for one in keys.published]}


def _sign(project: Project, wish: Record) -> Record:
    if wish.get("algorithm") not in ALGORITHMS:
        raise Wrong("algorithm", f"must be one of {', '.join(ALGORITHMS)}")
    project.keys.algorithm = wish["algorithm"]
    return {"algorithm": project.keys.algorithm}
