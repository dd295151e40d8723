"""Who may call what: every route of the application with its line of hub.people.identity.permissions."""

from dataclasses import dataclass

from aiohttp import web

from hub.people.identity.permissions import ANYONE, LINK, SIGNED, STAFF_COOKIE, Permission
from routes.web.endpoint_api import Operation
from routes.webhooks.receive import STRIPE_TOO

OUTSIDE: tuple[tuple[str, Permission], ...] = (
    ("/webhooks/", SIGNED),
    *((alias, SIGNED) for alias in STRIPE_TOO),
    ("/account/", LINK),
    ("/booking/", LINK),
    ("/auth/logout", STAFF_COOKIE),
    ("/reconcile/", STAFF_COOKIE),
    ("/static/", ANYONE),
)
"""What guards itself, by the beginning of its path."""


@dataclass(frozen=True, slots=True)
class Line:
    method: str
    path: str
    permission: Permission


class Unlisted(LookupError):
    """A route that no line speaks of."""


def permissions_of(app: web.Application) -> list[Line]:
    """Every route, sorted by path; HEAD goes with its GET. Raises Unlisted."""
    lines = [
        Line(route.method, route.resource.canonical, _permission(route, route.resource.canonical))
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    ]
    return sorted(lines, key=lambda line: (line.path, line.method))


def _permission(route: web.AbstractRoute, path: str) -> Permission:
    for beginning, permission in OUTSIDE:
        if path.startswith(beginning):
            return permission
    operation = getattr(route.handler, "__operation__", None)
    if not isinstance(operation, Operation):
        raise Unlisted(f"{route.method} {path}")
    return operation.who
