"""The composition root: settings, resources, adapters, services, routes."""

from hub.app.resources import Resources, database_dsn, resources, transport_alone
from hub.app.services import Services, services, worker
from hub.app.web import api, checks, limiter, openapi, web_app
from hub.app.wiring.identity import People

__all__ = [
    "People",
    "Resources",
    "Services",
    "api",
    "checks",
    "database_dsn",
    "limiter",
    "openapi",
    "resources",
    "services",
    "transport_alone",
    "web_app",
    "worker",
]
