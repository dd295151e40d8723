"""Who may call what: every route of the application with its line of hub.people.identity.permissions."""

from dataclasses import dataclass

from aiohttp import web

from hub.people.identity import ANYONE, LINK_HOLDER, PROVIDER_SIGNATURE, STAFF_COOKIE, Permission
from routes.web.endpoint_api import Operation
from routes.webhooks.receiver import STRIPE_ALIASES

SELF_GUARDED_PATHS: tuple[tuple[str, Permission], ...] = (
    ("/webhooks/", PROVIDER_SIGNATURE),
    *((alias, PROVIDER_SIGNATURE) for alias in STRIPE_ALIASES),
    ("/account/", LINK_HOLDER),
    ("/booking/", LINK_HOLDER),
    ("/auth/logout", STAFF_COOKIE),
    ("/reconcile/", STAFF_COOKIE),
    ("/static/", ANYONE),
)
"""What guards itself, by the beginning of its path."""


@dataclass(frozen=True, slots=True)
class RoutePermission:
    method: str
    path: str
    permission: Permission


class UnlistedRoute(LookupError):
    """A route that no line speaks of."""


def list_route_permissions(app: web.Application) -> list[RoutePermission]:
    """Every route, sorted by path; HEAD goes with its GET. Raises UnlistedRoute."""
    lines = [
        RoutePermission(route.method, route.resource.canonical, _permission(route, route.resource.canonical))
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    ]
    return sorted(lines, key=lambda line: (line.path, line.method))


def _permission(route: web.AbstractRoute, path: str) -> Permission:
    for beginning, permission in SELF_GUARDED_PATHS:
        if path.startswith(beginning):
            return permission
    operation = getattr(route.handler, "__operation__", None)
    if not isinstance(operation, Operation):
        raise UnlistedRoute(f"{route.method} {path}")
    return operation.permission
